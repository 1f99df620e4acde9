//===- Elementwise.cpp - Add, Mul, Pow, Clip, Exp, Sin and others ---------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

//===----------------------------------------------------------------------===//
// Two operands
//===----------------------------------------------------------------------===//

static Value emitAdd(B &b, Value x, Value y, DType dtype) {
  if (isFloat(dtype))
    return arith::AddFOp::create(b, x, y);
  return arith::AddIOp::create(b, x, y);
}

static Value emitSub(B &b, Value x, Value y, DType dtype) {
  if (isFloat(dtype))
    return arith::SubFOp::create(b, x, y);
  return arith::SubIOp::create(b, x, y);
}

static Value emitMul(B &b, Value x, Value y, DType dtype) {
  if (isFloat(dtype))
    return arith::MulFOp::create(b, x, y);
  return arith::MulIOp::create(b, x, y);
}

/// Replaces divisors that make a processor trap by 1, after noting whether
/// they were zero or (signed) -1.
static Value emitSafeDivisor(B &b, Value y, DType dtype, Value &isZero,
                             Value &isMinusOne) {
  Type type = y.getType();
  Value one = emitConstant(b, type, 1);
  isZero = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, y,
                                 emitConstant(b, type, 0));
  Value traps = isZero;
  isMinusOne = nullptr;
  if (!isUnsigned(dtype)) {
    isMinusOne = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, y,
                                       emitConstant(b, type, -1));
    traps = arith::OrIOp::create(b, isZero, isMinusOne);
  }
  return arith::SelectOp::create(b, traps, one, y);
}

/// Integer division truncates; x / 0 is 0, and the least integer divided by -1
/// wraps.
static Value emitDiv(B &b, Value x, Value y, DType dtype) {
  if (isFloat(dtype))
    return arith::DivFOp::create(b, x, y);
  Value isZero, isMinusOne, quotient;
  Value divisor = emitSafeDivisor(b, y, dtype, isZero, isMinusOne);
  Value zero = emitConstant(b, x.getType(), 0);
  if (isUnsigned(dtype)) {
    quotient = arith::DivUIOp::create(b, x, divisor);
  } else {
    quotient = arith::DivSIOp::create(b, x, divisor);
    Value negated = arith::SubIOp::create(b, zero, x);
    quotient = arith::SelectOp::create(b, isMinusOne, negated, quotient);
  }
  return arith::SelectOp::create(b, isZero, zero, quotient);
}

/// Python's remainder, with the sign of the divisor; x mod 0 is 0.
static Value emitIntegerMod(B &b, Value x, Value y, DType dtype) {
  Value isZero, isMinusOne;
  Value divisor = emitSafeDivisor(b, y, dtype, isZero, isMinusOne);
  // x mod 1 is 0, right for -1 and as good as anything for 0.
  if (isUnsigned(dtype))
    return arith::RemUIOp::create(b, x, divisor);
  Value rest = arith::RemSIOp::create(b, x, divisor);
  Value zero = emitConstant(b, x.getType(), 0);
  Value isInexact =
      arith::CmpIOp::create(b, arith::CmpIPredicate::ne, rest, zero);
  Value signs = arith::XOrIOp::create(b, rest, divisor);
  Value differ =
      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, signs, zero);
  Value wraps = arith::AndIOp::create(b, isInexact, differ);
  Value sum = arith::AddIOp::create(b, rest, divisor);
  return arith::SelectOp::create(b, wraps, sum, rest);
}

/// Python's remainder of floats: as C's, but with the sign of the divisor, also
/// where it is 0. By an infinity of the other sign it is that infinity.
static Value emitFloatMod(B &b, Value x, Value y) {
  using P = arith::CmpFPredicate;
  Value rest = arith::RemFOp::create(b, x, y);
  Value zero = emitConstant(b, x.getType(), 0);
  auto is = [&](P predicate, Value v) -> Value {
    return arith::CmpFOp::create(b, predicate, v, zero);
  };
  Value differ = arith::XOrIOp::create(b, is(P::OLT, rest), is(P::OLT, y));
  Value sum = arith::AddFOp::create(b, rest, y);
  Value moved = arith::SelectOp::create(b, differ, sum, rest);
  return arith::SelectOp::create(b, is(P::OEQ, rest),
                                 math::CopySignOp::create(b, rest, y), moved);
}

/// The lesser or greater of elements known at import.
static std::optional<Extent> foldMin(Node &node, const Extent &x,
                                     const Extent &y) {
  return node.getSymbols().min(node.b, x, y);
}

static std::optional<Extent> foldMax(Node &node, const Extent &x,
                                     const Extent &y) {
  return node.getSymbols().max(node.b, x, y);
}

static LogicalResult importMod(Node &node) {
  bool isFmod = node.getFlag("fmod", false);
  FailureOr<SmallVector<Tensor>> operands = node.getSameTyped(Numbers);
  if (failed(operands))
    return failure();
  DType dtype = operands->front().dtype;
  auto fold = [&](Node &node, const Extent &x, const Extent &y) {
    return node.getSymbols().mod(node.b, x, y, /*truncates=*/isFmod);
  };
  if (std::optional<Tensor> folded =
          foldBinary(node, (*operands)[0], (*operands)[1], dtype, fold)) {
    node.setResult(0, *folded);
    return success();
  }
  forgetConstant(node, (*operands)[1]);
  return node.setResult(
      node.emitMap(*operands, dtype, [&](B &b, ValueRange args) -> Value {
        if (isFloat(dtype) && isFmod)
          return arith::RemFOp::create(b, args[0], args[1]);
        if (isFloat(dtype))
          return emitFloatMod(b, args[0], args[1]);
        if (!isFmod)
          return emitIntegerMod(b, args[0], args[1], dtype);
        Value isZero, isMinusOne; // C's remainder; by -1 it is 0 as by 1.
        Value divisor = emitSafeDivisor(b, args[1], dtype, isZero, isMinusOne);
        if (isUnsigned(dtype))
          return arith::RemUIOp::create(b, args[0], divisor);
        return arith::RemSIOp::create(b, args[0], divisor);
      }));
}

//===----------------------------------------------------------------------===//
// Pow
//===----------------------------------------------------------------------===//

/// Whether all elements of the tensor are known to be `value`.
static bool isKnownToBe(const Tensor &tensor, double value) {
  if (tensor.contents)
    return llvm::all_of(*tensor.contents, [&](const Extent &extent) {
      std::optional<int64_t> constant = extent.getConstant();
      return constant && static_cast<double>(*constant) == value;
    });
  auto floats = dyn_cast_or_null<DenseFPElementsAttr>(tensor.constant);
  return floats && llvm::all_of(floats.getValues<APFloat>(), [&](APFloat x) {
           return x.isExactlyValue(value);
         });
}

/// To a float type, from anything.
static Value emitToFloat(B &b, Value x, DType from, Type to) {
  unsigned width = to.getIntOrFloatBitWidth();
  if (!isFloat(from))
    return isUnsigned(from) ? arith::UIToFPOp::create(b, to, x).getResult()
                            : arith::SIToFPOp::create(b, to, x).getResult();
  if (getBitWidth(from) < width)
    return arith::ExtFOp::create(b, to, x);
  if (getBitWidth(from) > width)
    return arith::TruncFOp::create(b, to, x);
  return x;
}

/// The type of the base is the result's; the exponent's may be another.
static LogicalResult importPow(Node &node) {
  Tensor base = node.getInput(0), exponent = node.getInput(1);
  if (failed(node.expectTypes(base, Numbers)) ||
      failed(node.expectTypes(exponent, Numbers)))
    return failure();
  if (node.getVersion() < 7) {
    FailureOr<Tensor> aligned = applyLegacyBroadcast(node, base, exponent);
    if (failed(aligned))
      return failure();
    exponent = *aligned;
  }
  FailureOr<Extents> shape = node.broadcast(base.shape, exponent.shape);
  if (failed(shape))
    return failure();
  // The square of a norm or a variance: exact, and no call.
  if (isKnownToBe(exponent, 2) && *shape == base.shape)
    return node.setResult(
        node.emitMap({base}, base.dtype, [&](B &b, ValueRange args) {
          return emitMul(b, args[0], args[0], base.dtype);
        }));
  // Integers go through f64, exact up to 2^53.
  DType compute = isFloat(base.dtype) ? base.dtype : DType::F64;
  Type type = node.getElementType(compute);
  FailureOr<Tensor> power = node.emitMap(
      {base, exponent}, compute, [&](B &b, ValueRange args) -> Value {
        return math::PowFOp::create(
            b, emitToFloat(b, args[0], base.dtype, type),
            emitToFloat(b, args[1], exponent.dtype, type));
      });
  if (failed(power) || isFloat(base.dtype))
    return node.setResult(power);
  return node.setResult(emitCast(node, *power, base.dtype));
}

//===----------------------------------------------------------------------===//
// Any number of operands
//===----------------------------------------------------------------------===//

/// Operands of one operation, at most: to compile one takes time that grows
/// with the square of their number.
static constexpr size_t maxMapOperands = 64;

static void addVariadic(OpTable &ops, StringRef name, unsigned types,
                        BinaryBody body, bool isMean = false,
                        ContentsFold fold = nullptr) {
  ops.onOp(name, 1, {1, Inputs::any}, [=](Node &node) -> LogicalResult {
    FailureOr<SmallVector<Tensor>> operands = node.getSameTyped(types);
    if (failed(operands))
      return failure();
    DType dtype = operands->front().dtype;
    if (node.getVersion() < 8)
      for (Tensor &operand : *operands) {
        const Extents &first = operands->front().shape;
        FailureOr<Tensor> fitting =
            node.expectShape(operand, first,
                             "inputs of shapes " + node.describe(first) +
                                 " and " + node.describe(operand.shape) +
                                 " differ; they broadcast from opset 8 on");
        if (failed(fitting))
          return failure();
        operand = *fitting;
      }
    std::optional<Tensor> folded = operands->front();
    for (const Tensor &next : ArrayRef(*operands).drop_front())
      if (folded)
        folded = foldBinary(node, *folded, next, dtype, fold);
    if (folded && folded->contents) {
      node.setResult(0, *folded);
      return success();
    }
    Extents shape;
    for (const Tensor &operand : *operands) {
      FailureOr<Extents> next = node.broadcast(shape, operand.shape);
      if (failed(next))
        return failure();
      shape = *next;
    }
    // Part by part, each beginning with the result so far.
    ArrayRef<Tensor> rest = *operands;
    std::optional<Tensor> sum;
    while (!rest.empty()) {
      SmallVector<Tensor> part;
      if (sum)
        part.push_back(*sum);
      size_t count = std::min(rest.size(), maxMapOperands - part.size());
      llvm::append_range(part, rest.take_front(count));
      rest = rest.drop_front(count);
      FailureOr<Tensor> result =
          node.emitMap(part, shape, dtype, [&](B &b, ValueRange args) -> Value {
            Value result = args[0];
            for (Value next : args.drop_front())
              result = body(b, result, next, dtype);
            if (!isMean || !rest.empty())
              return result;
            return arith::DivFOp::create(
                b, result, emitConstant(b, result.getType(), operands->size()));
          });
      if (failed(result))
        return failure();
      sum = *result;
    }
    node.setResult(0, *sum);
    return success();
  });
}

//===----------------------------------------------------------------------===//
// One operand
//===----------------------------------------------------------------------===//

template <typename Op> static Value emitSimple(B &b, Value x, DType) {
  return Op::create(b, x);
}

static Value emitNeg(B &b, Value x, DType dtype) {
  if (isFloat(dtype))
    return arith::NegFOp::create(b, x);
  return arith::SubIOp::create(b, emitConstant(b, x.getType(), 0), x);
}

static Value emitAbs(B &b, Value x, DType dtype) {
  if (isFloat(dtype))
    return math::AbsFOp::create(b, x);
  if (isUnsigned(dtype))
    return x;
  return math::AbsIOp::create(b, x);
}

/// -1, 0 or 1; NaN for NaN. What is neither positive nor negative is taken from
/// itself: that keeps NaN and has derivative 0.
static Value emitSign(B &b, Value x, DType dtype) {
  Type type = x.getType();
  Value zero = emitConstant(b, type, 0), one = emitConstant(b, type, 1);
  Value isPositive, isNegative;
  if (isFloat(dtype)) {
    isPositive = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, zero);
    isNegative = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, x, zero);
  } else {
    isPositive =
        arith::CmpIOp::create(b,
                              isUnsigned(dtype) ? arith::CmpIPredicate::ugt
                                                : arith::CmpIPredicate::sgt,
                              x, zero);
    if (isUnsigned(dtype))
      return arith::SelectOp::create(b, isPositive, one, zero);
    isNegative = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, x, zero);
  }
  Value middle =
      isFloat(dtype) ? arith::SubFOp::create(b, x, x).getResult() : x;
  Value rest =
      arith::SelectOp::create(b, isNegative, emitConstant(b, type, -1), middle);
  return arith::SelectOp::create(b, isPositive, one, rest);
}

static Value emitReciprocal(B &b, Value x, DType) {
  return arith::DivFOp::create(b, emitConstant(b, x.getType(), 1), x);
}

/// One bound of Clip. Where x is the bound, x is taken: a derivative passes
/// there.
static Value emitBound(B &b, Value x, Value bound, bool isUpper, DType dtype) {
  if (!isFloat(dtype))
    return isUpper ? emitMinimum(b, x, bound, dtype)
                   : emitMaximum(b, x, bound, dtype);
  Value isBeyond = arith::CmpFOp::create(
      b, isUpper ? arith::CmpFPredicate::OGT : arith::CmpFPredicate::OLT, x,
      bound);
  return arith::SelectOp::create(b, isBeyond, bound, x);
}

/// The bounds are attributes before opset 11, optional operands after. What is
/// NaN stays NaN; if the bounds are the wrong way round, the upper one wins.
static LogicalResult importClip(Node &node) {
  Tensor input = node.getInput(0);
  if (failed(node.expectTypes(input, Numbers)))
    return failure();
  SmallVector<Tensor> operands = {input};
  bool hasMin = false, hasMax = false;
  if (node.getVersion() < 11) {
    if (failed(node.expectTypes(input, Floats)))
      return failure();
    if ((hasMin = node.hasAttribute("min")))
      operands.push_back(
          node.makeConstant(input.dtype, node.getFloat("min", 0)));
    if ((hasMax = node.hasAttribute("max")))
      operands.push_back(
          node.makeConstant(input.dtype, node.getFloat("max", 0)));
  } else {
    hasMin = node.hasInput(1);
    hasMax = node.hasInput(2);
    for (unsigned i : {1, 2}) {
      if (!node.hasInput(i))
        continue;
      Tensor bound = node.getInput(i);
      if (bound.dtype != input.dtype)
        return node.error("inputs have different element types");
      // A scalar, which some exporters write with one dimension of extent 1.
      FailureOr<Tensor> scalar = node.emitReshape(bound, {});
      if (failed(scalar))
        return failure();
      operands.push_back(*scalar);
    }
  }
  if (!hasMin && !hasMax) {
    node.setResult(0, input);
    return success();
  }
  std::optional<Tensor> folded = input;
  if (hasMin)
    folded = foldBinary(node, *folded, operands[1], input.dtype, foldMax);
  if (folded && hasMax)
    folded = foldBinary(node, *folded, operands.back(), input.dtype, foldMin);
  if (folded) {
    node.setResult(0, *folded);
    return success();
  }
  return node.setResult(node.emitMap(
      operands, input.shape, input.dtype, [&](B &b, ValueRange args) {
        Value x = args[0];
        if (hasMin)
          x = emitBound(b, x, args[1], /*isUpper=*/false, input.dtype);
        if (hasMax)
          x = emitBound(b, x, args.back(), /*isUpper=*/true, input.dtype);
        return x;
      }));
}

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

void tern::onnx_import::addElementwiseOps(OpTable &ops) {
  addBinary(ops, "Add", 1, Numbers, emitAdd,
            [](Node &, const Extent &a, const Extent &b) {
              return Extent::add(a, b);
            });
  addBinary(ops, "Sub", 1, Numbers, emitSub,
            [](Node &, const Extent &a, const Extent &b) {
              return Extent::sub(a, b);
            });
  addBinary(ops, "Mul", 1, Numbers, emitMul,
            [](Node &, const Extent &a, const Extent &b) {
              return Extent::mul(a, b);
            });
  addBinary(ops, "Div", 1, Numbers, emitDiv,
            [](Node &node, const Extent &a, const Extent &b) {
              return node.getSymbols().truncatingDiv(node.b, a, b);
            });
  ops.onOp("Mod", 10, 2, importMod);
  ops.onOp("Pow", 1, 2, importPow);

  addVariadic(ops, "Min", Numbers, emitMinimum, /*isMean=*/false, foldMin);
  addVariadic(ops, "Max", Numbers, emitMaximum, /*isMean=*/false, foldMax);
  addVariadic(ops, "Sum", Floats, emitAdd);
  addVariadic(ops, "Mean", Floats, emitAdd, /*isMean=*/true);

  addUnary(ops, "Neg", 1, Numbers, emitNeg,
           [](Node &, const Extent &x) { return Extent::mul(x, -1); });
  addUnary(ops, "Abs", 1, Numbers, emitAbs,
           [](Node &node, const Extent &x) -> std::optional<Extent> {
             std::optional<Extent> negative = Extent::mul(x, -1);
             return negative ? node.getSymbols().max(node.b, x, *negative)
                             : std::nullopt;
           });
  addUnary(ops, "Sign", 9, Numbers, emitSign);
  addUnary(ops, "Reciprocal", 1, Floats, emitReciprocal);
  ops.onOp("Clip", 1, {1, 3}, importClip);

  // Round takes ties to even, as roundeven does.
  auto keep = [](Node &, const Extent &x) { return std::optional<Extent>(x); };
  addUnary(ops, "Round", 11, Floats, emitSimple<math::RoundEvenOp>, keep);
  addUnary(ops, "Floor", 1, Floats, emitSimple<math::FloorOp>, keep);
  addUnary(ops, "Ceil", 1, Floats, emitSimple<math::CeilOp>, keep);
  addUnary(ops, "Sqrt", 1, Floats, emitSimple<math::SqrtOp>);
  addUnary(ops, "Exp", 1, Floats, emitSimple<math::ExpOp>);
  addUnary(ops, "Log", 1, Floats, emitSimple<math::LogOp>);
  addUnary(ops, "Erf", 9, Floats, emitSimple<math::ErfOp>);
  addUnary(ops, "Sin", 7, Floats, emitSimple<math::SinOp>);
  addUnary(ops, "Cos", 7, Floats, emitSimple<math::CosOp>);
  addUnary(ops, "Tan", 7, Floats, emitSimple<math::TanOp>);
  addUnary(ops, "Asin", 7, Floats, emitSimple<math::AsinOp>);
  addUnary(ops, "Acos", 7, Floats, emitSimple<math::AcosOp>);
  addUnary(ops, "Atan", 7, Floats, emitSimple<math::AtanOp>);
  addUnary(ops, "Sinh", 9, Floats, emitSimple<math::SinhOp>);
  addUnary(ops, "Cosh", 9, Floats, emitSimple<math::CoshOp>);
  addUnary(ops, "Tanh", 1, Floats, emitSimple<math::TanhOp>);
  addUnary(ops, "Asinh", 9, Floats, emitSimple<math::AsinhOp>);
  addUnary(ops, "Acosh", 9, Floats, emitSimple<math::AcoshOp>);
  addUnary(ops, "Atanh", 9, Floats, emitSimple<math::AtanhOp>);
}
