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
  StringRef name;
  arith::CmpFPredicate floats;
  arith::CmpIPredicate signedInts, unsignedInts;
  bool (*holds)(int64_t difference);
};

/// Whether it holds for a difference of which perhaps only the sign is known:
/// all positive ones give the same answer, and so do all negative ones.
static std::optional<bool> foldComparison(const Symbols &symbols,
                                          const Comparison &comparison,
                                          const Extent &difference) {
  if (std::optional<int64_t> value = difference.getConstant())
    return comparison.holds(*value);
  for (int64_t sign : {1, -1}) {
    std::optional<Extent> magnitude = Extent::mul(difference, sign);
    if (!magnitude || !symbols.isNonNegative(*magnitude))
      continue;
    std::optional<Extent> rest = Extent::sub(*magnitude, 1);
    bool isZeroPossible = !rest || !symbols.isNonNegative(*rest);
    bool answer = comparison.holds(sign);
    if (!isZeroPossible || comparison.holds(0) == answer)
      return answer;
  }
  return std::nullopt;
}

/// Answers that depend on extents are extents themselves, 0 or 1, for so many
/// elements: a shape has no more, and code for each of a mask's would be long.
static constexpr size_t maxSymbolicAnswers = 8;

static void addComparison(OpTable &ops, int64_t since, unsigned types,
                          Comparison comparison) {
  ops.onOp(comparison.name, since, 2, [=](Node &node) -> LogicalResult {
    FailureOr<SmallVector<Tensor>> operands = getBinaryOperands(node, types);
    if (failed(operands))
      return failure();
    bool mayCompute = llvm::all_of(*operands, [](const Tensor &operand) {
      return operand.contents && operand.contents->size() <= maxSymbolicAnswers;
    });
    auto fold = [&](Node &, const Extent &x,
                    const Extent &y) -> std::optional<Extent> {
      std::optional<Extent> difference = Extent::sub(x, y);
      if (!difference)
        return std::nullopt;
      B &b = node.b;
      Symbols &symbols = node.getSymbols();
      if (std::optional<bool> answer =
              foldComparison(symbols, comparison, *difference))
        return Extent(*answer);
      if (!mayCompute)
        return std::nullopt;
      return symbols.compute(comparison.name, {x, y}, {0, 1}, [&]() -> Value {
        Value answer = arith::CmpIOp::create(b, comparison.signedInts,
                                             symbols.getValue(b, x),
                                             symbols.getValue(b, y));
        return arith::IndexCastUIOp::create(b, b.getIndexType(), answer);
      });
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
    if (cs && xs && ys && !isFloat(x.dtype)) {
      Tensor result = node.makeTensor(x.dtype, *shape, nullptr);
      result.contents.emplace();
      for (size_t i = 0; i < n; ++i)
        if (Extent value =
                node.getSymbols().select(node.b, (*cs)[i], (*xs)[i], (*ys)[i]);
            fitsType(value, x.dtype))
          result.contents->push_back(std::move(value));
      if (result.contents->size() == n) {
        node.setResult(0, result);
        return success();
      }
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
  bool positive = node.getFlag("detect_positive", true);
  bool negative = node.getFlag("detect_negative", true);
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

/// Shifts by the width or more, and by less than 0, leave nothing but copies of
/// the sign. To the right these move in.
static LogicalResult importBitShift(Node &node) {
  StringRef direction = node.getString("direction", "");
  FailureOr<SmallVector<Tensor>> operands = node.getSameTyped(Integers);
  if (failed(operands))
    return failure();
  DType dtype = operands->front().dtype;
  if (direction != "LEFT" && direction != "RIGHT")
    return node.error("attribute 'direction' must be LEFT or RIGHT");
  return node.setResult(
      node.emitMap(*operands, dtype, [&](B &b, ValueRange args) -> Value {
        Type type = args[0].getType();
        Value zero = emitConstant(b, type, 0);
        Value fits =
            arith::CmpIOp::create(b, arith::CmpIPredicate::ult, args[1],
                                  emitConstant(b, type, getBitWidth(dtype)));
        if (direction == "RIGHT" && !isUnsigned(dtype))
          return arith::ShRSIOp::create(
              b, args[0],
              arith::SelectOp::create(
                  b, fits, args[1],
                  emitConstant(b, type, getBitWidth(dtype) - 1)));
        Value amount = arith::SelectOp::create(b, fits, args[1], zero);
        Value shifted =
            direction == "LEFT"
                ? arith::ShLIOp::create(b, args[0], amount).getResult()
                : arith::ShRUIOp::create(b, args[0], amount).getResult();
        return arith::SelectOp::create(b, fits, shifted, zero);
      }));
}

/// x + y + overlap * x * y.
static std::optional<Extent> unite(const Extent &x, const Extent &y,
                                   int64_t overlap) {
  std::optional<Extent> sum = Extent::add(x, y), both = Extent::mul(x, y);
  if (both)
    both = Extent::mul(*both, overlap);
  return sum && both ? Extent::add(*sum, *both) : std::nullopt;
}

void tern::onnx_import::addLogicalOps(OpTable &ops) {
  using F = arith::CmpFPredicate;
  using I = arith::CmpIPredicate;
  addComparison(
      ops, 1, AllTypes,
      {"Equal", F::OEQ, I::eq, I::eq, [](int64_t d) { return d == 0; }});
  addComparison(
      ops, 1, Numbers,
      {"Less", F::OLT, I::slt, I::ult, [](int64_t d) { return d < 0; }});
  addComparison(ops, 12, Numbers,
                {"LessOrEqual", F::OLE, I::sle, I::ule,
                 [](int64_t d) { return d <= 0; }});
  addComparison(
      ops, 1, Numbers,
      {"Greater", F::OGT, I::sgt, I::ugt, [](int64_t d) { return d > 0; }});
  addComparison(ops, 12, Numbers,
                {"GreaterOrEqual", F::OGE, I::sge, I::uge,
                 [](int64_t d) { return d >= 0; }});

  addBinary(ops, "And", 1, Booleans, emitSimple<arith::AndIOp>,
            [](Node &, const Extent &x, const Extent &y) {
              return Extent::mul(x, y);
            });
  addBinary(
      ops, "Or", 1, Booleans, emitSimple<arith::OrIOp>,
      [](Node &, const Extent &x, const Extent &y) { return unite(x, y, -1); });
  addBinary(
      ops, "Xor", 1, Booleans, emitSimple<arith::XOrIOp>,
      [](Node &, const Extent &x, const Extent &y) { return unite(x, y, -2); });
  addBinary(ops, "BitwiseAnd", 18, Integers, emitSimple<arith::AndIOp>);
  addBinary(ops, "BitwiseOr", 18, Integers, emitSimple<arith::OrIOp>);
  addBinary(ops, "BitwiseXor", 18, Integers, emitSimple<arith::XOrIOp>);
  addUnary(ops, "BitwiseNot", 18, Integers, [](B &b, Value x, DType) -> Value {
    return arith::XOrIOp::create(b, x, emitConstant(b, x.getType(), -1));
  });
  ops.onOp("BitShift", 11, 2, importBitShift);
  addUnary(
      ops, "Not", 1, Booleans,
      [](B &b, Value x, DType) -> Value {
        return arith::XOrIOp::create(b, x, emitConstant(b, x.getType(), 1));
      },
      [](Node &, const Extent &x) { return Extent::sub(1, x); });

  ops.onOp("Where", 9, 3, importWhere);
  ops.onOp("IsNaN", 9, 1, importIsNaN);
  ops.onOp("IsInf", 10, 1, importIsInf);
}
