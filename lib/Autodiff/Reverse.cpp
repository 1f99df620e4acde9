//===- Reverse.cpp - Reverse mode over a block ----------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Autodiff/Reverse.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "tern/Autodiff/DifferentiableOpInterface.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"

using namespace mlir;
using namespace tern;

#include "tern/Autodiff/DifferentiableOpInterface.cpp.inc"

bool tern::isDifferentiable(Type type) {
  if (auto tensor = dyn_cast<TensorType>(type))
    type = tensor.getElementType();
  return isa<FloatType>(type);
}

Type tern::getCotangentType(Type type) {
  Type element = getElementTypeOrSelf(type);
  if (!element.isInteger() || element.isInteger(1))
    return isDifferentiable(type) ? type : Type();
  Type f32 = Float32Type::get(type.getContext());
  if (auto tensor = dyn_cast<RankedTensorType>(type))
    return RankedTensorType::get(tensor.getShape(), f32);
  return isa<IntegerType>(type) ? f32 : Type();
}

SmallVector<Value> tern::getGradientSources(OpResult result) {
  if (!getCotangentType(result.getType()))
    return {};
  Operation *op = result.getOwner();
  if (auto differentiable = dyn_cast<DifferentiableOpInterface>(op))
    return differentiable.getGradientSources(result);
  SmallVector<Value> sources = getReadValues(op);
  if (!isDifferentiable(result.getType()))
    llvm::erase_if(sources, [](Value source) {
      return isDifferentiable(source.getType());
    });
  return sources;
}

void Reverse::findVaried(Block &block) {
  for (Operation &op : block)
    for (OpResult result : op.getResults())
      if (llvm::any_of(getGradientSources(result),
                       [&](Value source) { return varied.contains(source); }))
        varied.insert(result);
}

void Reverse::add(Value value, Value cotangent) {
  if (!isVaried(value))
    return;
  Value &sum = cotangents[value];
  sum = sum ? createSum(b, sum, cotangent, value) : cotangent;
}

/// An operation through which a gradient would have to pass and cannot.
static LogicalResult refuse(Operation *op) {
  InFlightDiagnostic error = mlir::emitError(op->getLoc())
                             << "'" << op->getName()
                             << "' cannot be differentiated";
  if (isa<math::RoundEvenOp, math::RoundOp, math::FloorOp, math::CeilOp,
          math::TruncOp>(op))
    error << ": its derivative is zero; --tern-raise-bitlinear makes layers "
             "of fake quantization whose gradient passes straight through";
  return error;
}

LogicalResult Reverse::passBackwards(ArrayRef<Operation *> operations) {
  Location previous = b.getLoc();
  for (Operation *op : llvm::reverse(operations)) {
    if (llvm::none_of(op->getResults(), [&](Value result) {
          return isVaried(result) && getCotangent(result);
        }))
      continue;
    b.setLoc(op->getLoc());
    auto differentiable = dyn_cast<DifferentiableOpInterface>(op);
    if (!differentiable)
      return refuse(op);
    if (failed(differentiable.buildAdjoint(*this)))
      return failure();
  }
  b.setLoc(previous);
  return success();
}

//===----------------------------------------------------------------------===//
// What adjoints are made of
//===----------------------------------------------------------------------===//

Value tern::createEmptyLike(ImplicitLocOpBuilder &b, Value like,
                            Type elementType) {
  return tensor::EmptyOp::create(b, tensor::getMixedSizes(b, b.getLoc(), like),
                                 elementType);
}

Value tern::createNumber(ImplicitLocOpBuilder &b, double value, Value like) {
  Type type = getCotangentType(like.getType());
  auto shaped = dyn_cast<RankedTensorType>(type);
  if (!shaped)
    return arith::ConstantOp::create(b, b.getFloatAttr(type, value));
  TypedAttr scalar = b.getFloatAttr(shaped.getElementType(), value);
  Value constant = arith::ConstantOp::create(b, scalar);
  Value empty = createEmptyLike(b, like, shaped.getElementType());
  Value filled = linalg::FillOp::create(b, constant, empty).getResult(0);
  if (filled.getType() != type)
    filled = tensor::CastOp::create(b, type, filled);
  return filled;
}

Value tern::createZeroLike(ImplicitLocOpBuilder &b, Value like) {
  return createNumber(b, 0, like);
}

Value tern::createFloatCast(ImplicitLocOpBuilder &b, Value value, Type type) {
  auto from = cast<FloatType>(getElementTypeOrSelf(value));
  auto to = cast<FloatType>(getElementTypeOrSelf(type));
  if (from == to)
    return value;
  if (auto shaped = dyn_cast<RankedTensorType>(value.getType()))
    return createElementwise(b, value, to,
                             [&](ImplicitLocOpBuilder &b, ValueRange args) {
                               return createFloatCast(b, args[0], to);
                             });
  if (from.getWidth() < to.getWidth())
    return arith::ExtFOp::create(b, to, value);
  if (from.getWidth() > to.getWidth())
    return arith::TruncFOp::create(b, to, value);
  // f16 and bf16.
  return arith::TruncFOp::create(
      b, to, arith::ExtFOp::create(b, b.getF32Type(), value));
}

Value tern::createElementwise(
    ImplicitLocOpBuilder &b, ValueRange operands, Type elementType,
    function_ref<Value(ImplicitLocOpBuilder &, ValueRange)> body, Value like) {
  int64_t rank = cast<RankedTensorType>(operands[0].getType()).getRank();
  AffineMap identity = b.getMultiDimIdentityMap(rank);
  SmallVector<AffineMap> maps(operands.size(), identity);
  return buildGeneric(
      b, b.getLoc(), operands, maps,
      createEmptyLike(b, like ? like : operands[0], elementType), identity,
      [&](ImplicitLocOpBuilder &nested, ValueRange args) {
        return body(nested, args.drop_back());
      });
}

Value tern::createSum(ImplicitLocOpBuilder &b, Value lhs, Value rhs,
                      Value like) {
  auto type = dyn_cast<RankedTensorType>(lhs.getType());
  if (!type)
    return arith::AddFOp::create(b, lhs, rhs);
  auto add = [](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
    return arith::AddFOp::create(b, args[0], args[1]);
  };
  Value sum =
      createElementwise(b, {lhs, rhs}, type.getElementType(), add, like);
  if (sum.getType() != type)
    sum = tensor::CastOp::create(b, type, sum);
  return sum;
}

Value tern::createWithExtents(ImplicitLocOpBuilder &b, Value value,
                              Value like) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type || type.hasStaticShape())
    return value;
  SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
  return tensor::ExtractSliceOp::create(
      b, type, value, offsets, tensor::getMixedSizes(b, b.getLoc(), like),
      strides);
}
