//===- Elementwise.cpp - Loops over tensors as linalg ---------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/Utils/Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tern;

Value tern::floatConstant(OpBuilder &b, Location loc, Type type, double value) {
  return arith::ConstantOp::create(b, loc, b.getFloatAttr(type, value));
}

Value tern::castTo(OpBuilder &b, Location loc, Value tensor, Type type) {
  return tensor.getType() == type
             ? tensor
             : tensor::CastOp::create(b, loc, type, tensor).getResult();
}

Value tern::buildRound(OpBuilder &b, Location loc, Rounding rounding,
                       Value value) {
  switch (rounding) {
  case Rounding::Even:
    return math::RoundEvenOp::create(b, loc, value);
  case Rounding::Away:
    return math::RoundOp::create(b, loc, value);
  case Rounding::HalfUp: {
    Value half = floatConstant(b, loc, value.getType(), 0.5);
    value = arith::AddFOp::create(b, loc, value, half);
    return math::FloorOp::create(b, loc, value);
  }
  }
  llvm_unreachable("all roundings are handled");
}

Value tern::buildClampToInt8(OpBuilder &b, Location loc, Value value,
                             double low, double high) {
  // maxnum and minnum, not maximum and minimum: a NaN becomes a code rather
  // than an undefined conversion. The scale carries it on to the result.
  Type type = value.getType();
  value =
      arith::MaxNumFOp::create(b, loc, value, floatConstant(b, loc, type, low));
  value = arith::MinNumFOp::create(b, loc, value,
                                   floatConstant(b, loc, type, high));
  return arith::FPToSIOp::create(b, loc, b.getI8Type(), value);
}

Value tern::buildGeneric(OpBuilder &b, Location loc, ValueRange inputs,
                         ArrayRef<AffineMap> maps, Value init, AffineMap result,
                         TensorBuilder::Body body) {
  SmallVector<AffineMap> allMaps(maps);
  allMaps.push_back(result);
  SmallVector<utils::IteratorType> loops;
  for (unsigned dim = 0; dim < result.getNumDims(); ++dim)
    loops.push_back(result.isFunctionOfDim(dim)
                        ? utils::IteratorType::parallel
                        : utils::IteratorType::reduction);
  return linalg::GenericOp::create(
             b, loc, init.getType(), inputs, init, allMaps, loops,
             [&](OpBuilder &nested, Location at, ValueRange args) {
               TensorBuilder inner(at, nested);
               linalg::YieldOp::create(inner, body(inner, args));
             })
      .getResult(0);
}

Value tern::buildElementwise(
    OpBuilder &b, Location loc, ValueRange inputs, ArrayRef<AffineMap> maps,
    Value init, function_ref<Value(OpBuilder &, Location, ValueRange)> body) {
  int64_t rank = cast<RankedTensorType>(init.getType()).getRank();
  return buildGeneric(b, loc, inputs, maps, init,
                      b.getMultiDimIdentityMap(rank),
                      [&](TensorBuilder &nested, ValueRange args) {
                        return body(nested, nested.getLoc(), args.drop_back());
                      });
}

Value tern::buildFilled(OpBuilder &b, Location loc,
                        ArrayRef<OpFoldResult> sizes, TypedAttr value) {
  Value empty = tensor::EmptyOp::create(b, loc, sizes, value.getType());
  Value scalar = arith::ConstantOp::create(b, loc, value);
  return linalg::FillOp::create(b, loc, scalar, empty).getResult(0);
}

Value TensorBuilder::map(Sizes sizes, Type element, ValueRange inputs,
                         ArrayRef<AffineMap> maps, Body body) {
  Value init = tensor::EmptyOp::create(*this, sizes, element);
  return buildGeneric(*this, getLoc(), inputs, maps, init,
                      identity(sizes.size()),
                      [&](TensorBuilder &nested, ValueRange args) {
                        return body(nested, args.drop_back());
                      });
}

Value TensorBuilder::zip(ValueRange inputs, Body body) {
  SmallVector<OpFoldResult> sizes = sizesOf(inputs.front());
  SmallVector<AffineMap> maps(inputs.size(), identity(sizes.size()));
  return map(sizes, getElementTypeOrSelf(inputs.front()), inputs, maps, body);
}

Value TensorBuilder::reduce(Sizes sizes, TypedAttr init, ValueRange inputs,
                            ArrayRef<AffineMap> maps, AffineMap resultMap,
                            Body body) {
  return buildGeneric(*this, getLoc(), inputs, maps, filled(sizes, init),
                      resultMap, body);
}

Value TensorBuilder::filled(Sizes sizes, TypedAttr value) {
  return buildFilled(*this, getLoc(), sizes, value);
}

SmallVector<OpFoldResult> TensorBuilder::sizesOf(Value tensor) {
  return tensor::getMixedSizes(*this, getLoc(), tensor);
}

Value TensorBuilder::constant(Type type, double value) {
  return arith::ConstantOp::create(*this, getFloatAttr(type, value));
}

Value TensorBuilder::read(Value scalar) {
  return tensor::ExtractOp::create(*this, scalar, ValueRange());
}

Value TensorBuilder::wrap(Value element) {
  return tensor::FromElementsOp::create(
      *this, RankedTensorType::get({}, element.getType()), element);
}
