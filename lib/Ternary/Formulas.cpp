//===- Formulas.cpp - Match clip, round, residues -------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Formulas.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tern;

/// `x < c ? c : x`, or with > instead: x and c, and whether c is the upper
/// bound.
static std::optional<std::tuple<Element, double, bool>>
matchSelectedBound(Element element) {
  if (!isa_and_nonnull<arith::SelectOp>(getComputation(element)))
    return std::nullopt;
  Element condition = getOperand(element, 0);
  auto compare = dyn_cast_or_null<arith::CmpFOp>(getComputation(condition));
  std::optional<double> bound = getConstant(getOperand(element, 1));
  if (!compare || !bound || getConstant(getOperand(condition, 1)) != bound)
    return std::nullopt;
  Element x = getOperand(element, 2);
  if (!isSame(getOperand(condition, 0), x))
    return std::nullopt;
  using P = arith::CmpFPredicate;
  switch (compare.getPredicate()) {
  case P::OLT:
  case P::OLE:
    return std::tuple(x, *bound, false);
  case P::OGT:
  case P::OGE:
    return std::tuple(x, *bound, true);
  default:
    return std::nullopt;
  }
}

std::optional<Clip> tern::matchClip(Element element) {
  Clip clip{element};
  bool hasBound = false;
  if (auto *op = getComputation(element); isa_and_nonnull<math::ClampFOp>(op)) {
    std::optional<double> low = getConstant(getOperand(element, 1));
    std::optional<double> high = getConstant(getOperand(element, 2));
    if (low && high)
      return Clip{getOperand(element, 0), *low, *high};
  }
  while (true) {
    if (auto bound = matchWithConstant<arith::MaximumFOp, arith::MaxNumFOp>(
            clip.value)) {
      clip.low = std::max(clip.low, bound->second);
      clip.value = bound->first;
    } else if (auto bound =
                   matchWithConstant<arith::MinimumFOp, arith::MinNumFOp>(
                       clip.value)) {
      clip.high = std::min(clip.high, bound->second);
      clip.value = bound->first;
    } else if (auto selected = matchSelectedBound(clip.value)) {
      auto [value, limit, isUpper] = *selected;
      if (isUpper)
        clip.high = std::min(clip.high, limit);
      else
        clip.low = std::max(clip.low, limit);
      clip.value = value;
    } else {
      break;
    }
    hasBound = true;
  }
  return hasBound ? std::optional(clip) : std::nullopt;
}

std::optional<std::pair<Element, Rounding>> tern::matchRound(Element element) {
  if (auto value = matchUnary<math::RoundEvenOp>(element))
    return std::pair(*value, Rounding::Even);
  if (auto value = matchUnary<math::RoundOp>(element))
    return std::pair(*value, Rounding::Away);
  if (auto value = matchUnary<math::FloorOp>(element))
    if (auto sum = matchWithConstant<arith::AddFOp>(*value);
        sum && sum->second == 0.5)
      return std::pair(sum->first, Rounding::HalfUp);
  return std::nullopt;
}

Element tern::stripResidue(Element element) {
  auto sum = matchBinary<arith::AddFOp>(element);
  if (!sum)
    return element;
  for (auto [v, bracket] : {*sum, std::pair(sum->second, sum->first)})
    if (auto difference = matchBinary<arith::SubFOp>(bracket))
      if (isSame(difference->second, v))
        return difference->first;
  return element;
}

std::optional<Element> tern::matchSign(Element element) {
  // x > 0 ? 1 : (x < 0 ? -1 : x), either comparison first.
  Element rest = element;
  std::optional<Element> value;
  bool hasPositive = false, hasNegative = false;
  while (isa_and_nonnull<arith::SelectOp>(getComputation(rest))) {
    auto compare =
        dyn_cast_or_null<arith::CmpFOp>(getComputation(getOperand(rest, 0)));
    std::optional<double> taken = getConstant(getOperand(rest, 1));
    if (!compare || !taken)
      return std::nullopt;
    Element condition = getOperand(rest, 0);
    Element x = getOperand(condition, 0);
    if (getConstant(getOperand(condition, 1)) != 0.0 ||
        (value && !isSame(*value, x)))
      return std::nullopt;
    value = x;
    using P = arith::CmpFPredicate;
    P predicate = compare.getPredicate();
    if (*taken == 1 && (predicate == P::OGT || predicate == P::UGT))
      hasPositive = true;
    else if (*taken == -1 && (predicate == P::OLT || predicate == P::ULT))
      hasNegative = true;
    else
      return std::nullopt;
    rest = getOperand(rest, 2);
  }
  if (!hasPositive || !hasNegative)
    return std::nullopt;
  // What is left is x, 0 or x - x, which are the same but for NaN.
  if (auto difference = matchBinary<arith::SubFOp>(rest);
      difference && isSame(difference->first, difference->second))
    rest = difference->first;
  if (!(isSame(rest, *value) || getConstant(rest) == 0.0))
    return std::nullopt;
  return value;
}

std::optional<Comparison> tern::matchComparison(Element element) {
  auto op = dyn_cast_or_null<arith::CmpFOp>(getComputation(element));
  if (!op)
    return std::nullopt;
  Element a = getOperand(element, 0), b = getOperand(element, 1);
  switch (op.getPredicate()) {
  case arith::CmpFPredicate::OGT:
    return Comparison{a, b, true};
  case arith::CmpFPredicate::OGE:
    return Comparison{a, b, false};
  case arith::CmpFPredicate::OLT:
    return Comparison{b, a, true};
  case arith::CmpFPredicate::OLE:
    return Comparison{b, a, false};
  default:
    return std::nullopt;
  }
}
