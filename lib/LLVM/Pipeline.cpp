//===- Pipeline.cpp - Buffers to LLVM -------------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/Transforms/Passes.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/MemRef/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "tern/Buffers/Passes.h"
#include "tern/Dialect/Tern/Utils/Cleanup.h"
#include "tern/LLVM/Passes.h"

using namespace mlir;

void tern::buildBuffersToLLVMPipeline(OpPassManager &pm) {
  // f16 and bf16 use the functions on f32.
  pm.addNestedPass<func::FuncOp>(math::createMathExtendToSupportedTypes());
  pm.addNestedPass<func::FuncOp>(createExpandMathPass());
  pm.addPass(createCheckMathPass());
  pm.addPass(createEmitEntryPointsPass());
  pm.addNestedPass<func::FuncOp>(createConvertVectorToSCFPass());
  pm.addPass(createLowerReshapesPass());
  pm.addPass(memref::createExpandStridedMetadataPass());
  pm.addPass(createLowerAffinePass());
  addCleanup(pm);
  pm.addPass(createSCFToControlFlowPass());
  // bf16 is computed in f32 and rounded in integers: libraries that could do it
  // are younger than the distributions Tern supports.
  arith::ArithEmulateUnsupportedFloatsOptions emulate;
  emulate.sourceTypeStrs = {"bf16"};
  emulate.targetTypeStr = "f32";
  pm.addPass(arith::createArithEmulateUnsupportedFloats(emulate));
  pm.addNestedPass<func::FuncOp>(createExpandBFloatCastsPass());
  arith::ArithExpandOpsPassOptions expand;
  expand.includeBf16 = true;
  pm.addNestedPass<func::FuncOp>(arith::createArithExpandOpsPass(expand));
  pm.addPass(createConvertVectorToLLVMPass());
  // Functions that LLVM has no intrinsic for, or lowers to a vector library we
  // do not link, come from libm. So does log1p, not log(1 + x), which loses x.
  ConvertMathToLLVMPassOptions convertMath;
  convertMath.approximateLog1p = false;
  pm.addPass(createConvertMathToLLVMPass(convertMath));
  constexpr std::unique_ptr<Pass> (*conversions[])() = {
      createConvertMathToLibmPass,
      createFinalizeMemRefToLLVMConversionPass,
      createConvertIndexToLLVMPass,
      createArithToLLVMConversionPass,
      createConvertControlFlowToLLVMPass,
      createUBToLLVMConversionPass,
      createConvertFuncToLLVMPass,
      createReconcileUnrealizedCastsPass};
  for (auto *create : conversions)
    pm.addPass(create());
  pm.addPass(createBFloatsAsIntegersPass());
  addCleanup(pm);
}
