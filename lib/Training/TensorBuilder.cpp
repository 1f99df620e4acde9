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
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace tern;

/// The generic operation itself; `withAccumulator`: the body gets it.
static Value buildGeneric(TensorBuilder &b, Value init, ValueRange inputs,
                          ArrayRef<AffineMap> maps,
                          ArrayRef<utils::IteratorType> loops,
                          bool withAccumulator, TensorBuilder::Body body) {
  return linalg::GenericOp::create(
             b, init.getType(), inputs, init, maps, loops,
             [&](OpBuilder &nested, Location loc, ValueRange args) {
               TensorBuilder inner(loc, nested);
               Value result =
                   body(inner, withAccumulator ? args : args.drop_back());
               linalg::YieldOp::create(inner, result);
             })
      .getResult(0);
}

Value TensorBuilder::map(Sizes sizes, Type element, ValueRange inputs,
                         ArrayRef<AffineMap> maps, Body body) {
  Value init = tensor::EmptyOp::create(*this, sizes, element);
  SmallVector<AffineMap> allMaps(maps);
  allMaps.push_back(identity(sizes.size()));
  SmallVector<utils::IteratorType> loops(sizes.size(),
                                         utils::IteratorType::parallel);
  return buildGeneric(*this, init, inputs, allMaps, loops, false, body);
}

Value TensorBuilder::zip(ValueRange inputs, Body body) {
  SmallVector<OpFoldResult> sizes = sizesOf(inputs.front());
  SmallVector<AffineMap> maps(inputs.size(), identity(sizes.size()));
  return map(sizes, getElementTypeOrSelf(inputs.front()), inputs, maps, body);
}

Value TensorBuilder::reduce(Sizes sizes, TypedAttr init, ValueRange inputs,
                            ArrayRef<AffineMap> maps, AffineMap resultMap,
                            Body body) {
  SmallVector<AffineMap> allMaps(maps);
  allMaps.push_back(resultMap);
  SmallVector<utils::IteratorType> loops;
  for (unsigned dim = 0; dim < resultMap.getNumDims(); ++dim)
    loops.push_back(resultMap.isFunctionOfDim(dim)
                        ? utils::IteratorType::parallel
                        : utils::IteratorType::reduction);
  return buildGeneric(*this, filled(sizes, init), inputs, allMaps, loops, true,
                      body);
}

Value TensorBuilder::filled(Sizes sizes, TypedAttr value) {
  Value empty = tensor::EmptyOp::create(*this, sizes, value.getType());
  Value scalar = arith::ConstantOp::create(*this, value);
  return linalg::FillOp::create(*this, scalar, empty).getResult(0);
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

SmallVector<Value> tern::inlineFunction(OpBuilder &b, func::FuncOp func,
                                        ValueRange operands) {
  IRMapping mapping;
  Block &body = func.getBody().front();
  mapping.map(body.getArguments(), operands);
  for (Operation &op : body.without_terminator())
    b.clone(op, mapping);
  SmallVector<Value> results;
  for (Value result : body.getTerminator()->getOperands())
    results.push_back(mapping.lookupOrDefault(result));
  return results;
}
