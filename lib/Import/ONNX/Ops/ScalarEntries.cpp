//===- ScalarEntries.cpp - addUnary, addBinary, minima, maxima ------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

void tern::onnx_import::addUnary(OpTable &ops, StringRef name, int64_t since,
                                 unsigned types, UnaryBody body,
                                 UnaryFold fold) {
  ops.onOp(name, since, 1, [=](Node &node) -> LogicalResult {
    Tensor input = node.getInput(0);
    if (failed(node.expectTypes(input, types)))
      return failure();
    // Only those that leave integers alone keep floats that are.
    if (fold && input.contents && (!isFloat(input.dtype) || types == Floats)) {
      Tensor result = node.makeTensor(input.dtype, input.shape, nullptr);
      result.contents.emplace();
      for (const Extent &extent : *input.contents)
        if (node.getSymbols().isFloat(extent))
          break;
        else if (std::optional<Extent> value = fold(node, extent);
                 value && fitsType(*value, input.dtype))
          result.contents->push_back(*value);
      if (result.contents->size() == input.contents->size()) {
        node.setResult(0, result);
        return success();
      }
    }
    return node.setResult(
        node.emitMap({input}, input.dtype, [&](B &b, ValueRange args) {
          return body(b, args[0], input.dtype);
        }));
  });
}

// Before opset 7, the second operand of the arithmetic operators was only
// broadcast on request, and to the dimensions from `axis` on.
FailureOr<Tensor>
tern::onnx_import::applyLegacyBroadcast(Node &node, Tensor lhs, Tensor rhs) {
  bool isBroadcast = node.getFlag("broadcast", false);
  bool hasAxis = node.hasAttribute("axis");
  int64_t axis = node.getInt("axis", 0);
  if (!isBroadcast) {
    return node.expectShape(
        rhs, lhs.shape,
        "shapes " + node.describe(lhs.shape) + " and " +
            node.describe(rhs.shape) +
            " differ, and attribute 'broadcast' is not set");
  }
  if (!hasAxis)
    return rhs;
  if (axis < 0)
    axis += lhs.getRank();
  if (axis < 0 || axis + rhs.getRank() > lhs.getRank())
    return node.error("axis " + Twine(axis) + " is out of range");
  SmallVector<int64_t> trailing;
  for (int64_t i = axis + rhs.getRank(); i < lhs.getRank(); ++i)
    trailing.push_back(i - axis);
  return node.emitUnsqueeze(rhs, trailing);
}

FailureOr<SmallVector<Tensor>>
tern::onnx_import::getBinaryOperands(Node &node, unsigned types) {
  FailureOr<SmallVector<Tensor>> operands = node.getSameTyped(types);
  if (succeeded(operands) && node.getVersion() < 7) {
    FailureOr<Tensor> rhs =
        applyLegacyBroadcast(node, (*operands)[0], (*operands)[1]);
    if (failed(rhs))
      return failure();
    (*operands)[1] = *rhs;
  }
  return operands;
}

std::optional<Extents> tern::onnx_import::repeatContents(const Tensor &tensor,
                                                         size_t count) {
  if (!tensor.contents)
    return std::nullopt;
  if (tensor.contents->size() == count)
    return tensor.contents;
  if (tensor.contents->size() == 1)
    return Extents(count, tensor.contents->front());
  return std::nullopt;
}

std::optional<Tensor>
tern::onnx_import::foldBinary(Node &node, const Tensor &lhs, const Tensor &rhs,
                              DType dtype, const ContentsFold &fold) {
  if (!fold || !lhs.contents || !rhs.contents || isFloat(lhs.dtype))
    return std::nullopt;
  // Only shapes that are easy to broadcast: equal, or one element.
  auto rank = [](const Tensor &t) {
    return std::pair(t.contents->size(), t.shape.size());
  };
  const Tensor &big = rank(lhs) >= rank(rhs) ? lhs : rhs;
  const Tensor &small = &big == &lhs ? rhs : lhs;
  bool isScalar =
      small.contents->size() == 1 && small.getRank() <= big.getRank();
  if (!isScalar && small.shape != big.shape)
    return std::nullopt;
  Tensor result = node.makeTensor(dtype, big.shape, nullptr);
  result.contents.emplace();
  std::optional<Extents> xs = repeatContents(lhs, big.contents->size());
  std::optional<Extents> ys = repeatContents(rhs, big.contents->size());
  for (auto [x, y] : llvm::zip_equal(*xs, *ys)) {
    std::optional<Extent> value = fold(node, x, y);
    if (!value || !fitsType(*value, dtype))
      return std::nullopt;
    result.contents->push_back(*value);
  }
  return result;
}

void tern::onnx_import::forgetConstant(Node &node, Tensor &operand) {
  auto isConstant = [](const Extent &extent) { return extent.getConstant(); };
  if (isFloat(operand.dtype) || !operand.contents ||
      !llvm::all_of(*operand.contents, isConstant))
    return;
  node.getValue(operand);
  operand.contents.reset();
}

bool tern::onnx_import::fitsType(const Extent &extent, DType dtype) {
  std::optional<int64_t> value = extent.getConstant();
  if (isFloat(dtype))
    return true;
  if (!value) // Symbolic ones are extents of tensors, or answers about them.
    return dtype == DType::Bool || getBitWidth(dtype) >= 32;
  if (isUnsigned(dtype))
    return *value >= 0 && (getBitWidth(dtype) == 64 ||
                           llvm::isUIntN(getBitWidth(dtype), *value));
  return dtype == DType::Bool ? (*value & ~1) == 0
                              : llvm::isIntN(getBitWidth(dtype), *value);
}

void tern::onnx_import::addBinary(OpTable &ops, StringRef name, int64_t since,
                                  unsigned types, BinaryBody body,
                                  ContentsFold fold) {
  ops.onOp(name, since, 2, [=](Node &node) -> LogicalResult {
    FailureOr<SmallVector<Tensor>> operands = getBinaryOperands(node, types);
    if (failed(operands))
      return failure();
    DType dtype = operands->front().dtype;
    if (std::optional<Tensor> folded =
            foldBinary(node, (*operands)[0], (*operands)[1], dtype, fold)) {
      node.setResult(0, *folded);
      return success();
    }
    if (fold)
      forgetConstant(node, (*operands)[1]);
    return node.setResult(
        node.emitMap(*operands, dtype, [&](B &b, ValueRange args) {
          return body(b, args[0], args[1], dtype);
        }));
  });
}

Value tern::onnx_import::emitConstant(B &b, Type type, double value) {
  if (isa<FloatType>(type))
    return arith::ConstantOp::create(b, b.getFloatAttr(type, value));
  return arith::ConstantOp::create(
      b, b.getIntegerAttr(type, static_cast<int64_t>(value)));
}

Value tern::onnx_import::emitMinimum(B &b, Value x, Value y, DType dtype) {
  return emitOfKind<arith::MinimumFOp, arith::MinUIOp, arith::MinSIOp>(b, x, y,
                                                                       dtype);
}

Value tern::onnx_import::emitMaximum(B &b, Value x, Value y, DType dtype) {
  return emitOfKind<arith::MaximumFOp, arith::MaxUIOp, arith::MaxSIOp>(b, x, y,
                                                                       dtype);
}
