//===- DynamicQuantizer.cpp - dynamic_u8_tensor as linalg -----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/Utils/DynamicQuantizer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"

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

Value tern::dequantize(OpBuilder &b, Location loc,
                       const DynamicallyQuantized &quantized) {
  Type f32 = getElementTypeOrSelf(quantized.scale);
  int64_t rank = cast<RankedTensorType>(quantized.codes.getType()).getRank();
  AffineMap all = AffineMap::get(rank, 0, b.getContext());
  Value init = tensor::EmptyOp::create(
      b, loc, tensor::getMixedSizes(b, loc, quantized.codes), f32);
  return buildElementwise(
      b, loc, {quantized.codes, quantized.zero, quantized.scale},
      {b.getMultiDimIdentityMap(rank), all, all}, init,
      [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
        Value code =
            arith::ExtSIOp::create(nested, at, nested.getI32Type(), args[0]);
        code = arith::SubIOp::create(nested, at, code, args[1]);
        code = arith::SIToFPOp::create(nested, at, f32, code);
        return arith::MulFOp::create(nested, at, code, args[2]);
      });
}
