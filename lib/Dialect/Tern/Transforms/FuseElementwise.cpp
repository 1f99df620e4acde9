//===- FuseElementwise.cpp - Fuse elementwise operations ------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "tern/Dialect/Tern/Transforms/Contraction.h"
#include "tern/Dialect/Tern/Transforms/Passes.h"

namespace tern {
#define GEN_PASS_DEF_TERNFUSEELEMENTWISE
#include "tern/Dialect/Tern/Transforms/Passes.h.inc"
} // namespace tern

using namespace mlir;

namespace {
struct FuseElementwisePass
    : tern::impl::TernFuseElementwiseBase<FuseElementwisePass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    linalg::populateElementwiseOpsFusionPatterns(
        patterns, [](OpOperand *operand) {
          Operation *producer = operand->get().getDefiningOp();
          if (!producer || !producer->hasOneUse())
            return false;
          // Windows and matrix products read an element several times: it is
          // computed once.
          auto consumer = dyn_cast<linalg::LinalgOp>(operand->getOwner());
          return !consumer ||
                 (consumer.getMatchingIndexingMap(operand)
                      .isProjectedPermutation(/*allowZeroInResults=*/true) &&
                  !tern::matchContraction(consumer));
        });
    linalg::GenericOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::EmptyOp::getCanonicalizationPatterns(patterns, &getContext());
    if (failed(applyPatternsGreedily(
            getOperation(), std::move(patterns),
            // Producers first, so that chains fuse as a whole.
            GreedyRewriteConfig().setUseTopDownTraversal())))
      signalPassFailure();
  }
};
} // namespace
