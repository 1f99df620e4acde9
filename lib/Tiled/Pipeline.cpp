//===- Pipeline.cpp - Packed to tiled -------------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "tern/Dialect/Tern/Utils/Cleanup.h"
#include "tern/Tiled/Passes.h"

using namespace mlir;

void tern::buildPackedToTiledPipeline(OpPassManager &pm,
                                      const LoweringOptions &options) {
  if (options.isPrepare)
    pm.addPass(createTernSharePrepares());
  // What tokens share is computed before tiles divide them.
  TernLowerQuantizersOptions shared;
  shared.wholeTensors = true;
  pm.addNestedPass<func::FuncOp>(createTernLowerQuantizers(shared));
  pm.addPass(createBoundScalarsPass());
  // While shapes can still be read off operations rather than loops.
  pm.addPass(createMaterializeShapesPass());
  // Before bodies change: the order of a sum follows from what the graph says.
  pm.addNestedPass<func::FuncOp>(createTernOrderReductions());
  // Only now: fused earlier, work on weights would stick to work on inputs.
  pm.addNestedPass<func::FuncOp>(createTernFuseElementwise());
  addCleanup(pm);
  if (options.outlineLayers && !options.isPrepare)
    pm.addPass(createTernOutlineLayers());
  pm.addNestedPass<func::FuncOp>(createUnshareDestinationsPass());
  pm.addNestedPass<func::FuncOp>(createSchedulePass());
  // Destinations are exchanged before tiles hide them.
  pm.addPass(createDonatePass());
  auto &functions = pm.nest<func::FuncOp>();
  if (!options.isPrepare)
    functions.addPass(createTernTile());
  functions.addPass(createTernLowerQuantizers());
  functions.addPass(createTernLowerPackedMatmul());
  // Tiling asked for extents of reshaped tensors. They are traced to the
  // arguments here: once they are buffers, nothing upstream resolves them.
  pm.addPass(memref::createResolveShapedTypeResultDimsPass());
  addCleanup(pm);
}
