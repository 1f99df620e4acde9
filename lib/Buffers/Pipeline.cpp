//===- Pipeline.cpp - Tiled to buffers ------------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Bufferization/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Dialect/SCF/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "tern/Buffers/Passes.h"
#include "tern/Dialect/Tern/Utils/Cleanup.h"
#include "tern/Tiled/Passes.h"

using namespace mlir;

void tern::buildTiledToBuffersPipeline(OpPassManager &pm) {
  // These do nothing where they ran before tiling.
  pm.addPass(createBoundScalarsPass());
  pm.addPass(createMaterializeShapesPass());
  pm.addPass(createResultsToDestinationsPass());
  addCleanup(pm);
  pm.addNestedPass<func::FuncOp>(createUnshareDestinationsPass());
  pm.addNestedPass<func::FuncOp>(createPlaceInDestinationsPass());
  pm.addPass(createBufferizePass());
  pm.addNestedPass<func::FuncOp>(createForallToParallelLoopPass());
  pm.addPass(memref::createResolveShapedTypeResultDimsPass());
  // Views first become equal, then copies of a view to itself disappear.
  addCleanup(pm);
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCheckDonationPass());
  pm.addNestedPass<func::FuncOp>(bufferization::createBufferLoopHoistingPass());
  pm.addNestedPass<func::FuncOp>(createLowerContractionsPass());
  pm.addNestedPass<func::FuncOp>(createLowerLinalgPass());
  pm.addPass(createPlanMemoryPass());
  pm.addPass(createCheckSizesPass());
  addCleanup(pm);
  pm.addNestedPass<func::FuncOp>(createSkipEmptyLoopsPass());
  pm.addPass(createOutlineParallelPass());
  pm.addPass(createSplitFunctionsPass());
  addCleanup(pm);
}
