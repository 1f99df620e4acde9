//===- ApproximateMath.cpp - Math functions that vectorize ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ApproximateMath.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "tern/Conversion/Passes.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Dialect/Tern/Transforms/Passes.h"

namespace tern {
#define GEN_PASS_DEF_APPROXIMATEMATHPASS
#include "tern/Conversion/Passes.h.inc"
} // namespace tern

using namespace mlir;

bool tern::isApproximatedMath(StringRef operationName) {
  return operationName == math::ExpOp::getOperationName() ||
         operationName == math::LogOp::getOperationName() ||
         operationName == math::TanhOp::getOperationName() ||
         operationName == math::ErfOp::getOperationName();
}

namespace {
struct ApproximateMathPass
    : tern::impl::ApproximateMathPassBase<ApproximateMathPass> {
  void runOnOperation() override {
    // Without the instruction, each fused operation would be a call.
    if (!tern::getTarget(getOperation()).fusesMultiplyAdd())
      return;
    RewritePatternSet patterns(&getContext());
    populateMathPolynomialApproximationPatterns(patterns,
                                                tern::isApproximatedMath);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace
