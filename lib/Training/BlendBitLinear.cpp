//===- BlendBitLinear.cpp - Ternary layers for lambda below 1 -------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlendBitLinear.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "tern/Dialect/Tern/Utils/DynamicQuantizer.h"

using namespace mlir;
using namespace tern;

/// code * scale, one scale for each token.
static Value blendActivations(TensorBuilder &b, Value x,
                              ActivationQuantizerAttr quantizer, Value lambda) {
  if (quantizer.getScheme() == ActivationScheme::DynamicU8Tensor) {
    Location loc = b.getLoc();
    Value value = dequantize(b, loc, quantizeDynamically(b, loc, x));
    return StraightThroughOp::create(b, x.getType(), x, value, lambda);
  }
  auto quantized = QuantizeActivationsOp::create(b, x, quantizer);
  SmallVector<OpFoldResult> sizes = b.sizesOf(x);
  unsigned rank = sizes.size();
  Value value =
      b.map(sizes, b.getF32Type(), {quantized.getQ(), quantized.getScale()},
            {b.identity(rank), b.leading(rank, rank - 1)},
            [](TensorBuilder &n, ValueRange args) -> Value {
              Value code = arith::SIToFPOp::create(n, n.getF32Type(), args[0]);
              return arith::MulFOp::create(n, code, args[1]);
            });
  return StraightThroughOp::create(b, x.getType(), x, value, lambda);
}

/// Which scale belongs to element (n, k).
static AffineMap getScaleMap(TensorBuilder &b, WeightQuantizerAttr quantizer) {
  AffineExpr n = b.getAffineDimExpr(0), k = b.getAffineDimExpr(1);
  switch (quantizer.getGranularity()) {
  case Granularity::Tensor:
    return b.scalar(2);
  case Granularity::Row:
    return b.leading(2, 1);
  case Granularity::Group:
    return AffineMap::get(2, 0, {n, k.floorDiv(quantizer.getGroupSize())},
                          b.getContext());
  }
  llvm_unreachable("all granularities are handled");
}

Value tern::buildDequantized(TensorBuilder &b, Value weight, Value alpha,
                             WeightQuantizerAttr quantizer) {
  auto quantized = QuantizeWeightsOp::create(b, weight, alpha, quantizer);
  return b.map(b.sizesOf(weight), b.getF32Type(),
               {quantized.getCodes(), quantized.getScale()},
               {b.identity(2), getScaleMap(b, quantizer)},
               [](TensorBuilder &n, ValueRange args) -> Value {
                 Value code =
                     arith::SIToFPOp::create(n, n.getF32Type(), args[0]);
                 return arith::MulFOp::create(n, code, args[1]);
               });
}

static Value blendWeights(TensorBuilder &b, BitLinearOp op, Value lambda) {
  Value w = op.getWeight();
  if (!op.getAlpha())
    return StraightThroughOp::create(
        b, w.getType(), w, buildDequantized(b, w, Value(), op.getWeights()),
        lambda);
  auto quantized =
      QuantizeWeightsOp::create(b, w, op.getAlpha(), op.getWeights());
  SmallVector<OpFoldResult> sizes = b.sizesOf(w);
  AffineMap all = b.identity(2);
  AffineMap scaleMap = getScaleMap(b, op.getWeights());
  Type f32 = b.getF32Type();
  // A learned scale is not detached: w + lambda * (alpha * t - w) with t the
  // codes, whose gradient goes through to w.
  Value codes = b.map(sizes, f32, quantized.getCodes(), all,
                      [&](TensorBuilder &n, ValueRange args) -> Value {
                        return arith::SIToFPOp::create(n, f32, args[0]);
                      });
  codes = StraightThroughOp::create(b, w.getType(), w, codes, Value());
  return b.map(sizes, f32, {w, codes, quantized.getScale(), lambda},
               {all, all, scaleMap, b.scalar(2)},
               [&](TensorBuilder &n, ValueRange args) -> Value {
                 Value value = arith::MulFOp::create(n, args[2], args[1]);
                 Value d = arith::SubFOp::create(n, value, args[0]);
                 d = arith::MulFOp::create(n, args[3], d);
                 return arith::AddFOp::create(n, args[0], d);
               });
}

Value tern::buildLinear(TensorBuilder &b, Value x, Value weight, Value bias) {
  // y[..., n] = sum over k of x[..., k] * w[n, k].
  SmallVector<OpFoldResult> sizes = b.sizesOf(x);
  sizes.back() = b.sizesOf(weight).front();
  unsigned rank = sizes.size();
  AffineExpr n = b.getAffineDimExpr(rank - 1), k = b.getAffineDimExpr(rank);
  SmallVector<AffineExpr> tokens;
  for (unsigned dim = 0; dim + 1 < rank; ++dim)
    tokens.push_back(b.getAffineDimExpr(dim));
  auto withTokens = [&](AffineExpr last) {
    SmallVector<AffineExpr> exprs(tokens);
    exprs.push_back(last);
    return AffineMap::get(rank + 1, 0, exprs, b.getContext());
  };
  Value y = b.reduce(
      sizes, b.getF32FloatAttr(0.0f), {x, weight},
      {withTokens(k), AffineMap::get(rank + 1, 0, {n, k}, b.getContext())},
      withTokens(n), [](TensorBuilder &nested, ValueRange args) -> Value {
        Value product = arith::MulFOp::create(nested, args[0], args[1]);
        return arith::AddFOp::create(nested, args[2], product);
      });
  if (bias)
    y = b.map(sizes, b.getF32Type(), {y, bias},
              {b.identity(rank), AffineMap::get(rank, 0, n, b.getContext())},
              [](TensorBuilder &nested, ValueRange args) -> Value {
                return arith::AddFOp::create(nested, args[0], args[1]);
              });
  return y;
}

void tern::blendBitLinear(BitLinearOp op, Value lambda) {
  TensorBuilder b(op.getLoc(), op);
  Value x = op.getX();
  if (op.getActivationsAttr())
    x = blendActivations(b, x, op.getActivationsAttr(), lambda);
  Value w = blendWeights(b, op, lambda);

  Value y = buildLinear(b, x, w, op.getBias());
  op.getResult().replaceAllUsesWith(y);
  op.erase();
}
