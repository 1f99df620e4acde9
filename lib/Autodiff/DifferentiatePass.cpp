//===- DifferentiatePass.cpp - The pass tern-differentiate ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "tern/Autodiff/Passes.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"

namespace tern {
#define GEN_PASS_DEF_TERNDIFFERENTIATE
#include "tern/Autodiff/Passes.h.inc"
} // namespace tern

using namespace mlir;

namespace {
struct DifferentiatePass
    : tern::impl::TernDifferentiateBase<DifferentiatePass> {
  using TernDifferentiateBase::TernDifferentiateBase;

  void runOnOperation() override {
    func::FuncOp primal = findPrimal();
    if (!primal)
      return signalPassFailure();
    tern::DifferentiateOptions options;
    options.seeds = seeds;
    if (!wrt.empty())
      options.wrt = SmallVector<unsigned>(wrt.begin(), wrt.end());
    if (failed(tern::differentiate(primal, options)))
      signalPassFailure();
  }

  /// The function named, or the only one that is defined.
  func::FuncOp findPrimal() {
    ModuleOp module = getOperation();
    if (!function.empty()) {
      auto named = module.lookupSymbol<func::FuncOp>(function);
      if (!named)
        module.emitError() << "there is no function '" << function << "'";
      return named;
    }
    func::FuncOp only;
    for (auto candidate : module.getOps<func::FuncOp>()) {
      if (candidate.isDeclaration())
        continue;
      if (only) {
        module.emitError("there are several functions; name the one to "
                         "differentiate with function=");
        return nullptr;
      }
      only = candidate;
    }
    if (!only)
      module.emitError("there is no function to differentiate");
    return only;
  }
};
} // namespace
