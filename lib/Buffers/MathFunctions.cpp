//===- MathFunctions.cpp - Tern's own exp, log, sin, ... ------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Functions on f32 in additions, multiplications, fused ones, divisions and
// square roots, all rounded as IEEE 754 says, and in integers: nothing that two
// machines do differently. There are no branches and no tables in memory, so
// that scalars in loops and vectors become the same instructions.
//
// Polynomials minimize the largest error relative to the function (Remez'
// exchange in 50 digits), their coefficients chosen among floats. The bounds
// that docs/numerics.md states are checked on all floats by `make check-math`.
//
//===----------------------------------------------------------------------===//

#include "MathFunctions.h"
#include "MathValues.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/TypeSwitch.h"
#include <limits>

using namespace mlir;
using namespace tern;

static constexpr float kInfinity = std::numeric_limits<float>::infinity();
static constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
static constexpr float kLeastNormal = 0x1p-126f;
/// Added, it rounds to an integer, which the last bits of the sum then are.
static constexpr float kRound = 0x1.8p23f;
static constexpr int64_t kRoundBits = 0x4b400000;
static constexpr int64_t kSign = 0x80000000, kExponentBias = 127;
/// What mantissas begin at: the bits of sqrt(1/2).
static constexpr int64_t kRootBits = 0x3f3504f3;

/// Off by 2^-29.
static constexpr float kLn2 = 0x1.62e43p-1f;
static constexpr float kLog2E = 0x1.715476p+0f;
/// ln 2 = high + low; products of the high part with integers below 2^9 are
/// exact.
static constexpr float kLn2High = 0x1.62e4p-1f, kLn2Low = 0x1.7f7d1cp-20f;

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

/// min(x, most), and x where that is NaN.
static Float atMost(Float x, float most) {
  Float bound(x.m, most);
  return select(bound < x, bound, x);
}
static Float atLeast(Float x, float least) {
  Float bound(x.m, least);
  return select(bound > x, bound, x);
}
static Float magnitude(Float x) { return fromBits(bits(x) & (kSign - 1)); }
static Float withSignOf(Float magnitude, Float x) {
  return fromBits(bits(magnitude) | (bits(x) & kSign));
}

/// 2^n for n in -126 to 127; of n only the last 9 bits count.
static Float powerOfTwo(Int n) {
  return fromBits((n << 23) + (kExponentBias << 23));
}
/// x * 2^n, rounded once where it is subnormal, for n in -252 to 254.
static Float scale(Float x, Int n) {
  Int half = n >> 1;
  return x * powerOfTwo(half) * powerOfTwo(n - half);
}

namespace {
/// x = n * ln 2 + rest + low, |rest| <= ln 2 / 2.
struct ExpArgument {
  Float n, rest, low;
  Int bits; // Of n, above other bits.
};

/// x = 2^exponent * (1 + rest), with 1 + rest from sqrt(1/2) to sqrt(2).
struct LogArgument {
  Float exponent, rest;
};

/// What is left of x beside a multiple of pi/2, at most pi/4, and the multiple
/// modulo 4.
struct Angle {
  Pair rest;
  Int quadrant;
};
} // namespace

static ExpArgument reduceExp(Float x, Float scaled) {
  Float n = scaled - kRound;
  // Exact: a multiple of 2^-25 below 1/2, or x itself.
  Float rest = multiplyAdd(n, -kLn2High, x);
  return {n, rest, n * -kLn2Low, bits(scaled)};
}

static LogArgument reduceLog(Float x) {
  Truth isSubnormal = x < kLeastNormal;
  Int offset = bits(select(isSubnormal, x * 0x1p23f, x)) - kRootBits;
  Float exponent = toFloat(offset >> 23);
  exponent = select(isSubnormal, exponent - 23.0f, exponent);
  return {exponent, fromBits((offset & 0x7fffff) + kRootBits) - 1.0f};
}

/// (e^x - 1 - x) / x^2, for |x| <= ln 2 / 2.
static Float expRemainder(Float x) {
  return polynomial(x, {0.5f, 0x1.555554p-3f, 0x1.5554cep-5f, 0x1.11123cp-7f,
                        0x1.6d72f2p-10f, 0x1.a030fep-13f});
}
/// 2^x, for |x| <= 1/2.
static Float exp2Near(Float x) {
  return polynomial(x, {1.0f, 0x1.62e430p-1f, 0x1.ebfbdap-3f, 0x1.c6af28p-5f,
                        0x1.3b2e44p-7f, 0x1.5f3f9ep-10f, 0x1.41fb62p-13f});
}
/// log(1 + x) - x, for 1 + x from sqrt(1/2) to sqrt(2).
static Float logRemainder(Float x) {
  Float cubic =
      polynomial(x, {-0.5f, 0x1.555554p-2f, -0x1.000228p-2f, 0x1.99a010p-3f,
                     -0x1.547240p-3f, 0x1.22d9f6p-3f, -0x1.0d84e4p-3f,
                     0x1.055c00p-3f, -0x1.38b89ap-4f});
  return x * x * cubic;
}

/// Logarithms of what is not a positive number.
static Float withLogLimits(Float result, Float x, float pole = 0.0f) {
  result = select(x < kInfinity, result, x);
  result = select(x < pole, kNaN, result);
  return select(x == pole, -kInfinity, result);
}

//===----------------------------------------------------------------------===//
// Exponentials
//===----------------------------------------------------------------------===//

static Float buildExp(Float x) {
  x = atLeast(atMost(x, 89.0f), -104.0f);
  ExpArgument a = reduceExp(x, multiplyAdd(x, kLog2E, kRound));
  Float rest = multiplyAdd(a.n, -kLn2Low, a.rest);
  Float result =
      polynomial(rest, {1.0f, 1.0f, 0x1.fffffcp-2f, 0x1.555492p-3f,
                        0x1.5558d2p-5f, 0x1.1239c4p-7f, 0x1.6a232cp-10f});
  return scale(result, a.bits - kRoundBits);
}

static Float buildExp2(Float x) {
  x = atLeast(atMost(x, 129.0f), -152.0f);
  Float scaled = x + kRound;
  return scale(exp2Near(x - (scaled - kRound)), bits(scaled) - kRoundBits);
}

/// Half of e^x - 1, so that 2^128 does not occur: with s = 2^(n-1),
/// s * rest + (s - 1/2), of which all is exact where terms cancel.
static Float buildExpM1(Float x) {
  Float bounded = atLeast(atMost(x, 89.0f), -25.0f);
  ExpArgument a = reduceExp(bounded, multiplyAdd(bounded, kLog2E, kRound));
  Float rest = a.rest + a.low;
  Float low = multiplyAdd(rest * rest, expRemainder(rest), a.low);
  Float s = powerOfTwo(a.bits - 1), shift = s - 0.5f;
  Float sum = multiplyAdd(s, a.rest, shift);
  Float lost = multiplyAdd(s, a.rest, shift - sum) + ((s - shift) - 0.5f);
  Float half = sum + multiplyAdd(s, low, lost);
  // Half of a subnormal is rounded, and zero has its sign.
  return select(magnitude(x) < 0x1p-25f, x, half + half);
}

/// With g = (e^2x - 1) / 2 it is g / (g + 1). 2x = n * ln 2 + 2 * rest.
static Float buildTanh(Float x) {
  Float size = atMost(magnitude(x), 10.0f);
  Float scaled = multiplyAdd(size, 2.0f * kLog2E, kRound), n = scaled - kRound;
  Float rest = multiplyAdd(n, -0.5f * kLn2, size);
  // ((e^2x - 1) / 2 - x) / x^2.
  Float quadratic =
      polynomial(rest, {0x1.fffffep-1f, 0x1.5554b0p-1f, 0x1.5556c2p-2f,
                        0x1.12289ap-3f, 0x1.6bea0ap-5f});
  Float low = rest * rest * quadratic;
  Int exponent = bits(scaled);
  Float half = powerOfTwo(exponent - 1) - 0.5f;
  Float s = powerOfTwo(exponent);
  Float g = multiplyAdd(s, low, multiplyAdd(s, rest, half));
  return withSignOf(g / (g + 1.0f), x);
}

/// An odd polynomial up to .92; from there on 1 - 2^-p(|x|).
static Float buildErf(Float x) {
  Float size = atMost(magnitude(x), 3.93f);
  Float square = size * size;
  Float near = multiplyAdd(
      polynomial(square, {0x1.06eba6p-3f, -0x1.8126e6p-2f, 0x1.ce1ab4p-4f,
                          -0x1.b68ffap-6f, 0x1.47576ep-8f, -0x1.3a8aa0p-11f}),
      size, size);
  Float power =
      polynomial(size, {0x1.73bf2ap-9f, 0x1.9d9b32p+0f, 0x1.e0ff3ap-1f,
                        0x1.0c5ea2p-3f, -0x1.6e1a90p-6f, 0x1.d501bap-10f});
  Float scaled = kRound - power, rest = -power - (scaled - kRound);
  Float far = multiplyAdd(-exp2Near(rest), powerOfTwo(bits(scaled)), 1.0f);
  return withSignOf(select(size < 0.92f, near, far), x);
}

//===----------------------------------------------------------------------===//
// Logarithms
//===----------------------------------------------------------------------===//

/// exponent * ln 2 + log(1 + rest) + low.
static Float sumLog(LogArgument a, std::optional<Float> low) {
  Float sum = multiplyAdd(a.exponent, kLn2High, a.rest);
  Float lost = multiplyAdd(a.exponent, kLn2High, -sum) + a.rest;
  Float small = multiplyAdd(a.exponent, kLn2Low, lost);
  if (low)
    small = small + *low;
  return sum + (logRemainder(a.rest) + small);
}

static Float buildLog(Float x) {
  return withLogLimits(sumLog(reduceLog(x), std::nullopt), x);
}

/// With k that of 1 + x, 1 + rest = 2^-k + 2^-k * x; where k is 0, rest is x.
static Float buildLog1p(Float x) {
  Int k = (bits(x + 1.0f) - kRootBits) >> 23;
  Float scaled = fromBits(bits(x) - (k << 23));
  // 2^-126 is as good as less.
  Int bounded =
      select(k.compare(arith::CmpIPredicate::slt, 126), k, Int(k.m, 126));
  Float one = powerOfTwo(Int(k.m, 0) - bounded);
  Pair rest = add(scaled, one - 1.0f);
  // The derivative, about.
  Float low = multiplyAdd(-rest.high, rest.low, rest.low);
  Float result = withLogLimits(sumLog({toFloat(k), rest.high}, low), x, -1.0f);
  return select(magnitude(x) < 0x1p-25f, x, result);
}

/// log2 of a positive number to about 2^-34 of itself: with s = rest / (2 +
/// rest), it is exponent + 2 / ln 2 * (s + s^3 / 3 + s^5 / 5 ...), the first
/// two terms as pairs.
static Pair buildLongLog2(Float x) {
  constexpr float firstHigh = 0x1.715476p+1f, firstLow = 0x1.4ae0cp-25f;
  constexpr float thirdHigh = 0x1.ec709ep-1f, thirdLow = -0x1.e2fe02p-28f;
  LogArgument a = reduceLog(x);
  Float divisor = a.rest + 2.0f, divisorLow = a.rest - (divisor - 2.0f);
  Float s = a.rest / divisor;
  Float sLow = multiplyAdd(-s, divisorLow, fma(-s, divisor, a.rest)) / divisor;
  Pair square = multiply(s, s);
  square.low = multiplyAdd(s + s, sLow, square.low);
  Float rest = polynomial(square.high,
                          {0x1.27770ep-1f, 0x1.a5bbfap-2f, 0x1.59ee04p-2f}) *
               square.high;
  Pair third = addToLarger(Float(x.m, thirdHigh), rest);
  third.low = third.low + thirdLow;
  Pair term = multiply(square.high, third.high);
  term.low = multiplyAdd(square.high, third.low, term.low);
  term.low = multiplyAdd(square.low, third.high, term.low);
  Pair factor = addToLarger(Float(x.m, firstHigh), term.high);
  factor.low = factor.low + (term.low + firstLow);
  Pair log = multiply(s, factor.high);
  log.low = multiplyAdd(s, factor.low, log.low);
  log.low = multiplyAdd(sLow, factor.high, log.low);
  Pair sum = addToLarger(a.exponent, log.high);
  return addToLarger(sum.high, sum.low + log.low);
}

static Float buildLog2(Float x) {
  return withLogLimits(buildLongLog2(x).high, x);
}

static Float buildLog10(Float x) {
  constexpr float high = 0x1.344136p-2f, low = -0x1.ec10cp-27f; // log10(2)
  Pair log = buildLongLog2(x);
  Pair product = multiply(log.high, Float(x.m, high));
  product.low = multiplyAdd(log.high, low, product.low);
  product.low = multiplyAdd(log.low, high, product.low);
  return withLogLimits(product.high + product.low, x);
}

static Float buildPow(Float x, Float y) {
  Float sizeX = magnitude(x), sizeY = magnitude(y);
  Pair log = buildLongLog2(sizeX);
  Float high = select(sizeX < kInfinity, log.high, kInfinity);
  high = select(sizeX == 0.0f, -kInfinity, high);
  auto [power, powerLow] = multiply(y, high);
  powerLow = multiplyAdd(y, log.low, powerLow);
  powerLow = select(magnitude(power) < 512.0f, powerLow, 0.0f);
  power = atLeast(atMost(power, 160.0f), -160.0f);
  Float scaled = power + kRound;
  Float rest = (power - (scaled - kRound)) + powerLow;
  Float result = scale(exp2Near(rest), bits(scaled) - kRoundBits);

  // From 2^23 on all are integers, from 2^24 on even ones. What 2^23 is added
  // to ends in the bit of the ones.
  Truth isLarge = !(sizeY < 0x1p23f);
  Float ones = select(isLarge, sizeY, sizeY + 0x1p23f);
  Truth isInteger = isLarge | (ones - 0x1p23f == sizeY);
  Truth isOdd = isInteger & (sizeY < 0x1p24f) & ((bits(ones) & 1) != 0);
  result = select(isOdd, withSignOf(result, x), result);
  result = select((x < 0.0f) & (sizeX < kInfinity) & !isInteger, kNaN, result);
  result = select((x != x) | (y != y), x + y, result);
  Truth isOne =
      ((sizeX == 1.0f) & (sizeY == kInfinity)) | (x == 1.0f) | (y == 0.0f);
  return select(isOne, 1.0f, result);
}

/// 1 / sqrt(x), corrected by the remainders of the root and the division.
static Float buildRsqrt(Float x) {
  Truth isSmall = x < 0x1p-64f; // There remainders would be too small.
  Float scaled = select(isSmall, x * 0x1p64f, x);
  Float root = sqrt(scaled), result = 1.0f / root;
  Float ofRoot = fma(-root, root, scaled);
  Float ofResult = fma(-root, result, Float(x.m, 1.0f));
  Float correction = multiplyAdd(-0.5f * result * result, ofRoot, ofResult);
  Float corrected = multiplyAdd(result, correction, result);
  Truth isNumber = (x > 0.0f) & (x < kInfinity);
  result = select(isNumber, corrected, result);
  return select(isSmall, result * 0x1p32f, result);
}

//===----------------------------------------------------------------------===//
// Trigonometry
//===----------------------------------------------------------------------===//

/// |x| modulo pi/2 for all x (M. Payne, R. Hanek, "Radian reduction for
/// trigonometric functions", 1983): its mantissa times those bits of 2/pi that
/// neither make multiples of 4 nor are too small to matter, in integers. No
/// float is nearer to a multiple of pi/2 than 2^-30 of it, and the 62 bits
/// after the point leave 32 of that.
static Angle reduceAngle(Float x) {
  // The bits of 2/pi, with 26 zeros before the point, in words.
  constexpr int64_t words[] = {0x00000028, 0xbe60db93, 0x91054a7f, 0x09d5f47d,
                               0x4d377036, 0xd8a5664f, 0x10e4107f};
  MathContext *m = x.m;
  Float size = magnitude(x);
  Int exponent = shiftRight(bits(size), 23);
  Int mantissa = (bits(size) & 0x7fffff) | 0x800000;
  Int first = exponent - 126;
  Int number = shiftRight(first, 5), shift = first & 31;
  SmallVector<Int> window;
  for (int64_t i = 0; i < 4; ++i) {
    Int word(m, words[i]);
    for (int64_t at = 1; at <= 4; ++at)
      word = select(number == at, Int(m, i + at < 7 ? words[i + at] : 0), word);
    window.push_back(word);
  }
  SmallVector<Int> factor;
  for (int64_t i = 0; i < 3; ++i)
    factor.push_back(
        (window[i] << shift) |
        shiftRight(shiftRight(window[i + 1], 1), Int(m, 31) - shift));
  Long wide = extend(mantissa);
  Long product = shiftRight(wide * extend(factor[2]), 32) +
                 wide * extend(factor[1]) +
                 (extend(mantissa * factor[0]) << 32);
  // Two bits of a multiple of pi/2, then the fraction.
  Int high = truncate(shiftRight(product, 32)), low = truncate(product);
  Int quadrant = shiftRight(high + (int64_t(1) << 29), 30);
  high = high - (quadrant << 30);
  // 20, 24 and 20 bits: each is a float.
  Float top = toFloat(high & 0xfffff000);
  Float middle = toFloat(((high & 0xfff) << 12) | shiftRight(low, 20));
  Float bottom = toFloat(low & 0xfffff) * 0x1p-32f;
  Pair fraction = addToLarger(top, middle * 0x1p-12f);
  fraction = addToLarger(fraction.high, fraction.low + bottom);
  constexpr float unitHigh = 0x1.921fb6p-30f, unitLow = -0x1.777a5cp-55f;
  Pair rest = multiply(fraction.high, Float(m, unitHigh));
  rest.low = multiplyAdd(fraction.high, unitLow, rest.low);
  rest.low = multiplyAdd(fraction.low, unitHigh, rest.low);

  Truth isSmall = size < 0.75f;
  rest.high = select(isSmall, size, rest.high);
  rest.low = select(isSmall, 0.0f, rest.low);
  rest.high = select(size < kInfinity, rest.high, size - size);
  return {rest, select(isSmall, Int(m, 0), quadrant)};
}

namespace {
struct SineAndCosine {
  Pair sine, cosine;
};
} // namespace

static SineAndCosine buildSineAndCosine(Pair x) {
  Pair square = multiply(x.high, x.high);
  Float cosine = multiplyAdd(square.high, -0.5f, 1.0f);
  Float lost = multiplyAdd(square.low, -0.5f,
                           multiplyAdd(square.high, -0.5f, 1.0f - cosine));
  Float sineRest = polynomial(
      square.high, {-0x1.555546p-3f, 0x1.110778p-7f, -0x1.99540ap-13f});
  Float cosineRest = polynomial(
      square.high, {0x1.55554ap-5f, -0x1.6c0c28p-10f, 0x1.99e80cp-16f});
  Float sineLow = multiplyAdd(x.high * square.high, sineRest, x.low * cosine);
  Float cosineLow = multiplyAdd(square.high * square.high, cosineRest,
                                multiplyAdd(-x.high, x.low, lost));
  return {{x.high, sineLow}, {cosine, cosineLow}};
}

/// Negative where bit 1 of `quadrant` is set.
static Float withSignOfQuadrant(Float x, Int quadrant) {
  return fromBits(bits(x) ^ ((quadrant & 2) << 30));
}

static Float buildSin(Float x) {
  Angle angle = reduceAngle(x);
  auto [sine, cosine] = buildSineAndCosine(angle.rest);
  Float result = select((angle.quadrant & 1) != 0, cosine.high + cosine.low,
                        sine.high + sine.low);
  result = withSignOfQuadrant(result, angle.quadrant);
  return fromBits(bits(result) ^ (bits(x) & kSign));
}

static Float buildCos(Float x) {
  Angle angle = reduceAngle(x);
  auto [sine, cosine] = buildSineAndCosine(angle.rest);
  Float result = select((angle.quadrant & 1) != 0, sine.high + sine.low,
                        cosine.high + cosine.low);
  return withSignOfQuadrant(result, angle.quadrant + 1);
}

static Float buildTan(Float x) {
  Angle angle = reduceAngle(x);
  auto [sine, cosine] = buildSineAndCosine(angle.rest);
  sine = addToLarger(sine.high, sine.low);
  cosine = addToLarger(cosine.high, cosine.low);
  Truth isOdd = (angle.quadrant & 1) != 0;
  Float over = select(isOdd, cosine.high, sine.high);
  Float overLow = select(isOdd, cosine.low, sine.low);
  Float under = select(isOdd, sine.high, cosine.high);
  Float underLow = select(isOdd, sine.low, cosine.low);
  Float ratio = over / under;
  Float remainder =
      fma(-ratio, under, over) + multiplyAdd(-ratio, underLow, overLow);
  Float result = select(over == 0.0f, over, ratio + remainder / under);
  result = withSignOfQuadrant(result, angle.quadrant << 1);
  return fromBits(bits(result) ^ (bits(x) & kSign));
}

//===----------------------------------------------------------------------===//
// Operations
//===----------------------------------------------------------------------===//

/// The function of an operation's operands; null, if it is not one of Tern's.
static Float (*getUnary(Operation *op))(Float) {
  using Function = Float (*)(Float);
  return llvm::TypeSwitch<Operation *, Function>(op)
      .Case([](math::ExpOp) { return buildExp; })
      .Case([](math::Exp2Op) { return buildExp2; })
      .Case([](math::ExpM1Op) { return buildExpM1; })
      .Case([](math::LogOp) { return buildLog; })
      .Case([](math::Log2Op) { return buildLog2; })
      .Case([](math::Log10Op) { return buildLog10; })
      .Case([](math::Log1pOp) { return buildLog1p; })
      .Case([](math::SinOp) { return buildSin; })
      .Case([](math::CosOp) { return buildCos; })
      .Case([](math::TanOp) { return buildTan; })
      .Case([](math::TanhOp) { return buildTanh; })
      .Case([](math::ErfOp) { return buildErf; })
      .Case([](math::RsqrtOp) { return buildRsqrt; })
      .Default(Function());
}

static bool isFunctionOn(Operation *op,
                         llvm::function_ref<bool(Type)> hasElement) {
  if (!getUnary(op) && !isa<math::PowFOp>(op))
    return false;
  Type type = op->getResult(0).getType();
  return !isa<TensorType>(type) && hasElement(getElementTypeOrSelf(type));
}

bool tern::isOwnMathFunction(Operation *op) {
  return isFunctionOn(op, [](Type type) { return type.isF32(); });
}

bool tern::becomesOwnMathFunction(Operation *op) {
  return isFunctionOn(op,
                      llvm::IsaPred<Float16Type, BFloat16Type, Float32Type>);
}

Value tern::buildMathFunction(OpBuilder &builder, Operation *op, bool hasFma) {
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(op);
  MathContext m(builder, op->getLoc(), op->getResult(0).getType(), hasFma);
  Float x(&m, op->getOperand(0));
  if (auto *unary = getUnary(op))
    return unary(x).value;
  return buildPow(x, Float(&m, op->getOperand(1))).value;
}
