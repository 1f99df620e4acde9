//===- ApproximateMath.cpp - exp, log, tanh, erf as polynomials -----------===//
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
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "tern/Buffers/Passes.h"
#include "tern/Dialect/Tern/IR/TernAttributes.h"
#include "tern/Dialect/Tern/IR/TernOps.h"

namespace tern {
#define GEN_PASS_DEF_APPROXIMATEMATHPASS
#include "tern/Buffers/Passes.h.inc"
} // namespace tern

using namespace mlir;

bool tern::isApproximatedMath(StringRef operationName) {
  return operationName == math::ExpOp::getOperationName() ||
         operationName == math::LogOp::getOperationName() ||
         operationName == math::TanhOp::getOperationName() ||
         operationName == math::ErfOp::getOperationName();
}

/// A conversion of NaN to an integer is poison, and what else NaN makes of the
/// function does not help: LLVM drops all that uses it where it sees that an
/// operand is NaN. Let a minimum that decides before be the bound then.
static void keepNaNsFrom(arith::FPToSIOp op) {
  auto minimum = op.getIn().getDefiningOp<arith::SelectOp>();
  auto less = minimum ? minimum.getCondition().getDefiningOp<arith::CmpFOp>()
                      : arith::CmpFOp();
  if (less && less->hasOneUse() &&
      less.getPredicate() == arith::CmpFPredicate::ULE &&
      less.getLhs() == minimum.getTrueValue() &&
      less.getRhs() == minimum.getFalseValue() &&
      matchPattern(less.getRhs(), m_Constant())) {
    less.setPredicate(arith::CmpFPredicate::OLE);
    return;
  }
  OpBuilder b(op);
  Location loc = op.getLoc();
  Value isNumber = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ORD,
                                         op.getIn(), op.getIn());
  Value zero =
      arith::ConstantOp::create(b, loc, b.getZeroAttr(op.getIn().getType()));
  op.getInMutable().assign(
      arith::SelectOp::create(b, loc, isNumber, op.getIn(), zero));
}

namespace {

/// Conversions to integers that patterns made.
struct ConversionListener : RewriterBase::Listener {
  void notifyOperationInserted(Operation *op, OpBuilder::InsertPoint) override {
    if (auto conversion = dyn_cast<arith::FPToSIOp>(op))
      made.insert(conversion);
  }
  void notifyOperationErased(Operation *op) override {
    if (auto conversion = dyn_cast<arith::FPToSIOp>(op))
      made.remove(conversion);
  }
  llvm::SetVector<arith::FPToSIOp> made;
};

struct ApproximateMathPass
    : tern::impl::ApproximateMathPassBase<ApproximateMathPass> {
  void runOnOperation() override {
    // Without the instruction, each fused operation would be a call.
    if (!tern::getTarget(getOperation()).getMachine().hasFma)
      return;
    ConversionListener conversions;
    RewritePatternSet patterns(&getContext());
    populateMathPolynomialApproximationPatterns(patterns,
                                                tern::isApproximatedMath);
    if (failed(applyPatternsGreedily(
            getOperation(), std::move(patterns),
            GreedyRewriteConfig().setListener(&conversions))))
      return signalPassFailure();
    for (arith::FPToSIOp op : conversions.made)
      keepNaNsFrom(op);
  }
};

} // namespace
