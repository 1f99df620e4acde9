//===- Requirements.cpp - Check that extents agree, or assert it ----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Model/Importer.h"
#include "../Ops/Node.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tern::onnx_import;

LogicalResult Node::check(Value condition, const Twine &message) {
  // Checks stand in front of everything, so not in a loop.
  if (!isa<func::FuncOp>(b.getInsertionBlock()->getParentOp()))
    return error(message + "; fix dynamic dimensions with --dim");
  cf::AssertOp::create(b, condition, escape((describe() + message).str()));
  return success();
}

LogicalResult Node::require(const Extent &x, const Extent &y,
                            const Twine &message) {
  if (x == y)
    return success();
  Symbols::Solution solution = getSymbols().solve(x, y);
  if (solution.isImpossible)
    return error(message);
  // What a branch wants, the inputs need not have.
  if (!solution.name.empty() && !importer.isInBranch()) {
    importer.deduce(solution);
    return failure();
  }
  Value isEqual = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                        getSymbols().getValue(b, x),
                                        getSymbols().getValue(b, y));
  return check(isEqual, message);
}

LogicalResult Node::requireNonNegative(const Extent &extent,
                                       const Twine &message) {
  if (getSymbols().isNonNegative(extent))
    return success();
  if (getSymbols().getRange(extent).max < 0)
    return error(message);
  Value isNonNegative = arith::CmpIOp::create(
      b, arith::CmpIPredicate::sge, getSymbols().getValue(b, extent),
      getSymbols().getValue(b, Extent(0)));
  if (failed(check(isNonNegative, message)))
    return failure();
  getSymbols().assumeNonNegative(extent);
  return success();
}

LogicalResult Node::requireSize(ArrayRef<Extent> shape) {
  SmallVector<Extent> dynamic;
  for (const Extent &extent : shape) {
    if (failed(requireNonNegative(extent, "shape " + describe(shape) +
                                              " has a negative extent")))
      return failure();
    if (!extent.getConstant())
      dynamic.push_back(extent);
  }
  // An extent of an input is not that large.
  if (dynamic.size() == 1 && !getSymbols().getInputName(dynamic[0]).empty())
    return success();
  std::optional<Extent> rest = Extent::product(shape);
  rest = rest ? Extent::sub(maxElements, *rest) : std::nullopt;
  if (rest && getSymbols().isNonNegative(*rest))
    return success();
  // In floats, which do not overflow.
  auto product = [&](Value x, Value y) -> Value {
    return x ? arith::MulFOp::create(b, x, y).getResult() : y;
  };
  Value size;
  for (const Extent &extent : shape) {
    Value sum = emitScalar(b.getF64Type(), 0);
    for (const Extent::Term &term : extent.getTerms()) {
      Value part = emitScalar(b.getF64Type(), term.coefficient);
      for (unsigned atom : term.atoms)
        part = product(part,
                       emitExtentAsFloat(Extent::atom(atom), b.getF64Type()));
      sum = arith::AddFOp::create(b, sum, part);
    }
    size = product(size, sum);
  }
  Value isSmall =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OLE, size,
                            emitScalar(b.getF64Type(), maxElements));
  if (failed(check(isSmall, "a tensor of shape " + describe(shape) +
                                " has more elements than memory can hold")))
    return failure();
  if (rest)
    getSymbols().assumeNonNegative(*rest);
  return success();
}

FailureOr<Tensor> Node::expectShape(Tensor tensor, ArrayRef<Extent> shape,
                                    const Twine &message) {
  if (tensor.shape.size() != shape.size())
    return error(message);
  LogicalResult isEqual = success();
  for (auto [own, wanted] : llvm::zip_equal(tensor.shape, shape))
    // All of them, so that the import starts over once.
    if (failed(require(own, wanted, message)))
      isEqual = failure();
  if (failed(isEqual))
    return failure();
  return assumeShape(tensor, shape);
}

Tensor Node::assumeShape(Tensor tensor, ArrayRef<Extent> shape) {
  if (ArrayRef(tensor.shape) == shape)
    return tensor;
  Value source = getValue(tensor);
  Type type = getTensorType(tensor.dtype, shape);
  if (source.getType() != type)
    source = tensor::CastOp::create(b, type, source);
  return makeTensor(tensor.dtype, shape, source);
}

FailureOr<Extents> Node::broadcast(ArrayRef<Extent> lhs, ArrayRef<Extent> rhs) {
  Extents result(std::max(lhs.size(), rhs.size()));
  auto message = [&] {
    return "shapes " + describe(lhs) + " and " + describe(rhs) +
           " do not match";
  };
  auto isOne = [&](const Extent &extent) -> Value {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                 getSymbols().getValue(b, extent),
                                 getSymbols().getValue(b, Extent(1)));
  };
  for (size_t i = 0; i < result.size(); ++i) {
    Extent x = i < lhs.size() ? lhs[lhs.size() - 1 - i] : Extent(1);
    Extent y = i < rhs.size() ? rhs[rhs.size() - 1 - i] : Extent(1);
    Extent &out = result[result.size() - 1 - i];
    if (x == y || y.isConstant(1)) {
      out = x;
      continue;
    }
    if (x.isConstant(1)) {
      out = y;
      continue;
    }
    if (x.getConstant() && y.getConstant())
      return error(message());
    Value xIsOne = x.getConstant() ? Value() : isOne(x);
    Value yIsOne = y.getConstant() ? Value() : isOne(y);
    Value xValue = getSymbols().getValue(b, x);
    Value yValue = getSymbols().getValue(b, y);
    Value fits =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, xValue, yValue);
    for (Value isOne : {xIsOne, yIsOne})
      if (isOne)
        fits = arith::OrIOp::create(b, fits, isOne);
    if (failed(check(fits, message())))
      return failure();
    if (!xIsOne || !yIsOne)
      out = xIsOne ? y : x;
    else
      out = getSymbols().compute(
          "broadcast", {x, y},
          getSymbols().getRange(x).unite(getSymbols().getRange(y)),
          [&]() -> Value {
            return arith::SelectOp::create(b, xIsOne, yValue, xValue);
          });
  }
  return result;
}

LogicalResult Node::requireBroadcast(ArrayRef<Extent> shape,
                                     ArrayRef<Extent> target,
                                     const Twine &message) {
  if (shape.size() > target.size())
    return error(message);
  for (auto [own, wanted] :
       llvm::zip_equal(shape, target.take_back(shape.size()))) {
    if (own == wanted || own.isConstant(1))
      continue;
    if (own.getConstant()) {
      if (failed(require(wanted, own, message)))
        return failure();
      continue;
    }
    Value extent = getSymbols().getValue(b, own);
    auto isEqual = [&](const Extent &other) -> Value {
      return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, extent,
                                   getSymbols().getValue(b, other));
    };
    Value isOne = isEqual(1), isWhole = isEqual(wanted);
    if (failed(check(arith::OrIOp::create(b, isOne, isWhole), message)))
      return failure();
  }
  return success();
}

FailureOr<Tensor> Node::emitStretch(Tensor operand, ArrayRef<Extent> shape) {
  Extents stretched(operand.shape);
  size_t offset = shape.size() - operand.shape.size();
  SmallVector<Value> isOne(stretched.size());
  for (auto [i, extent] : llvm::enumerate(stretched)) {
    if (extent == shape[offset + i] || extent.getConstant())
      continue;
    isOne[i] = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                     getSymbols().getValue(b, extent),
                                     getSymbols().getValue(b, Extent(1)));
    extent = shape[offset + i];
  }
  if (stretched == operand.shape)
    return operand;
  Value source = getValue(operand);
  return emitMap({}, stretched, operand.dtype,
                 [&](ImplicitLocOpBuilder &b, ValueRange) -> Value {
                   SmallVector<Value> position;
                   for (size_t i = 0; i < isOne.size(); ++i) {
                     Value index = linalg::IndexOp::create(b, i);
                     if (isOne[i])
                       index = arith::SelectOp::create(
                           b, isOne[i], arith::ConstantIndexOp::create(b, 0),
                           index);
                     position.push_back(index);
                   }
                   return tensor::ExtractOp::create(b, source, position);
                 });
}
