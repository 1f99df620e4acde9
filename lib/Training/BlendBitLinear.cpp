//===- BlendBitLinear.cpp - Ternary layers for lambda below 1 -------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlendBitLinear.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "tern/Dialect/Tern/Utils/Dequantize.h"

using namespace mlir;
using namespace tern;

Value tern::buildDequantized(TensorBuilder &b, Value weight, Value alpha,
                             WeightQuantizerAttr quantizer) {
  auto quantized = QuantizeWeightsOp::create(b, weight, alpha, quantizer);
  return dequantize(b, b.sizesOf(weight), quantized.getCodes(),
                    quantized.getScale(), getScaleMap(quantizer));
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
  AffineMap scaleMap = getScaleMap(op.getWeights());
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

Value tern::buildLinear(TensorBuilder &b, Value x, Value weight, Value bias,
                        Type type) {
  // y[..., n] = sum over k of x[..., k] * w[n, k].
  SmallVector<OpFoldResult> sizes = b.sizesOf(x);
  sizes.back() = b.sizesOf(weight).front();
  unsigned rank = sizes.size();
  AffineMap loops = b.identity(rank + 1); // ..., n, k
  Value y = b.reduce(sizes, b.getF32FloatAttr(0.0f), {x, weight},
                     {loops.dropResult(rank - 1), loops.getMinorSubMap(2)},
                     loops.getMajorSubMap(rank),
                     [](TensorBuilder &nested, ValueRange args) -> Value {
                       Value product =
                           arith::MulFOp::create(nested, args[0], args[1]);
                       return arith::AddFOp::create(nested, args[2], product);
                     });
  if (bias)
    y = b.map(sizes, b.getF32Type(), {y, bias},
              {b.identity(rank), b.identity(rank).getMinorSubMap(1)},
              [](TensorBuilder &nested, ValueRange args) -> Value {
                return arith::AddFOp::create(nested, args[0], args[1]);
              });
  return castTo(b, b.getLoc(), y, type);
}

void tern::blendBitLinear(BitLinearOp op, Value lambda) {
  TensorBuilder b(op.getLoc(), op);
  Value x = op.getX();
  if (op.getActivationsAttr())
    x = StraightThroughOp::create(
        b, x.getType(), x, quantizeAndBack(b, x, op.getActivationsAttr()),
        lambda);
  Value w = blendWeights(b, op, lambda);

  op.getResult().replaceAllUsesWith(
      buildLinear(b, x, w, op.getBias(), op.getType()));
  op.erase();
}
