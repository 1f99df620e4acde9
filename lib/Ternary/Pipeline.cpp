//===- Pipeline.cpp - Graph to ternary ------------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "tern/Dialect/Tern/Utils/Cleanup.h"
#include "tern/Ternary/Passes.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;

void tern::buildGraphToTernaryPipeline(OpPassManager &pm,
                                       const TernaryOptions &options) {
  pm.addPass(createTernInlineCalls());
  // One value for one computation: patterns read scales in several places.
  addCleanup(pm);
  TernTernarizeOptions ternarize;
  ternarize.mode = llvm::StringSwitch<TernarizeMode>(options.ternarize)
                       .Case("all", TernarizeMode::All)
                       .Case("none", TernarizeMode::None)
                       .Default(TernarizeMode::Auto);
  ternarize.quantizer = options.quantizer;
  ternarize.activations =
      llvm::StringSwitch<ActivationMode>(options.activations)
          .Case("int8", ActivationMode::Int8)
          .Case("float", ActivationMode::Float)
          .Default(ActivationMode::Auto);
  ternarize.exclude = llvm::to_vector(options.exclude);
  if (ternarize.mode != TernarizeMode::None) {
    TernRaiseBitLinearOptions raise;
    raise.exclude = llvm::to_vector(options.exclude);
    pm.addNestedPass<func::FuncOp>(createTernRaiseBitLinear(raise));
    pm.addPass(createTernOutlineLatents());
  }
  pm.addPass(createTernTernarize(ternarize));
  addCleanup(pm);
}
