//===- NarrowTypes.cpp - Element types of 8 bits and less -----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NarrowTypes.h"
#include "Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

bool tern::onnx_import::takesNarrowType(StringRef domain, StringRef opType,
                                        unsigned input, DType type) {
  if (!domain.empty())
    return domain == "com.microsoft" &&
           (type == DType::U4 || type == DType::I4) &&
           (opType == "QuantizeLinear" || opType == "DequantizeLinear");
  bool isByte =
      isNarrowFloat(type) && getBitWidth(type) == 8 && type != DType::F8E8M0;
  return llvm::StringSwitch<bool>(opType)
      .Cases({"Cast", "CastLike", "QuantizeLinear", "DequantizeLinear"}, true)
      .Cases({"Identity", "Shape", "Size", "Transpose"}, true)
      .Cases({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Gather"},
             input == 0)
      .Case("Pad", input == 0 || input == 2)
      .Cases({"Dropout", "IsNaN", "IsInf"}, input == 0 && isByte)
      .Case("QLinearMatMul", isByte)
      .Default(false);
}

Value tern::onnx_import::emitLowBits(B &b, Value byte, DType type) {
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI8IntegerAttr(value));
  };
  unsigned width = getBitWidth(type);
  if (isUnsigned(type) || isNarrowFloat(type))
    return arith::AndIOp::create(
        b, byte, constant(llvm::maskTrailingOnes<uint32_t>(width)));
  Value high = arith::ShLIOp::create(b, byte, constant(8 - width));
  return arith::ShRSIOp::create(b, high, constant(8 - width));
}

//===----------------------------------------------------------------------===//
// Floats
//===----------------------------------------------------------------------===//

namespace {
/// A sign, an exponent and a mantissa. Codes are those of magnitudes: the sign
/// is the bit above them.
struct Format {
  unsigned mantissaBits;
  int bias;
  /// The greatest number; what is greater if infinity or NaN says so; NaN.
  unsigned greatest, overflow, nan;
  /// There is one zero, and NaN is the code of the other.
  bool hasOneZero = false;
};

using P = arith::CmpIPredicate;
using PF = arith::CmpFPredicate;
} // namespace

static Format getFormat(DType type) {
  switch (type) {
  case DType::F8E4M3FN:
    return {3, 7, 0x7e, 0x7f, 0x7f};
  case DType::F8E4M3FNUZ:
    return {3, 8, 0x7f, 0x80, 0x80, true};
  case DType::F8E5M2:
    return {2, 15, 0x7b, 0x7c, 0x7e};
  case DType::F8E5M2FNUZ:
    return {2, 16, 0x7f, 0x80, 0x80, true};
  // Without infinities and NaN: NaN becomes -0, as in ONNX's own tests.
  case DType::F6E2M3:
    return {3, 1, 0x1f, 0x1f, 0x20};
  case DType::F6E3M2:
    return {2, 3, 0x1f, 0x1f, 0x20};
  case DType::F4E2M1:
    return {1, 1, 0x7, 0x7, 0x8};
  default:
    llvm_unreachable("not a narrow float with a mantissa");
  }
}

/// f8e8m0: the power of two that an exponent is; the last code is NaN.
static Value emitDecodedPower(B &b, Value code) {
  Type i32 = b.getI32Type(), f32 = b.getF32Type();
  auto constant = [&](int64_t value) {
    return emitConstant(b, i32, static_cast<double>(value));
  };
  Value bits = arith::ShLIOp::create(b, code, constant(23));
  // The least power is a subnormal f32.
  Value isLeast = arith::CmpIOp::create(b, P::eq, code, constant(0));
  bits = arith::SelectOp::create(b, isLeast, constant(1 << 22), bits);
  Value value = arith::BitcastOp::create(b, f32, bits);
  Value isNaN = arith::CmpIOp::create(b, P::eq, code, constant(255));
  return arith::SelectOp::create(
      b, isNaN, emitConstant(b, f32, std::numeric_limits<double>::quiet_NaN()),
      value);
}

double tern::onnx_import::getGreatest(DType type) {
  Format format = getFormat(type);
  int scale = 1 << format.mantissaBits;
  int exponent = static_cast<int>(format.greatest >> format.mantissaBits);
  double fraction = 1 + double(format.greatest % scale) / scale;
  return std::ldexp(fraction, exponent - format.bias);
}

static Value emitDecodedNumber(B &b, Value byte, DType type) {
  Type i32 = b.getI32Type(), f32 = b.getF32Type();
  Value code = arith::ExtUIOp::create(b, i32, byte);
  if (type == DType::F8E8M0)
    return emitDecodedPower(b, code);
  Format format = getFormat(type);
  unsigned width = getBitWidth(type);
  auto constant = [&](int64_t value) {
    return emitConstant(b, i32, static_cast<double>(value));
  };
  auto number = [&](double value) { return emitConstant(b, f32, value); };
  // With the mantissa where that of an f32 is, only the bias is another; a
  // product, which is exact, is right for subnormals too.
  Value magnitude = arith::AndIOp::create(
      b, code, constant(llvm::maskTrailingOnes<uint32_t>(width - 1)));
  Value bits =
      arith::ShLIOp::create(b, magnitude, constant(23 - format.mantissaBits));
  Value value =
      arith::MulFOp::create(b, arith::BitcastOp::create(b, f32, bits),
                            number(std::ldexp(1.0, 127 - format.bias)));
  if (type == DType::F8E5M2) {
    Value isInfinite =
        arith::CmpIOp::create(b, P::eq, magnitude, constant(format.overflow));
    value = arith::SelectOp::create(
        b, isInfinite, number(std::numeric_limits<double>::infinity()), value);
  }
  Value negative = arith::NegFOp::create(b, value);
  Value hasSign = arith::CmpIOp::create(b, P::uge, code,
                                        constant(int64_t(1) << (width - 1)));
  value = arith::SelectOp::create(b, hasSign, negative, value);
  if (width < 8)
    return value;
  Value isNaN =
      format.hasOneZero
          ? arith::CmpIOp::create(b, P::eq, code, constant(format.nan))
          : arith::CmpIOp::create(b, P::ugt, magnitude,
                                  constant(type == DType::F8E5M2
                                               ? format.overflow
                                               : format.greatest));
  return arith::SelectOp::create(
      b, isNaN, number(std::numeric_limits<double>::quiet_NaN()), value);
}

Value tern::onnx_import::emitDecoded(B &b, Value byte, DType type) {
  Value bits = arith::SIToFPOp::create(b, b.getF32Type(), byte);
  return SurrogateOp::create(b, emitDecodedNumber(b, byte, type), bits);
}

/// f8e8m0: what is no positive number is NaN, but 0.
static Value emitEncodedPower(B &b, Value x, NarrowRounding rounding) {
  Type i64 = b.getI64Type();
  // All that f32 has is normal in f64.
  if (x.getType().isF32())
    x = arith::ExtFOp::create(b, b.getF64Type(), x);
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
  };
  auto number = [&](double value) {
    return emitConstant(b, x.getType(), value);
  };
  constexpr int64_t unit = int64_t(1) << 52;
  Value bits =
      arith::BitcastOp::create(b, i64, math::AbsFOp::create(b, x).getResult());
  if (rounding.mode != NarrowRounding::Down)
    bits = arith::AddIOp::create(
        b, bits,
        constant(rounding.mode == NarrowRounding::Up ? unit - 1 : unit / 2));
  Value exponent = arith::ShRUIOp::create(b, bits, constant(52));
  Value code = arith::SubIOp::create(b, exponent, constant(1023 - 127));
  code = arith::MinSIOp::create(b, code, constant(254));
  code = arith::MaxSIOp::create(b, code, constant(0));
  // Negative numbers, and NaN.
  Value isNone = arith::CmpFOp::create(
      b, PF::ULT, x, number(rounding.saturates ? 0 : std::ldexp(1.0, -127)));
  if (!rounding.saturates) {
    Value isOver =
        arith::CmpFOp::create(b, PF::OGT, x, number(std::ldexp(1.0, 127)));
    isNone = arith::OrIOp::create(b, isNone, isOver);
  }
  code = arith::SelectOp::create(b, isNone, constant(255), code);
  return arith::TruncIOp::create(b, b.getI8Type(), code);
}

static Value emitEncodedNumber(B &b, Value x, DType type,
                               NarrowRounding rounding) {
  if (type == DType::F8E8M0)
    return emitEncodedPower(b, x, rounding);
  Format format = getFormat(type);
  unsigned width = getBitWidth(type);
  auto source = cast<FloatType>(x.getType());
  unsigned wide = source.getWidth();
  int mantissaBits = source.getFPMantissaWidth() - 1;
  int bias = wide == 32 ? 127 : 1023;
  Type integer = b.getIntegerType(wide);
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getIntegerAttr(integer, value));
  };
  auto number = [&](double value) { return emitConstant(b, source, value); };
  auto bitsOf = [&](Value value) -> Value {
    return arith::BitcastOp::create(b, integer, value);
  };
  Value magnitude = math::AbsFOp::create(b, x);
  Value bits = bitsOf(magnitude);

  // A normal result: round the mantissa where it is, and correct the bias.
  int dropped = mantissaBits - static_cast<int>(format.mantissaBits);
  Value odd = arith::AndIOp::create(
      b, arith::ShRUIOp::create(b, bits, constant(dropped)).getResult(),
      constant(1));
  Value rounded = arith::AddIOp::create(
      b, bits, constant((int64_t(1) << (dropped - 1)) - 1));
  rounded = arith::AddIOp::create(b, rounded, odd);
  rounded = arith::ShRUIOp::create(b, rounded, constant(dropped));
  Value normal = arith::SubIOp::create(
      b, rounded, constant(int64_t(bias - format.bias) << format.mantissaBits));

  // A subnormal one is a multiple of the least number, to which the sum with a
  // number that has this unit in the last place is rounded.
  int leastNormal = 1 - format.bias;
  Value base = number(std::ldexp(1.0, leastNormal + dropped));
  Value subnormal = arith::SubIOp::create(
      b, bitsOf(arith::AddFOp::create(b, magnitude, base)), bitsOf(base));
  Value isSubnormal = arith::CmpFOp::create(
      b, PF::OLT, magnitude, number(std::ldexp(1.0, leastNormal)));
  Value code = arith::SelectOp::create(b, isSubnormal, subnormal, normal);

  Value isOver =
      arith::CmpIOp::create(b, P::sgt, code, constant(format.greatest));
  code = arith::SelectOp::create(
      b, isOver,
      constant(rounding.saturates ? format.greatest : format.overflow), code);
  Value isNaN = arith::CmpFOp::create(b, PF::UNO, x, x);
  code = arith::SelectOp::create(b, isNaN, constant(format.nan), code);
  Value sign = arith::ShRUIOp::create(b, bitsOf(x), constant(wide - width));
  sign = arith::AndIOp::create(b, sign, constant(int64_t(1) << (width - 1)));
  Value result = arith::OrIOp::create(b, code, sign);
  if (format.hasOneZero) {
    Value isZero = arith::CmpIOp::create(b, P::eq, code, constant(0));
    result = arith::SelectOp::create(b, isZero, code, result);
  }
  return arith::TruncIOp::create(b, b.getI8Type(), result);
}

Value tern::onnx_import::emitEncoded(B &b, Value x, DType type,
                                     NarrowRounding rounding) {
  return SurrogateOp::create(b, emitEncodedNumber(b, x, type, rounding), x);
}
