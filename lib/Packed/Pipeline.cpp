//===- Pipeline.cpp - Ternary to packed -----------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "tern/Dialect/Tern/Utils/Cleanup.h"
#include "tern/Packed/Passes.h"
#include "tern/Training/Passes.h"

using namespace mlir;

void tern::buildTernaryToPackedPipeline(OpPassManager &pm) {
  pm.addNestedPass<func::FuncOp>(createTernDropTraining());
  pm.addNestedPass<func::FuncOp>(createTernDecomposeBitLinear());
  pm.addNestedPass<func::FuncOp>(createTernSelectLayout());
  addCleanup(pm);
  pm.addNestedPass<func::FuncOp>(createTernShareQuantizers());
  pm.addPass(createTernHoistWeightWork());
  pm.addPass(createTernNestPrepare());
  pm.addPass(createCSEPass());
  pm.addNestedPass<func::FuncOp>(createTernRematerialize());
}
