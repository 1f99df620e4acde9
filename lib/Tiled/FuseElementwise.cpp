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
#include "tern/Dialect/Tern/IR/SumOrder.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/Contraction.h"
#include "tern/Tiled/Passes.h"

namespace tern {
#define GEN_PASS_DEF_TERNFUSEELEMENTWISE
#include "tern/Tiled/Passes.h.inc"
} // namespace tern

using namespace mlir;

/// Scalar operations in a body, at most. Each fusion copies both bodies: a
/// chain of any length would take the square of it. No layer has as many.
static constexpr size_t maxBodySize = 256;

/// Operands of what is fused, at most, for the same reason.
static constexpr unsigned maxOperands = 128;

static size_t getBodySize(Operation *op) {
  auto generic = dyn_cast<linalg::GenericOp>(op);
  return generic ? generic.getBody()->getOperations().size() : 1;
}

/// Whether an operation should be fused into the one that reads `operand`.
static bool isWorthFusing(OpOperand *operand) {
  Operation *producer = operand->get().getDefiningOp();
  if (!producer || !producer->hasOneUse())
    return false;
  if (getBodySize(producer) + getBodySize(operand->getOwner()) > maxBodySize)
    return false;
  if (producer->getNumOperands() + operand->getOwner()->getNumOperands() >
      maxOperands)
    return false;
  // Windows and matrix products read an element several times: it is computed
  // once.
  auto consumer = dyn_cast<linalg::LinalgOp>(operand->getOwner());
  return !consumer ||
         (consumer.getMatchingIndexingMap(operand).isProjectedPermutation(
              /*allowZeroInResults=*/true) &&
          !tern::matchContraction(consumer));
}

namespace {
/// Upstream's pattern for operations that are recomputed: the result is marked
/// as they are, so that it is not united with what it repeats.
struct FuseRecomputed : OpRewritePattern<linalg::GenericOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(linalg::GenericOp op,
                                PatternRewriter &rewriter) const override {
    for (OpOperand &operand : op->getOpOperands()) {
      Operation *producer = operand.get().getDefiningOp();
      if (!linalg::areElementwiseOpsFusable(&operand) ||
          !isWorthFusing(&operand))
        continue;
      tern::TernDialect::RecomputedAttrHelper recomputed(op.getContext());
      IntegerAttr number = recomputed.getAttr(producer);
      if (!number)
        number = recomputed.getAttr(op);
      if (!number)
        continue;
      auto fused = linalg::fuseElementwiseOps(rewriter, &operand);
      if (failed(fused))
        continue;
      recomputed.setAttr(fused->fusedOp, number);
      for (auto [old, replacement] : fused->replacements)
        if (old.getDefiningOp() != producer)
          rewriter.replaceAllUsesWith(old, replacement);
      rewriter.eraseOp(op);
      return success();
    }
    return failure();
  }
};

struct FuseElementwisePass
    : tern::impl::TernFuseElementwiseBase<FuseElementwisePass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    linalg::populateElementwiseOpsFusionPatterns(patterns, isWorthFusing);
    patterns.add<FuseRecomputed>(&getContext(), /*benefit=*/10);
    linalg::GenericOp::getCanonicalizationPatterns(patterns, &getContext());
    tensor::EmptyOp::getCanonicalizationPatterns(patterns, &getContext());
    if (failed(applyPatternsGreedily(
            getOperation(), std::move(patterns),
            // Producers first, so that chains fuse as a whole.
            GreedyRewriteConfig().setUseTopDownTraversal())))
      return signalPassFailure();
    // A sum of products that the graph wrote in two steps.
    getOperation().walk([](linalg::LinalgOp op) {
      if (auto fold = tern::getOrderedFold(op);
          fold && fold->order != tern::SumOrder::Chunks &&
          tern::matchContraction(op))
        tern::TernDialect::OrderAttrHelper(op.getContext())
            .removeAttr(fold->op);
    });
  }
};
} // namespace
