//===- ExpandBFloatCasts.cpp - Casts between f64 and bf16 -----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Transforms/WalkPatternRewriteDriver.h"
#include "tern/LLVM/Passes.h"

namespace tern {
#define GEN_PASS_DEF_EXPANDBFLOATCASTSPASS
#include "tern/LLVM/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

/// The type with other elements.
static Type withElements(Type type, Type element) {
  if (auto shaped = dyn_cast<ShapedType>(type))
    return shaped.clone(element);
  return element;
}

/// An integer in each element.
static Value createInteger(OpBuilder &b, Location loc, Type type, int64_t n) {
  TypedAttr attr = b.getIntegerAttr(getElementTypeOrSelf(type), n);
  if (auto shaped = dyn_cast<ShapedType>(type))
    attr = DenseElementsAttr::get(shaped, Attribute(attr));
  return arith::ConstantOp::create(b, loc, attr);
}

namespace {

/// Rounded to odd in f32: the last bit then says whether anything was cut off,
/// and f32 has more than two bits beyond bf16, so that the second rounding is
/// that of the f64 (S. Boldo, G. Melquiond, "Emulation of a FMA and correctly
/// rounded sums: proved algorithms using rounding to odd", 2008).
struct RoundOnce : OpRewritePattern<arith::TruncFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::TruncFOp op,
                                PatternRewriter &b) const override {
    Type wide = op.getIn().getType();
    if (!getElementTypeOrSelf(op.getType()).isBF16() ||
        !getElementTypeOrSelf(wide).isF64())
      return failure();
    Location loc = op.getLoc();
    Type narrow = withElements(wide, b.getF32Type());
    Type integer = withElements(wide, b.getI32Type());
    Type longInteger = withElements(wide, b.getI64Type());
    Value nearest = arith::TruncFOp::create(b, loc, narrow, op.getIn());
    Value back = arith::ExtFOp::create(b, loc, wide, nearest);
    // NaNs are equal here: they stay what they are.
    Value isInexact = arith::CmpFOp::create(b, loc, arith::CmpFPredicate::ONE,
                                            back, op.getIn());
    // Of one sign, floats are in the order of their bits.
    Value sign =
        createInteger(b, loc, longInteger, std::numeric_limits<int64_t>::max());
    auto getMagnitude = [&](Value value) {
      Value bits = arith::BitcastOp::create(b, loc, longInteger, value);
      return arith::AndIOp::create(b, loc, bits, sign);
    };
    Value isAway =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ugt,
                              getMagnitude(back), getMagnitude(op.getIn()));
    Value one = createInteger(b, loc, integer, 1);
    Value bits = arith::BitcastOp::create(b, loc, integer, nearest);
    Value less = arith::SubIOp::create(b, loc, bits, one);
    Value towardZero = arith::SelectOp::create(b, loc, isAway, less, bits);
    Value odd = arith::OrIOp::create(b, loc, towardZero, one);
    odd = arith::SelectOp::create(b, loc, isInexact, odd, bits);
    odd = arith::BitcastOp::create(b, loc, narrow, odd);
    b.replaceOpWithNewOp<arith::TruncFOp>(op, op.getType(), odd);
    return success();
  }
};

/// Both steps are exact.
struct ExtendTwice : OpRewritePattern<arith::ExtFOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(arith::ExtFOp op,
                                PatternRewriter &b) const override {
    if (!getElementTypeOrSelf(op.getIn().getType()).isBF16() ||
        !getElementTypeOrSelf(op.getType()).isF64())
      return failure();
    Type middle = withElements(op.getType(), b.getF32Type());
    Value once = arith::ExtFOp::create(b, op.getLoc(), middle, op.getIn());
    b.replaceOpWithNewOp<arith::ExtFOp>(op, op.getType(), once);
    return success();
  }
};

struct ExpandBFloatCastsPass
    : tern::impl::ExpandBFloatCastsPassBase<ExpandBFloatCastsPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<RoundOnce, ExtendTwice>(&getContext());
    walkAndApplyPatterns(getOperation(), std::move(patterns));
  }
};

} // namespace
