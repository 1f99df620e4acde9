//===- LowerQuantizers.cpp - Quantizing activations to linalg -------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Activations, token by token, and straight-through estimators. The formulas
// are those of #tern.activation_quantizer. Lowering of activations with one
// scale is in LowerTensorQuantizer.cpp, of weights in
// LowerWeightQuantizers.cpp, of packing in LowerPacking.cpp.
//
//===----------------------------------------------------------------------===//

#include "QuantizerLowering.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"
#include "tern/Dialect/Tern/Utils/Padding.h"
#include "tern/Tiled/Passes.h"

namespace tern {
#define GEN_PASS_DEF_TERNLOWERQUANTIZERS
#include "tern/Tiled/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

struct LowerQuantizeActivations : OpRewritePattern<QuantizeActivationsOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(QuantizeActivationsOp op,
                                PatternRewriter &b) const override {
    if (op.getZero())
      return failure(); // LowerTensorQuantizer.cpp.
    Location loc = op.getLoc();
    Value x = op.getX();
    ActivationQuantizerAttr quantizer = op.getQuantizer();
    Type f32 = getElementTypeOrSelf(x);
    int64_t rank = cast<RankedTensorType>(x.getType()).getRank();
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, x);
    ArrayRef<OpFoldResult> tokens = ArrayRef(sizes).drop_back();

    // g = max |x| over the last axis, NaN if there is one.
    AffineMap identity = b.getMultiDimIdentityMap(rank);
    AffineMap perToken = identity.dropResult(rank - 1);
    SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
    loops.back() = utils::IteratorType::reduction;
    Value zeros = buildFilled(b, loc, tokens, b.getFloatAttr(f32, 0.0));
    Value g =
        linalg::GenericOp::create(
            b, loc, zeros.getType(), x, zeros, {identity, perToken}, loops,
            [](OpBuilder &nested, Location at, ValueRange args) {
              Value a = math::AbsFOp::create(nested, at, args[0]);
              Value m = arith::MaximumFOp::create(nested, at, args[1], a);
              linalg::YieldOp::create(nested, at, m);
            })
            .getResult(0);

    // The scale g/127, and its reciprocal r, each by one division.
    double eps = quantizer.getEps().convertToDouble();
    bool clampScale = quantizer.getEpsMode() == EpsMode::ClampScale;
    AffineMap tokenMap = b.getMultiDimIdentityMap(rank - 1);
    auto clampLow = [&](OpBuilder &nested, Location at, Value v) -> Value {
      return arith::MaximumFOp::create(nested, at, v,
                                       floatConstant(nested, at, f32, eps));
    };
    auto perTokenValue = [&](bool reciprocal) {
      Value init = tensor::EmptyOp::create(b, loc, tokens, f32);
      return buildElementwise(
          b, loc, g, tokenMap, init,
          [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
            Value most = floatConstant(nested, at, f32, 127.0);
            Value v = args[0];
            if (!clampScale)
              v = clampLow(nested, at, v);
            if (reciprocal && !clampScale)
              return arith::DivFOp::create(nested, at, most, v);
            v = arith::DivFOp::create(nested, at, v, most);
            if (clampScale)
              v = clampLow(nested, at, v);
            if (!reciprocal)
              return v;
            Value one = floatConstant(nested, at, f32, 1.0);
            return arith::DivFOp::create(nested, at, one, v);
          });
    };
    Value scale = perTokenValue(/*reciprocal=*/false);
    Value r = perTokenValue(/*reciprocal=*/true);

    // Codes, written in the front of rows that are zero past K.
    SmallVector<OpFoldResult> padded(sizes);
    int64_t block = op.getPaddedTo();
    padded.back() =
        applyFolded(b, loc, b.getAffineSymbolExpr(0).ceilDiv(block) * block,
                    {sizes.back()});
    auto codes = [&](Value init) {
      return buildElementwise(
          b, loc, {x, r}, {identity, perToken}, init,
          [&](OpBuilder &nested, Location at, ValueRange args) {
            Value v = arith::MulFOp::create(nested, at, args[0], args[1]);
            v = buildRound(nested, at, quantizer.getRound(), v);
            return buildClampToInt8(nested, at, v, -128.0, 127.0);
          });
    };
    Value q;
    if (padded.back() == sizes.back()) {
      q = codes(tensor::EmptyOp::create(b, loc, sizes, b.getI8Type()));
    } else {
      Value wide = buildFilled(b, loc, padded, b.getI8IntegerAttr(0));
      SmallVector<OpFoldResult> zero(rank, b.getIndexAttr(0));
      SmallVector<OpFoldResult> one(rank, b.getIndexAttr(1));
      Value front =
          tensor::ExtractSliceOp::create(b, loc, wide, zero, sizes, one);
      q = tensor::InsertSliceOp::create(b, loc, codes(front), wide, zero, sizes,
                                        one);
    }
    b.replaceOp(op, {castTo(b, loc, q, op.getQ().getType()),
                     castTo(b, loc, scale, op.getScale().getType())});
    return success();
  }
};

struct LowerStraightThrough : OpRewritePattern<StraightThroughOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(StraightThroughOp op,
                                PatternRewriter &b) const override {
    if (!op.getLambda()) {
      b.replaceOp(op, op.getQuantized());
      return success();
    }
    Location loc = op.getLoc();
    int64_t rank = cast<RankedTensorType>(op.getType()).getRank();
    AffineMap identity = b.getMultiDimIdentityMap(rank);
    AffineMap scalar = AffineMap::get(rank, 0, b.getContext());
    Type f32 = getElementTypeOrSelf(op.getType());
    Value init = tensor::EmptyOp::create(
        b, loc, tensor::getMixedSizes(b, loc, op.getX()), f32);
    b.replaceOp(
        op, buildElementwise(
                b, loc, {op.getX(), op.getQuantized(), op.getLambda()},
                {identity, identity, scalar}, init,
                [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
                  Value d = arith::SubFOp::create(nested, at, args[1], args[0]);
                  d = arith::MulFOp::create(nested, at, args[2], d);
                  Value y = arith::AddFOp::create(nested, at, args[0], d);
                  // x + (q - x) is not q in floating point.
                  Value one = floatConstant(nested, at, f32, 1.0);
                  Value full = arith::CmpFOp::create(
                      nested, at, arith::CmpFPredicate::OEQ, args[2], one);
                  return arith::SelectOp::create(nested, at, full, args[1], y);
                }));
    return success();
  }
};

struct LowerQuantizersPass
    : tern::impl::TernLowerQuantizersBase<LowerQuantizersPass> {
  using TernLowerQuantizersBase::TernLowerQuantizersBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    if (wholeTensors)
      populateLowerTensorQuantizerPatterns(patterns);
    else
      populateLowerQuantizersPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void tern::populateLowerQuantizersPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerQuantizeActivations, LowerStraightThrough>(
      patterns.getContext());
  populateLowerTensorQuantizerPatterns(patterns);
  populateLowerWeightQuantizersPatterns(patterns);
  populateLowerPackingPatterns(patterns);
}
