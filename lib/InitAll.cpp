//===- InitAll.cpp - Registration for Tern's tools ------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/InitAll.h"
#include "mlir/InitAllDialects.h"
#include "mlir/InitAllExtensions.h"
#include "mlir/InitAllPasses.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "tern/Autodiff/Passes.h"
#include "tern/Buffers/Passes.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Driver/Phases.h"
#include "tern/LLVM/Passes.h"
#include "tern/Packed/Passes.h"
#include "tern/Targets/Passes.h"
#include "tern/Targets/Register.h"
#include "tern/Ternary/Passes.h"
#include "tern/Tiled/BranchShapes.h"
#include "tern/Tiled/Passes.h"
#include "tern/Training/Passes.h"

void tern::registerAllDialects(mlir::DialectRegistry &registry) {
  mlir::registerAllDialects(registry);
  mlir::registerAllExtensions(registry);
  mlir::registerAllToLLVMIRTranslations(registry);
  registry.insert<tern::TernDialect>();
  tern::registerDifferentiableOpModels(registry);
  tern::registerBranchShapes(registry);
  tern::registerTargets(registry);
}

void tern::registerAllPasses() {
  mlir::registerAllPasses();
  tern::registerTernTernaryPasses();
  tern::registerTernPackedPasses();
  tern::registerTernTiledPasses();
  tern::registerTernBuffersPasses();
  tern::registerTernLLVMPasses();
  tern::registerTernTargetsPasses();
  tern::registerTernAutodiffPasses();
  tern::registerTernTrainingPasses();
  tern::registerPipelines();
}
