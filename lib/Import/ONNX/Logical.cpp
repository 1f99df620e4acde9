//===- Logical.cpp - Comparisons, boolean operators, Where ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <limits>

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

/// A comparison's three forms, and its value on elements known at import, given
/// their difference.
struct Comparison {
  arith::CmpFPredicate floats;
  arith::CmpIPredicate signedInts, unsignedInts;
  bool (*holds)(int64_t difference);
};

/// Whether it holds for a difference of which perhaps only the sign is known:
/// all positive ones give the same answer, and so do all negative ones.
static std::optional<bool> foldComparison(const Comparison &comparison,
                                          const Extent &difference) {
  if (std::optional<int64_t> value = difference.getConstant())
    return comparison.holds(*value);
  for (int64_t sign : {1, -1}) {
    std::optional<Extent> magnitude = Extent::mul(difference, sign);
    if (!magnitude || !isNonNegative(*magnitude))
      continue;
    std::optional<Extent> rest = Extent::sub(*magnitude, 1);
    bool isZeroPossible = !rest || !isNonNegative(*rest);
    bool answer = comparison.holds(sign);
    if (!isZeroPossible || comparison.holds(0) == answer)
      return answer;
  }
  return std::nullopt;
}

static void addComparison(OpTable &ops, StringRef name, int64_t since,
                          unsigned types, Comparison comparison) {
  ops.onOp(name, since, 2, [=](Node &node) -> LogicalResult {
    FailureOr<SmallVector<Tensor>> operands = getBinaryOperands(node, types);
    if (failed(operands))
      return failure();
    auto fold = [&](Node &, const Extent &x,
                    const Extent &y) -> std::optional<Extent> {
      std::optional<Extent> difference = Extent::sub(x, y);
      std::optional<bool> answer =
          difference ? foldComparison(comparison, *difference) : std::nullopt;
      return answer ? std::optional(Extent(*answer)) : std::nullopt;
    };
    if (std::optional<Tensor> folded = foldBinary(
            node, (*operands)[0], (*operands)[1], DType::Bool, fold)) {
      node.setResult(0, *folded);
      return success();
    }
    DType dtype = operands->front().dtype;
    return node.setResult(node.emitMap(
        *operands, DType::Bool, [&](B &b, ValueRange args) -> Value {
          if (isFloat(dtype))
            return arith::CmpFOp::create(b, comparison.floats, args[0],
                                         args[1]);
          return arith::CmpIOp::create(b,
                                       isUnsigned(dtype)
                                           ? comparison.unsignedInts
                                           : comparison.signedInts,
                                       args[0], args[1]);
        }));
  });
}

template <typename Op> static Value emitSimple(B &b, Value x, Value y, DType) {
  return Op::create(b, x, y);
}

/// NumPy's where, on three broadcast operands.
static LogicalResult importWhere(Node &node) {
  Tensor condition = node.getInput(0), x = node.getInput(1),
         y = node.getInput(2);
  if (failed(node.expectTypes(condition, Booleans)))
    return failure();
  if (x.dtype != y.dtype)
    return node.error("inputs have different element types, " +
                      getName(x.dtype) + " and " + getName(y.dtype));
  FailureOr<Extents> shape = node.broadcast(x.shape, y.shape);
  if (succeeded(shape))
    shape = node.broadcast(*shape, condition.shape);
  if (failed(shape))
    return failure();

  // Exporters choose between extents this way.
  std::optional<Extent> count = Extent::product(*shape);
  if (count && count->getConstant() && *count->getConstant() <= maxContents) {
    size_t n = *count->getConstant();
    std::optional<Extents> cs = repeatContents(condition, n),
                           xs = repeatContents(x, n), ys = repeatContents(y, n);
    if (cs && xs && ys) {
      Tensor result = node.makeTensor(x.dtype, *shape, nullptr);
      result.contents.emplace();
      for (size_t i = 0; i < n; ++i)
        result.contents->push_back((*cs)[i].isConstant(0) ? (*ys)[i]
                                                          : (*xs)[i]);
      node.setResult(0, result);
      return success();
    }
  }
  return node.setResult(node.emitMap(
      {condition, x, y}, *shape, x.dtype, [](B &b, ValueRange args) -> Value {
        return arith::SelectOp::create(b, args[0], args[1], args[2]);
      }));
}

/// The input as floats that code can be for.
static FailureOr<Tensor> getFloats(Node &node) {
  Tensor input = node.getInput(0);
  if (isNarrowFloat(input.dtype))
    return emitCast(node, input, DType::F32);
  if (failed(node.expectTypes(input, Floats)))
    return failure();
  return input;
}

static LogicalResult importIsNaN(Node &node) {
  FailureOr<Tensor> input = getFloats(node);
  if (failed(input))
    return failure();
  return node.setResult(
      node.emitMap({*input}, DType::Bool, [](B &b, ValueRange args) -> Value {
        return arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, args[0],
                                     args[0]);
      }));
}

static LogicalResult importIsInf(Node &node) {
  bool positive = node.getInt("detect_positive", 1);
  bool negative = node.getInt("detect_negative", 1);
  FailureOr<Tensor> input = getFloats(node);
  if (failed(input))
    return failure();
  return node.setResult(
      node.emitMap({*input}, DType::Bool, [&](B &b, ValueRange args) -> Value {
        constexpr double infinity = std::numeric_limits<double>::infinity();
        Value x = args[0];
        if (positive && negative)
          x = math::AbsFOp::create(b, x);
        if (!positive && !negative)
          return emitConstant(b, b.getI1Type(), 0);
        return arith::CmpFOp::create(
            b, arith::CmpFPredicate::OEQ, x,
            emitConstant(b, x.getType(), positive ? infinity : -infinity));
      }));
}

/// Shifts by the width or more give 0.
static LogicalResult importBitShift(Node &node) {
  StringRef direction = node.getString("direction", "");
  FailureOr<SmallVector<Tensor>> operands = node.getSameTyped(Integers);
  if (failed(operands))
    return failure();
  DType dtype = operands->front().dtype;
  if (!isUnsigned(dtype))
    return node.error("element type " + getName(dtype) + " is not supported");
  if (direction != "LEFT" && direction != "RIGHT")
    return node.error("attribute 'direction' must be LEFT or RIGHT");
  return node.setResult(
      node.emitMap(*operands, dtype, [&](B &b, ValueRange args) -> Value {
        Type type = args[0].getType();
        Value zero = emitConstant(b, type, 0);
        Value fits =
            arith::CmpIOp::create(b, arith::CmpIPredicate::ult, args[1],
                                  emitConstant(b, type, getBitWidth(dtype)));
        Value amount = arith::SelectOp::create(b, fits, args[1], zero);
        Value shifted =
            direction == "LEFT"
                ? arith::ShLIOp::create(b, args[0], amount).getResult()
                : arith::ShRUIOp::create(b, args[0], amount).getResult();
        return arith::SelectOp::create(b, fits, shifted, zero);
      }));
}

void tern::onnx_import::addLogicalOps(OpTable &ops) {
  using F = arith::CmpFPredicate;
  using I = arith::CmpIPredicate;
  addComparison(ops, "Equal", 1, AllTypes,
                {F::OEQ, I::eq, I::eq, [](int64_t d) { return d == 0; }});
  addComparison(ops, "Less", 1, Numbers,
                {F::OLT, I::slt, I::ult, [](int64_t d) { return d < 0; }});
  addComparison(ops, "LessOrEqual", 12, Numbers,
                {F::OLE, I::sle, I::ule, [](int64_t d) { return d <= 0; }});
  addComparison(ops, "Greater", 1, Numbers,
                {F::OGT, I::sgt, I::ugt, [](int64_t d) { return d > 0; }});
  addComparison(ops, "GreaterOrEqual", 12, Numbers,
                {F::OGE, I::sge, I::uge, [](int64_t d) { return d >= 0; }});

  addBinary(ops, "And", 1, Booleans, emitSimple<arith::AndIOp>);
  addBinary(ops, "Or", 1, Booleans, emitSimple<arith::OrIOp>);
  addBinary(ops, "Xor", 1, Booleans, emitSimple<arith::XOrIOp>);
  addBinary(ops, "BitwiseAnd", 18, Integers, emitSimple<arith::AndIOp>);
  addBinary(ops, "BitwiseOr", 18, Integers, emitSimple<arith::OrIOp>);
  addBinary(ops, "BitwiseXor", 18, Integers, emitSimple<arith::XOrIOp>);
  addUnary(ops, "BitwiseNot", 18, Integers, [](B &b, Value x, DType) -> Value {
    return arith::XOrIOp::create(b, x, emitConstant(b, x.getType(), -1));
  });
  ops.onOp("BitShift", 11, 2, importBitShift);
  addUnary(ops, "Not", 1, Booleans, [](B &b, Value x, DType) -> Value {
    return arith::XOrIOp::create(b, x, emitConstant(b, x.getType(), 1));
  });

  ops.onOp("Where", 9, 3, importWhere);
  ops.onOp("IsNaN", 9, 1, importIsNaN);
  ops.onOp("IsInf", 10, 1, importIsInf);
}
