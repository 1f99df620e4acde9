//===- Dequantize.cpp - What codes of quantizers are ----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/Utils/Dequantize.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "tern/Dialect/Tern/IR/TernOps.h"

using namespace mlir;
using namespace tern;

/// The least or greatest element, or 0; NaN if there is one.
static Value buildBound(OpBuilder &b, Location loc, Value x, bool isMax) {
  int64_t rank = cast<RankedTensorType>(x.getType()).getRank();
  Type f32 = getElementTypeOrSelf(x);
  Value zero = buildFilled(b, loc, {}, b.getFloatAttr(f32, 0.0));
  return buildGeneric(
      b, loc, x, b.getMultiDimIdentityMap(rank), zero,
      AffineMap::get(rank, 0, b.getContext()),
      [&](ImplicitLocOpBuilder &nested, ValueRange args) -> Value {
        if (isMax)
          return arith::MaximumFOp::create(nested, args[1], args[0]);
        return arith::MinimumFOp::create(nested, args[1], args[0]);
      });
}

/// Clamped to uint8, and 128 taken off.
static Value buildCode(OpBuilder &b, Location loc, Value value) {
  Type f32 = value.getType();
  auto constant = [&](double number) {
    return floatConstant(b, loc, f32, number);
  };
  // A NaN becomes a code; the scale carries it on to the result.
  value = arith::MaxNumFOp::create(b, loc, value, constant(0));
  value = arith::MinNumFOp::create(b, loc, value, constant(255));
  return arith::SubFOp::create(b, loc, value, constant(128));
}

DynamicallyQuantized tern::quantizeDynamically(OpBuilder &b, Location loc,
                                               Value x) {
  Type f32 = getElementTypeOrSelf(x);
  int64_t rank = cast<RankedTensorType>(x.getType()).getRank();
  AffineMap scalar = AffineMap::get(b.getContext());
  Value low = buildBound(b, loc, x, /*isMax=*/false);
  Value high = buildBound(b, loc, x, /*isMax=*/true);
  auto buildEmpty = [&](ArrayRef<OpFoldResult> sizes, Type type) {
    return tensor::EmptyOp::create(b, loc, sizes, type);
  };

  DynamicallyQuantized result;
  result.scale = buildElementwise(
      b, loc, {low, high}, {scalar, scalar}, buildEmpty({}, f32),
      [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
        Value range = arith::SubFOp::create(nested, at, args[1], args[0]);
        Value scale = arith::DivFOp::create(
            nested, at, range, floatConstant(nested, at, f32, 255));
        Value isEmpty =
            arith::CmpFOp::create(nested, at, arith::CmpFPredicate::OEQ, range,
                                  floatConstant(nested, at, f32, 0));
        return arith::SelectOp::create(
            nested, at, isEmpty, floatConstant(nested, at, f32, 1), scale);
      });
  // What 0.0 is before 128 is taken off, as a float.
  Value offset = buildElementwise(
      b, loc, {low, result.scale}, {scalar, scalar}, buildEmpty({}, f32),
      [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
        Value ratio = arith::DivFOp::create(nested, at, args[0], args[1]);
        ratio = arith::NegFOp::create(nested, at, ratio);
        return math::RoundEvenOp::create(nested, at, ratio);
      });
  result.zero = buildElementwise(
      b, loc, offset, scalar, buildEmpty({}, b.getI32Type()),
      [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
        return arith::FPToSIOp::create(nested, at, nested.getI32Type(),
                                       buildCode(nested, at, args[0]));
      });
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  AffineMap all = AffineMap::get(rank, 0, b.getContext());
  result.codes = buildElementwise(
      b, loc, {x, result.scale, result.zero}, {identity, all, all},
      buildEmpty(tensor::getMixedSizes(b, loc, x), b.getI8Type()),
      [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
        Value ratio = arith::DivFOp::create(nested, at, args[0], args[1]);
        ratio = math::RoundEvenOp::create(nested, at, ratio);
        Value zero = arith::SIToFPOp::create(nested, at, f32, args[2]);
        zero = arith::AddFOp::create(nested, at, zero,
                                     floatConstant(nested, at, f32, 128));
        Value code = arith::AddFOp::create(nested, at, ratio, zero);
        return arith::FPToSIOp::create(nested, at, nested.getI8Type(),
                                       buildCode(nested, at, code));
      });
  return result;
}

Value tern::dequantize(TensorBuilder &b, TensorBuilder::Sizes sizes,
                       Value codes, Value scale, AffineMap scales, Value zero) {
  unsigned rank = sizes.size();
  SmallVector<Value> inputs = {codes, scale};
  SmallVector<AffineMap> maps = {b.identity(rank), scales};
  if (zero) {
    inputs.push_back(zero);
    maps.push_back(b.scalar(rank));
  }
  return b.map(sizes, b.getF32Type(), inputs, maps,
               [&](TensorBuilder &n, ValueRange args) -> Value {
                 Value code = args[0];
                 if (zero) {
                   code = arith::ExtSIOp::create(n, n.getI32Type(), code);
                   code = arith::SubIOp::create(n, code, args[2]);
                 }
                 code = arith::SIToFPOp::create(n, n.getF32Type(), code);
                 return arith::MulFOp::create(n, code, args[1]);
               });
}

Value tern::quantizeAndBack(TensorBuilder &b, Value x,
                            ActivationQuantizerAttr quantizer) {
  SmallVector<OpFoldResult> sizes = b.sizesOf(x);
  unsigned rank = sizes.size();
  if (quantizer.getScheme() == ActivationScheme::DynamicU8Tensor) {
    DynamicallyQuantized quantized = quantizeDynamically(b, b.getLoc(), x);
    return dequantize(b, sizes, quantized.codes, quantized.scale,
                      b.scalar(rank), quantized.zero);
  }
  auto quantized = QuantizeActivationsOp::create(b, x, quantizer);
  return dequantize(b, sizes, quantized.getQ(), quantized.getScale(),
                    b.leading(rank, rank - 1));
}

AffineMap tern::getScaleMap(WeightQuantizerAttr quantizer) {
  AffineExpr n, k;
  bindDims(quantizer.getContext(), n, k);
  switch (quantizer.getGranularity()) {
  case Granularity::Tensor:
    return AffineMap::get(2, 0, quantizer.getContext());
  case Granularity::Row:
    return AffineMap::get(2, 0, n);
  case Granularity::Group:
    return AffineMap::get(2, 0, {n, k.floorDiv(quantizer.getGroupSize())},
                          quantizer.getContext());
  }
  llvm_unreachable("all granularities are handled");
}
