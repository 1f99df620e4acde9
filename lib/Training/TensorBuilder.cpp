//===- TensorBuilder.cpp - Loops over tensors as linalg -------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorBuilder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"

using namespace mlir;
using namespace tern;

Value TensorBuilder::map(Sizes sizes, Type element, ValueRange inputs,
                         ArrayRef<AffineMap> maps, Body body) {
  Value init = tensor::EmptyOp::create(*this, sizes, element);
  return buildElementwise(
      *this, getLoc(), inputs, maps, init,
      [&](OpBuilder &nested, Location loc, ValueRange args) {
        TensorBuilder inner(loc, nested);
        return body(inner, args);
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
                      resultMap,
                      [&](ImplicitLocOpBuilder &nested, ValueRange args) {
                        TensorBuilder inner(nested.getLoc(), nested);
                        return body(inner, args);
                      });
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
