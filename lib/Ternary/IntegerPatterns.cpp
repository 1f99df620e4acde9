//===- IntegerPatterns.cpp - Match quantizers in integer types ------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formulas.h"
#include "QuantizerPatterns.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/DenseSet.h"
#include <cmath>

using namespace mlir;
using namespace tern;

namespace {
/// A conversion that saturates, and its bounds.
struct Saturated {
  Element value;
  double low, high;
};
} // namespace

/// A constant of an integer type that may be unsigned.
static std::optional<double> getInteger(Element element, bool isUnsigned) {
  std::optional<double> value = getConstant(element);
  Type type = getElementTypeOrSelf(getScalar(element).value);
  if (value && isUnsigned && *value < 0 && type.isInteger())
    return *value + std::ldexp(1.0, type.getIntOrFloatBitWidth());
  return value;
}

/// The float that a saturating conversion to a small integer type takes.
static std::optional<Saturated> matchSaturated(Element element,
                                               bool isUnsigned) {
  // v >= 256 ? 255 : v < 0 ? 0 : u8(one of these or NaN ? 0 : v).
  using P = arith::CmpFPredicate;
  std::optional<Element> value;
  double bounds[2];
  for (bool isLow : {false, true}) {
    if (!isa_and_nonnull<arith::SelectOp>(getComputation(element)))
      return std::nullopt;
    Element condition = getOperand(element, 0);
    auto compare = dyn_cast_or_null<arith::CmpFOp>(getComputation(condition));
    std::optional<double> given =
        getInteger(getOperand(element, 1), isUnsigned);
    if (!compare || compare.getPredicate() != (isLow ? P::OLT : P::OGE) ||
        !given ||
        getConstant(getOperand(condition, 1)) != *given + (isLow ? 0 : 1))
      return std::nullopt;
    bounds[isLow] = *given;
    Element compared = getOperand(condition, 0);
    if (value && !isSame(*value, compared))
      return std::nullopt;
    value = compared;
    element = getOperand(element, 2);
  }
  auto converted = isUnsigned ? matchUnary<arith::FPToUIOp>(element)
                              : matchUnary<arith::FPToSIOp>(element);
  if (!converted ||
      !isa_and_nonnull<arith::SelectOp>(getComputation(*converted)) ||
      getConstant(getOperand(*converted, 1)) != 0.0 ||
      !isSame(getOperand(*converted, 2), *value))
    return std::nullopt;
  return Saturated{*value, bounds[1], bounds[0]};
}

std::optional<Element> tern::matchInt8RoundTrip(Element element) {
  auto integer = matchUnary<arith::SIToFPOp>(element);
  if (!integer)
    return std::nullopt;
  if (auto narrow = matchUnary<arith::ExtSIOp>(*integer))
    integer = narrow;
  std::optional<Saturated> saturated = matchSaturated(*integer, false);
  if (!saturated || saturated->low != -128 || saturated->high != 127)
    return std::nullopt;
  return saturated->value;
}

/// float(clip(saturate(round(value / scale) + zero point)) - zero point).
std::optional<QuantizerMatcher::Codes>
QuantizerMatcher::matchIntegerCodes(Element codes) {
  auto integer = matchUnary<arith::SIToFPOp>(codes);
  if (!integer)
    return std::nullopt;
  double zero = 0;
  std::optional<Element> zeroPoint;
  if (auto shifted = matchBinary<arith::SubIOp>(*integer)) {
    zeroPoint = shifted->second;
    integer = shifted->first;
  }
  bool isUnsigned = false;
  if (auto narrow = matchUnary<arith::ExtSIOp>(*integer)) {
    integer = narrow;
  } else if (auto narrow = matchUnary<arith::ExtUIOp>(*integer)) {
    integer = narrow;
    isUnsigned = true;
  }
  double low = -INFINITY, high = INFINITY;
  while (true) {
    Operation *op = getComputation(*integer);
    if (!isa_and_nonnull<arith::MaxSIOp, arith::MaxUIOp, arith::MinSIOp,
                         arith::MinUIOp>(op))
      break;
    std::optional<double> bound;
    Element rest = getOperand(*integer, 0);
    for (unsigned i : {1, 0})
      if (!bound && (bound = getInteger(getOperand(*integer, i), isUnsigned)))
        rest = getOperand(*integer, 1 - i);
    if (!bound)
      return std::nullopt;
    if (isa<arith::MaxSIOp, arith::MaxUIOp>(op))
      low = std::max(low, *bound);
    else
      high = std::min(high, *bound);
    integer = rest;
  }
  std::optional<Saturated> saturated = matchSaturated(*integer, isUnsigned);
  if (!saturated)
    return std::nullopt;
  Element value = saturated->value;
  if (zeroPoint) {
    std::optional<double> known = getInteger(*zeroPoint, /*isUnsigned=*/false);
    if (!known)
      return fail("codes have zero points that differ");
    zero = *known;
  }
  if (auto sum = matchWithConstant<arith::AddFOp>(value)) {
    if (sum->second != zero)
      return fail("one zero point is added to codes and another subtracted");
    value = sum->first;
  } else if (zero != 0) {
    return fail("a zero point is subtracted from codes that was not added");
  }
  auto rounded = matchRound(value);
  auto quotient =
      rounded ? matchBinary<arith::DivFOp>(rounded->first) : std::nullopt;
  if (!quotient)
    return fail("codes are not a rounded quotient with one scale");
  Codes result{quotient->first, Rule::RoundClip, rounded->second};
  result.scale = getMonomial(quotient->second);
  result.low = std::max(low, saturated->low) - zero;
  result.high = std::min(high, saturated->high) - zero;
  return result;
}

/// Whether `element` is the extreme of all elements of `x` and 0.
static bool isBound(Element element, Reduction::Kind kind, Value x) {
  std::optional<Reduction> reduction = getReduction(element);
  if (!reduction || reduction->kind != kind || reduction->init != 0)
    return false;
  auto type = cast<RankedTensorType>(x.getType());
  for (Element input : getTensors(reduction->input)) {
    if (input.value != x)
      continue;
    // Each index is a loop of its own; one of extent 1 is 0.
    llvm::SmallDenseSet<AffineExpr> seen;
    bool isAll = true;
    for (auto [index, extent] :
         llvm::zip_equal(input.map.getResults(), type.getShape()))
      isAll &= extent == 1 || (isa<AffineDimExpr>(index) &&
                               cast<AffineDimExpr>(index).getPosition() >=
                                   element.getNumDims() &&
                               seen.insert(index).second);
    return isAll;
  }
  return false;
}

/// The scale (high - low) / 255, 1 if that is 0: high and low.
static std::optional<std::pair<Element, Element>>
matchRangeScale(Element scale) {
  if (!isa_and_nonnull<arith::SelectOp>(getComputation(scale)) ||
      getConstant(getOperand(scale, 1)) != 1.0)
    return std::nullopt;
  Element condition = getOperand(scale, 0);
  auto compare = dyn_cast_or_null<arith::CmpFOp>(getComputation(condition));
  auto quotient = matchBinary<arith::DivFOp>(getOperand(scale, 2));
  if (!compare || compare.getPredicate() != arith::CmpFPredicate::OEQ ||
      getConstant(getOperand(condition, 1)) != 0.0 || !quotient ||
      getConstant(quotient->second) != 255.0 ||
      !isSame(quotient->first, getOperand(condition, 0)))
    return std::nullopt;
  return matchBinary<arith::SubFOp>(quotient->first);
}

static std::optional<Element> matchSaturatedU8(Element element) {
  std::optional<Saturated> saturated = matchSaturated(element, true);
  if (!saturated || saturated->high != 255)
    return std::nullopt;
  return saturated->value;
}

std::optional<ActivationPattern>
QuantizerMatcher::matchDynamicCodes(Value tensor) {
  auto shifted = matchBinary<arith::SubIOp>(Element::get(tensor));
  if (!shifted)
    return std::nullopt;
  auto narrow = matchUnary<arith::ExtUIOp>(shifted->first);
  auto narrowZero = matchUnary<arith::ExtUIOp>(shifted->second);
  std::optional<Element> code, zero;
  if (narrow && narrowZero) {
    code = matchSaturatedU8(*narrow);
    zero = matchSaturatedU8(*narrowZero);
  }
  std::optional<std::pair<Element, Element>> sum, quotient, zeroQuotient;
  if (code && zero)
    sum = matchBinary<arith::AddFOp>(*code);
  if (sum)
    if (auto ratio = matchUnary<math::RoundEvenOp>(sum->first))
      quotient = matchBinary<arith::DivFOp>(*ratio);
  if (!quotient)
    return fail("activations of an integer product are not quantized by "
                "DynamicQuantizeLinear");
  auto offset = matchUnary<arith::UIToFPOp>(sum->second);
  if (auto rounded = matchUnary<math::RoundEvenOp>(*zero))
    if (auto ratio = matchUnary<arith::NegFOp>(*rounded))
      zeroQuotient = matchBinary<arith::DivFOp>(*ratio);
  Element scale = quotient->second;
  auto range = matchRangeScale(scale);
  ActivationPattern result;
  auto type = cast<RankedTensorType>(tensor.getType());
  result.source = getWholeTensor(
      quotient->first, type.clone(Float32Type::get(type.getContext())));
  if (!offset || !isSame(*offset, *narrowZero) || !zeroQuotient || !range ||
      !result.source || !isSame(zeroQuotient->second, scale) ||
      !isSame(zeroQuotient->first, range->second) ||
      !isBound(range->first, Reduction::Max, result.source) ||
      !isBound(range->second, Reduction::Min, result.source))
    return fail("the scale or zero point of an integer product's activations "
                "is not that of their range");
  result.scale = getMonomial(scale);
  result.quantizer =
      ActivationQuantizerAttr::get(context, ActivationScheme::DynamicU8Tensor);
  return result;
}
