//===- DecomposeBitLinear.cpp - Split ternary layers ----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"
#include "tern/Dialect/Tern/Utils/Padding.h"
#include "tern/Dialect/Tern/Utils/Tokens.h"
#include "tern/Packed/Passes.h"

namespace tern {
#define GEN_PASS_DEF_TERNDECOMPOSEBITLINEAR
#include "tern/Packed/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

/// Scales and bias: y[m, n] = acc * rowScale[m] * weightScale (+ bias[n]).
/// Null operands are left out; the weight scale is a scalar or [N].
static Value rescale(OpBuilder &b, Location loc, Value acc, Value rowScale,
                     Value weightScale, Value bias) {
  if (!rowScale && !weightScale && !bias)
    return acc;
  AffineExpr m = b.getAffineDimExpr(0), n = b.getAffineDimExpr(1);
  SmallVector<Value> inputs = {acc};
  SmallVector<AffineMap> maps = {b.getMultiDimIdentityMap(2)};
  auto add = [&](Value input, AffineExpr expr) {
    if (!input)
      return;
    bool scalar = cast<RankedTensorType>(input.getType()).getRank() == 0;
    inputs.push_back(input);
    maps.push_back(scalar ? AffineMap::get(2, 0, b.getContext())
                          : AffineMap::get(2, 0, expr));
  };
  add(rowScale, m);
  add(weightScale, n);
  add(bias, n);

  Type f32 = b.getF32Type();
  Value init =
      tensor::EmptyOp::create(b, loc, tensor::getMixedSizes(b, loc, acc), f32);
  return buildElementwise(
      b, loc, inputs, maps, init,
      [&](OpBuilder &nested, Location at, ValueRange args) {
        Value y = args[0];
        if (y.getType().isInteger())
          y = arith::SIToFPOp::create(nested, at, f32, y);
        unsigned next = 1;
        for (Value scale : {rowScale, weightScale})
          if (scale)
            y = arith::MulFOp::create(nested, at, y, args[next++]);
        if (bias)
          y = arith::AddFOp::create(nested, at, y, args[next]);
        return y;
      });
}

/// acc[m, n] - zero * sum over k of codes[n, k]: what a product of codes lacks
/// for one of the values that codes with a zero point stand for. Exact.
static Value subtractZeroPoint(OpBuilder &b, Location loc, Value acc,
                               Value zero, Value codes) {
  Type i32 = b.getI32Type();
  AffineMap identity = b.getMultiDimIdentityMap(2);
  OpFoldResult rows = tensor::getMixedSize(b, loc, codes, 0);
  Value zeros = buildFilled(b, loc, rows, b.getI32IntegerAttr(0));
  Value sums =
      buildGeneric(b, loc, codes, identity, zeros, identity.getMajorSubMap(1),
                   [&](ImplicitLocOpBuilder &nested, ValueRange args) -> Value {
                     Value code = arith::ExtSIOp::create(nested, i32, args[0]);
                     return arith::AddIOp::create(nested, args[1], code);
                   });
  Value init =
      tensor::EmptyOp::create(b, loc, tensor::getMixedSizes(b, loc, acc), i32);
  return buildElementwise(
      b, loc, {acc, zero, sums},
      {identity, AffineMap::get(2, 0, b.getContext()),
       identity.getMinorSubMap(1)},
      init, [](OpBuilder &nested, Location at, ValueRange args) -> Value {
        Value excess = arith::MulIOp::create(nested, at, args[1], args[2]);
        return arith::SubIOp::create(nested, at, args[0], excess);
      });
}

static LogicalResult decompose(BitLinearOp op, PatternRewriter &b) {
  Location loc = op.getLoc();
  WeightQuantizerAttr quantizer = op.getWeights();
  int64_t group = quantizer.getGroupSize();
  auto weightType = cast<RankedTensorType>(op.getWeight().getType());
  bool integer = static_cast<bool>(op.getActivationsAttr());
  Type activationType = integer ? Type(b.getI8Type()) : b.getF32Type();
  LayoutAttrInterface layout =
      cast<TargetAttrInterface>(
          Attribute(GenericTargetAttr::get(b.getContext())))
          .getPreferredLayout({ShapedType::kDynamic, weightType.getDimSize(0),
                               weightType.getDimSize(1), group,
                               activationType});

  auto weights = QuantizeWeightsOp::create(b, loc, op.getWeight(),
                                           op.getAlpha(), quantizer);
  Value packed = PackOp::create(b, loc, weights.getCodes(), layout);
  Value x = toTokens(b, loc, op.getX());
  Value activations, rowScale, zero;
  if (integer) {
    auto quantized = QuantizeActivationsOp::create(
        b, loc, x, op.getActivationsAttr(), layout.getTile().k);
    activations = quantized.getQ();
    rowScale = quantized.getScale();
    zero = quantized.getZero();
  } else {
    activations = padColumns(b, loc, x, layout.getTile().k);
  }

  // Without groups the sum is one integer (or one float), scaled afterwards
  // by the elementwise tail; with groups the product has to scale it.
  bool grouped = group > 0;
  Type accType = integer && !grouped ? Type(b.getI32Type()) : b.getF32Type();
  SmallVector<OpFoldResult> sizes = {
      tensor::getMixedSize(b, loc, x, 0),
      tensor::getMixedSize(b, loc, op.getWeight(), 0)};
  Value init = tensor::EmptyOp::create(b, loc, sizes, accType);
  Value acc = PackedMatmulOp::create(
      b, loc, init.getType(), activations, packed,
      grouped ? weights.getScale() : Value(), init, layout, group);
  if (zero)
    acc = subtractZeroPoint(b, loc, acc, zero, weights.getCodes());
  Value y = rescale(b, loc, acc, rowScale,
                    grouped ? Value() : weights.getScale(), op.getBias());
  y = fromTokens(b, loc, y, op.getX());
  b.replaceOp(op, castTo(b, loc, y, op.getType()));
  return success();
}

namespace {
struct DecomposeBitLinearPass
    : tern::impl::TernDecomposeBitLinearBase<DecomposeBitLinearPass> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateDecomposeBitLinearPatterns(patterns);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

void tern::populateDecomposeBitLinearPatterns(RewritePatternSet &patterns) {
  patterns.add(decompose);
}
