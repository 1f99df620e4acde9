//===- Cast.cpp - Conversions between element types -----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include <cmath>

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

static Value emitFloatToFloat(B &b, Value x, DType from, DType to, Type type) {
  // Neither of the 16-bit types contains the other.
  if (getBitWidth(from) == 16 && getBitWidth(to) == 16)
    x = arith::ExtFOp::create(b, b.getF32Type(), x);
  if (x.getType().getIntOrFloatBitWidth() < getBitWidth(to))
    return arith::ExtFOp::create(b, type, x);
  return arith::TruncFOp::create(b, type, x);
}

// ONNX leaves what does not fit undefined, and so does the processor.
Value tern::onnx_import::emitSaturated(B &b, Value x, DType to) {
  Type type = getMLIRType(to, b.getContext());
  if (x.getType().getIntOrFloatBitWidth() < 32)
    x = arith::ExtFOp::create(b, b.getF32Type(), x);
  unsigned width = getBitWidth(to);
  double low = isUnsigned(to) ? 0 : -std::ldexp(1.0, width - 1);
  double high = std::ldexp(1.0, isUnsigned(to) ? width : width - 1);
  APInt least =
      isUnsigned(to) ? APInt::getZero(width) : APInt::getSignedMinValue(width);
  APInt greatest = isUnsigned(to) ? APInt::getMaxValue(width)
                                  : APInt::getSignedMaxValue(width);
  auto integer = [&](const APInt &value) -> Value {
    unsigned wide = type.getIntOrFloatBitWidth();
    APInt bits = isUnsigned(to) ? value.zext(wide) : value.sext(wide);
    return arith::ConstantOp::create(b, b.getIntegerAttr(type, bits));
  };
  using P = arith::CmpFPredicate;
  Value lowest = emitConstant(b, x.getType(), low);
  Value isLow = arith::CmpFOp::create(b, P::OLT, x, lowest);
  Value isHigh =
      arith::CmpFOp::create(b, P::OGE, x, emitConstant(b, x.getType(), high));
  Value isNaN = arith::CmpFOp::create(b, P::UNO, x, x);
  Value isOut = arith::OrIOp::create(
      b, arith::OrIOp::create(b, isLow, isHigh).getResult(), isNaN);
  Value safe =
      arith::SelectOp::create(b, isOut, emitConstant(b, x.getType(), 0), x);
  Value result = isUnsigned(to)
                     ? arith::FPToUIOp::create(b, type, safe).getResult()
                     : arith::FPToSIOp::create(b, type, safe).getResult();
  result = arith::SelectOp::create(b, isLow, integer(least), result);
  return arith::SelectOp::create(b, isHigh, integer(greatest), result);
}

/// To a narrow type: truncates towards zero and keeps the low bits, as ONNX's
/// own tests want it; what does not fit an i32, and NaN, becomes 0.
static Value emitFloatToNarrow(B &b, Value x, DType to) {
  if (x.getType().getIntOrFloatBitWidth() < 32)
    x = arith::ExtFOp::create(b, b.getF32Type(), x);
  Value magnitude = math::AbsFOp::create(b, x);
  Value fits =
      arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, magnitude,
                            emitConstant(b, x.getType(), std::ldexp(1.0, 31)));
  Value safe =
      arith::SelectOp::create(b, fits, x, emitConstant(b, x.getType(), 0));
  Value integer = arith::FPToSIOp::create(b, b.getI32Type(), safe);
  return emitLowBits(b, arith::TruncIOp::create(b, b.getI8Type(), integer), to);
}

static Value emitIntToInt(B &b, Value x, DType from, DType to, Type type) {
  unsigned before = x.getType().getIntOrFloatBitWidth();
  unsigned after = type.getIntOrFloatBitWidth();
  bool isZeroExtended = isUnsigned(from) || from == DType::Bool;
  if (before > after)
    x = arith::TruncIOp::create(b, type, x);
  else if (before < after)
    x = isZeroExtended ? arith::ExtUIOp::create(b, type, x).getResult()
                       : arith::ExtSIOp::create(b, type, x).getResult();
  if (!isNarrow(to))
    return x;
  bool isContained = getBitWidth(from) < getBitWidth(to) &&
                     (isZeroExtended || !isUnsigned(to));
  return isContained ? x : emitLowBits(b, x, to);
}

Value tern::onnx_import::emitScalarCast(B &b, Value x, DType from, DType to,
                                        NarrowRounding rounding) {
  if (from == to)
    return x;
  if (isNarrowFloat(from))
    return emitScalarCast(b, emitDecoded(b, x, from), DType::F32, to, rounding);
  if (isNarrowFloat(to)) {
    // Integers that f32 does not hold are out of range, but for f8e8m0.
    bool isWide =
        from == DType::F64 || (isInteger(from) && to == DType::F8E8M0);
    DType source = isWide ? DType::F64 : DType::F32;
    return emitEncoded(b, emitScalarCast(b, x, from, source), to, rounding);
  }
  Type type = getMLIRType(to, b.getContext());
  if (to == DType::Bool) {
    Value zero = emitConstant(b, x.getType(), 0);
    if (isFloat(from))
      return arith::CmpFOp::create(b, arith::CmpFPredicate::UNE, x, zero);
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, x, zero);
  }
  if (isFloat(from) && isFloat(to))
    return emitFloatToFloat(b, x, from, to, type);
  if (isFloat(from))
    return isNarrow(to) ? emitFloatToNarrow(b, x, to) : emitSaturated(b, x, to);
  if (!isFloat(to))
    return emitIntToInt(b, x, from, to, type);
  if (isUnsigned(from) || from == DType::Bool)
    return arith::UIToFPOp::create(b, type, x);
  return arith::SIToFPOp::create(b, type, x);
}

LogicalResult tern::onnx_import::requireExactFloat(Node &node,
                                                   const Extent &extent,
                                                   DType dtype) {
  constexpr int64_t greatest = int64_t(1) << 24;
  if (dtype != DType::F32 || extent.getConstant())
    return success();
  for (int64_t sign : {1, -1}) {
    std::optional<Extent> value = Extent::mul(extent, sign);
    std::optional<Extent> rest =
        value ? Extent::sub(greatest, *value) : std::nullopt;
    std::string message = "f32 does not hold " + node.describe(extent) +
                          " if that is more than 2^24";
    if (!rest)
      return node.error(message);
    if (failed(node.requireNonNegative(*rest, message)))
      return failure();
  }
  return success();
}

/// The cast of elements that are known, where they stay known.
static std::optional<Tensor> foldCast(Node &node, const Tensor &operand,
                                      DType to) {
  if (!operand.contents || to == DType::Bool || isNarrowFloat(to))
    return std::nullopt;
  Tensor result = node.makeTensor(to, operand.shape, nullptr);
  bool isExact = !isFloat(operand.dtype) || operand.dtype == to ||
                 operand.dtype == DType::F64 || operand.dtype == DType::F32;
  for (const Extent &extent : *operand.contents)
    isExact &= !node.getSymbols().isFloat(extent);
  if (!isExact)
    return std::nullopt;
  if (isInteger(to)) {
    for (const Extent &extent : *operand.contents)
      if (!fitsType(extent, to) ||
          failed(requireExactFloat(node, extent, operand.dtype)))
        return std::nullopt;
    result.contents = operand.contents;
    return result;
  }
  // What f32 rounded, f64 does not restore.
  if (isFloat(operand.dtype) && to != DType::F32)
    return std::nullopt;
  bool isConstant = llvm::all_of(
      *operand.contents, [](const Extent &e) { return e.getConstant(); });
  if (!isConstant) {
    result.contents = operand.contents;
    return result;
  }
  // Floats that are integers stay known as such.
  SmallVector<Attribute> values;
  bool areExact = true;
  Type type = node.getElementType(to);
  for (const Extent &extent : *operand.contents) {
    std::optional<int64_t> value = extent.getConstant();
    if (!value)
      return std::nullopt;
    APFloat number(cast<FloatType>(type).getFloatSemantics());
    number.convertFromAPInt(APInt(64, *value, /*isSigned=*/true),
                            /*IsSigned=*/true, APFloat::rmNearestTiesToEven);
    areExact &= number.convertToDouble() == static_cast<double>(*value) &&
                std::abs(*value) < (int64_t(1) << 53);
    values.push_back(FloatAttr::get(type, number));
  }
  if (areExact)
    result.contents = operand.contents;
  result.constant =
      DenseElementsAttr::get(node.getTensorType(to, operand.shape), values);
  return result;
}

FailureOr<Tensor> tern::onnx_import::emitCast(Node &node, Tensor operand,
                                              DType to,
                                              NarrowRounding rounding) {
  if (operand.dtype == to)
    return operand;
  if (std::optional<Tensor> folded = foldCast(node, operand, to))
    return *folded;
  return node.emitMap({operand}, to, [&](B &b, ValueRange args) {
    return emitScalarCast(b, args[0], operand.dtype, to, rounding);
  });
}

static LogicalResult castTo(Node &node, DType to) {
  NarrowRounding rounding;
  rounding.saturates = node.getFlag("saturate", true);
  StringRef mode = node.getString("round_mode", "up");
  if (mode == "down")
    rounding.mode = NarrowRounding::Down;
  else if (mode == "nearest")
    rounding.mode = NarrowRounding::Nearest;
  else if (mode != "up")
    return node.error("attribute 'round_mode' is " + quote(mode) +
                      "; it must be 'up', 'down' or 'nearest'");
  return node.setResult(emitCast(node, node.getInput(0), to, rounding));
}

static LogicalResult importCast(Node &node) {
  int64_t number = node.getInt("to", 0);
  std::optional<DType> to = getDType(static_cast<int>(number));
  if (!to || number != static_cast<int64_t>(*to))
    return node.error("cannot cast to element type " +
                      getONNXTypeName(static_cast<int>(number)));
  return castTo(node, *to);
}

/// Until opset 6, the type was given by name.
static LogicalResult importNamedCast(Node &node) {
  std::string name = node.getString("to", "").lower();
  static constexpr std::pair<llvm::StringLiteral, DType> names[] = {
      {"float", DType::F32},  {"double", DType::F64}, {"float16", DType::F16},
      {"int8", DType::I8},    {"int16", DType::I16},  {"int32", DType::I32},
      {"int64", DType::I64},  {"uint8", DType::U8},   {"uint16", DType::U16},
      {"uint32", DType::U32}, {"uint64", DType::U64}, {"bool", DType::Bool},
  };
  for (const auto &[key, dtype] : names)
    if (key == name)
      return castTo(node, dtype);
  return node.error("cannot cast to element type " + quote(name));
}

void tern::onnx_import::addCastOps(OpTable &ops) {
  ops.onOp("Cast", 1, 1, importNamedCast);
  ops.onOp("Cast", 6, 1, importCast);
  ops.onOp("CastLike", 15, 2,
           [](Node &node) { return castTo(node, node.getInput(1).dtype); });
}
