//===- SymbolArithmetic.cpp - Quotients, minima, ranges of extents --------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Minima, quotients and remainders, as atoms with what is known of them: which
// values they lie between, and which extents. Of operands of any sign: a bound
// of a slice or the size of a padding may well be negative before a model makes
// it something else.
//
//===----------------------------------------------------------------------===//

#include "Symbols.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tern::onnx_import;

//===----------------------------------------------------------------------===//
// What is known of values
//===----------------------------------------------------------------------===//

// The least and greatest integer stand for no bound, also in what is computed
// from them.
static constexpr int64_t noMin = std::numeric_limits<int64_t>::min();
static constexpr int64_t noMax = std::numeric_limits<int64_t>::max();

static Symbols::Range add(const Symbols::Range &x, const Symbols::Range &y) {
  Symbols::Range sum;
  if (x.min == noMin || y.min == noMin ||
      llvm::AddOverflow(x.min, y.min, sum.min))
    sum.min = noMin;
  if (x.max == noMax || y.max == noMax ||
      llvm::AddOverflow(x.max, y.max, sum.max))
    sum.max = noMax;
  return sum;
}

static Symbols::Range multiply(const Symbols::Range &x,
                               const Symbols::Range &y) {
  Symbols::Range result{noMax, noMin};
  for (int64_t a : {x.min, x.max})
    for (int64_t b : {y.min, y.max}) {
      bool isInfinite = a == noMin || a == noMax || b == noMin || b == noMax;
      int64_t product = 0;
      if (a != 0 && b != 0 && (isInfinite || llvm::MulOverflow(a, b, product)))
        product = (a < 0) == (b < 0) ? noMax : noMin;
      result = result.unite({product, product});
    }
  return result;
}

Symbols::Range Symbols::getRange(const Extent &extent) const {
  Range sum{0, 0};
  for (const Extent::Term &term : extent.getTerms()) {
    Range product{term.coefficient, term.coefficient};
    for (unsigned atom : term.atoms)
      product = multiply(product, atoms[atom].range);
    sum = add(sum, product);
  }
  return sum;
}

bool Symbols::isNonNegative(const Extent &extent) const {
  // Bounds of bounds are enough: a model that nests more than this deep gets
  // code that asks at run time.
  constexpr int depth = 4;
  return isNonNegative(extent, depth);
}

/// Replaces one atom after another by what it is at most (or at least, where it
/// is added), which makes the whole no greater.
bool Symbols::isNonNegative(const Extent &extent, int depth) const {
  if (getRange(extent).min >= 0 || nonNegatives.contains(getKey(extent)))
    return true;
  if (depth == 0)
    return false;
  for (const Extent::Term &term : extent.getTerms()) {
    if (term.atoms.size() != 1)
      continue;
    const Atom &atom = atoms[term.atoms[0]];
    auto holdsAt = [&](const Atom::Bound &bound) {
      // factor * extent - coefficient * (factor * atom - bound).
      std::optional<Extent> scaled = Extent::mul(extent, bound.factor);
      std::optional<Extent> distance =
          Extent::mul(Extent::atom(term.atoms[0]), bound.factor);
      distance = distance ? Extent::sub(*distance, bound.extent) : distance;
      distance = distance ? Extent::mul(*distance, term.coefficient) : distance;
      std::optional<Extent> least =
          scaled && distance ? Extent::sub(*scaled, *distance) : std::nullopt;
      return least && isNonNegative(*least, depth - 1);
    };
    if (llvm::any_of(term.coefficient < 0 ? atom.above : atom.below, holdsAt) ||
        (atom.isMinimum && llvm::all_of(atom.above, holdsAt)))
      return true;
  }
  return false;
}

void Symbols::assumeNonNegative(const Extent &extent) {
  std::string key = getKey(extent);
  if (!nonNegatives.insert(key).second)
    return;
  std::optional<unsigned> number = extent.getAtom();
  if (!scopes.empty()) {
    scopes.back().nonNegatives.push_back(key);
    if (number)
      scopes.back().ranges.emplace_back(*number, atoms[*number].range);
  }
  if (number)
    atoms[*number].range.min = std::max<int64_t>(atoms[*number].range.min, 0);
}

void Symbols::enterScope() { scopes.emplace_back(); }

void Symbols::leaveScope() {
  Scope scope = std::move(scopes.back());
  scopes.pop_back();
  for (auto [number, range] : llvm::reverse(scope.ranges))
    atoms[number].range = range;
  // What is known of these atoms may follow from what was assumed.
  for (const std::string &key : scope.numbers)
    numbers.erase(key);
  for (const std::string &key : scope.minima)
    minima.erase(key);
  for (const std::string &key : scope.nonNegatives)
    nonNegatives.erase(key);
}

Extent Symbols::leaveScope(ImplicitLocOpBuilder &b, const Extent &extent,
                           unsigned first) {
  if (llvm::none_of(extent.getTerms(), [&](const Extent::Term &term) {
        return llvm::any_of(term.atoms,
                            [&](unsigned atom) { return atom >= first; });
      }))
    return extent;
  Extent result = compute("branch", {extent}, Range(),
                          [&]() -> Value { return getValue(b, extent); });
  getAtom(result).name = describe(extent);
  return result;
}

//===----------------------------------------------------------------------===//
// Atoms
//===----------------------------------------------------------------------===//

Extent Symbols::compute(StringRef function, ArrayRef<Extent> operands,
                        Range range, function_ref<Value()> build,
                        ArrayRef<Extent> above) {
  std::string key = function.str();
  for (const Extent &operand : operands)
    key += ", " + getKey(operand);
  auto [entry, isNew] = numbers.try_emplace(key, atoms.size());
  if (!isNew)
    return Extent::atom(entry->second);
  // A name within a name within a name would grow without bounds.
  constexpr size_t limit = 60;
  std::string name = describe(operands);
  name =
      (function + "(" + StringRef(name).drop_front().drop_back() + ")").str();
  if (name.size() > limit)
    name = (function + "(...)").str();
  // Building emits code for other extents, but makes no atoms.
  Atom atom;
  atom.name = name;
  atom.value = build();
  atom.range = range;
  for (const Extent &bound : above)
    atom.above.push_back({1, bound});
  atoms.push_back(std::move(atom));
  if (!scopes.empty())
    scopes.back().numbers.push_back(std::move(key));
  return Extent::atom(entry->second);
}

std::optional<Extent> Symbols::min(ImplicitLocOpBuilder &b, const Extent &lhs,
                                   const Extent &rhs) {
  std::optional<Extent> difference = Extent::sub(lhs, rhs);
  std::optional<Extent> opposite = Extent::sub(rhs, lhs);
  if (!difference || !opposite)
    return std::nullopt;
  if (isNonNegative(*difference))
    return rhs;
  if (isNonNegative(*opposite))
    return lhs;
  // min(x + a, y + a) is min(x, y) + a: one atom for all a, so that a minimum
  // and the maximum of the same extents add up to their sum.
  auto shift = [](const std::pair<Extent, Extent> &known, const Extent &first) {
    std::optional<Extent> distance = Extent::sub(first, known.second);
    return distance ? Extent::add(known.first, *distance) : std::nullopt;
  };
  if (auto known = minima.find(getKey(*difference)); known != minima.end())
    return shift(known->second, lhs);
  if (auto known = minima.find(getKey(*opposite)); known != minima.end())
    return shift(known->second, rhs);
  Range x = getRange(lhs), y = getRange(rhs);
  Range range{std::min(x.min, y.min), std::min(x.max, y.max)};
  if (isNonNegative(lhs) && isNonNegative(rhs))
    range.min = std::max<int64_t>(range.min, 0);
  Extent result = compute("min", {lhs, rhs}, range,
                          [&]() -> Value {
                            return arith::MinSIOp::create(b, getValue(b, lhs),
                                                          getValue(b, rhs));
                          },
                          {lhs, rhs});
  getAtom(result).isMinimum = true;
  if (!scopes.empty())
    scopes.back().minima.push_back(getKey(*difference));
  minima.try_emplace(getKey(*difference), result, lhs);
  return result;
}

std::optional<Extent> Symbols::max(ImplicitLocOpBuilder &b, const Extent &lhs,
                                   const Extent &rhs) {
  std::optional<Extent> excess = saturatingSub(b, lhs, rhs);
  return excess ? Extent::add(rhs, *excess) : std::nullopt;
}

Extent Symbols::select(ImplicitLocOpBuilder &b, const Extent &condition,
                       const Extent &lhs, const Extent &rhs) {
  if (std::optional<int64_t> value = condition.getConstant())
    return *value ? lhs : rhs;
  if (lhs == rhs)
    return lhs;
  Range range = getRange(lhs).unite(getRange(rhs));
  return compute("where", {condition, lhs, rhs}, range, [&]() -> Value {
    Value holds =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ne,
                              getValue(b, condition), getValue(b, Extent(0)));
    return arith::SelectOp::create(b, holds, getValue(b, lhs),
                                   getValue(b, rhs));
  });
}

std::optional<Extent> Symbols::saturatingSub(ImplicitLocOpBuilder &b,
                                             const Extent &lhs,
                                             const Extent &rhs) {
  std::optional<Extent> least = min(b, lhs, rhs);
  return least ? Extent::sub(lhs, *least) : std::nullopt;
}

//===----------------------------------------------------------------------===//
// Quotients and remainders
//===----------------------------------------------------------------------===//

/// The divisor, or 1 where it is 0: nothing traps where a dynamic extent is 0.
static Value emitDivisor(ImplicitLocOpBuilder &b, Value divisor) {
  return arith::MaxSIOp::create(
      b, divisor, arith::ConstantIndexOp::create(b, 1).getResult());
}

/// Splits x in q * divisor + r, where r has no term that is a multiple of it,
/// and no constant beyond it.
static std::pair<Extent, Extent> splitMultiples(const Extent &x,
                                                int64_t divisor) {
  std::optional<Extent> quotient = Extent(0), rest = Extent(0);
  for (const Extent::Term &term : x.getTerms()) {
    if (term.atoms.empty()) {
      int64_t whole = llvm::divideFloorSigned(term.coefficient, divisor);
      quotient = quotient ? Extent::add(*quotient, whole) : std::nullopt;
      rest = rest ? Extent::add(*rest, term.coefficient - whole * divisor)
                  : std::nullopt;
      continue;
    }
    std::optional<Extent> product = term.coefficient % divisor == 0
                                        ? term.coefficient / divisor
                                        : term.coefficient;
    for (unsigned atom : term.atoms)
      product = product ? Extent::mul(*product, Extent::atom(atom)) : product;
    std::optional<Extent> &sum =
        term.coefficient % divisor == 0 ? quotient : rest;
    sum = sum && product ? Extent::add(*sum, *product) : std::nullopt;
  }
  if (!quotient || !rest)
    return {Extent(0), x};
  return {*quotient, *rest};
}

std::optional<Extent> Symbols::floorDiv(ImplicitLocOpBuilder &b,
                                        const Extent &lhs, const Extent &rhs) {
  if (!isNonNegative(rhs) || rhs.isConstant(0))
    return std::nullopt;
  if (std::optional<Extent> exact = Extent::divExact(lhs, rhs))
    return exact;
  std::optional<int64_t> x = lhs.getConstant(), y = rhs.getConstant();
  if (x && y)
    return Extent(llvm::divideFloorSigned(*x, *y));
  if (y) {
    // floor((q * y + r) / y) is q + floor(r / y), and 0 <= r < y is nothing.
    auto [quotient, rest] = splitMultiples(lhs, *y);
    Range range = getRange(rest);
    if (range.min != noMin && range.max != noMax &&
        llvm::divideFloorSigned(range.min, *y) ==
            llvm::divideFloorSigned(range.max, *y))
      return Extent::add(quotient, llvm::divideFloorSigned(range.min, *y));
    // Of an extent and its negative, one stands for both.
    if (rest.getTerms().front().coefficient < 0) {
      std::optional<Extent> rounded = Extent::sub(*y - 1, rest);
      std::optional<Extent> negative =
          rounded ? floorDiv(b, *rounded, rhs) : std::nullopt;
      return negative ? Extent::sub(quotient, *negative) : std::nullopt;
    }
    if (quotient != Extent(0)) {
      std::optional<Extent> part = floorDiv(b, rest, rhs);
      return part ? Extent::add(quotient, *part) : std::nullopt;
    }
  }
  Range x1 = getRange(lhs);
  bool isPositive = isNonNegative(lhs);
  Range range{isPositive ? 0 : x1.min, std::max<int64_t>(x1.max, 0)};
  Extent result = compute("floordiv", {lhs, rhs}, range, [&]() -> Value {
    Value dividend = getValue(b, lhs), divisor = getValue(b, rhs);
    if (!y)
      divisor = emitDivisor(b, divisor);
    if (isPositive)
      return arith::DivUIOp::create(b, dividend, divisor);
    Value part = arith::DivSIOp::create(b, dividend, divisor);
    Value rest = arith::RemSIOp::create(b, dividend, divisor);
    Value isBelow = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, rest,
                                          getValue(b, Extent(0)));
    return arith::SelectOp::create(
        b, isBelow,
        arith::AddIOp::create(b, part, getValue(b, Extent(-1))).getResult(),
        part);
  });
  if (y) {
    Atom &atom = getAtom(result);
    atom.above.assign({{*y, lhs}});
    if (std::optional<Extent> least = Extent::add(lhs, 1 - *y))
      atom.below.assign({{*y, *least}});
  }
  return result;
}

std::optional<Extent> Symbols::truncatingDiv(ImplicitLocOpBuilder &b,
                                             const Extent &lhs,
                                             const Extent &rhs) {
  if (rhs.isConstant(0))
    return std::nullopt;
  if (std::optional<Extent> exact = Extent::divExact(lhs, rhs))
    return exact;
  if (isNonNegative(lhs) && isNonNegative(rhs))
    return floorDiv(b, lhs, rhs);
  std::optional<int64_t> x = lhs.getConstant(), y = rhs.getConstant();
  if (x && y)
    return *y == -1 ? std::nullopt : std::optional<Extent>(*x / *y);
  return compute("div", {lhs, rhs}, Range(), [&]() -> Value {
    return emitSigned(b, lhs, rhs, /*takesRemainder=*/false);
  });
}

std::optional<Extent> Symbols::mod(ImplicitLocOpBuilder &b, const Extent &lhs,
                                   const Extent &rhs, bool truncates) {
  bool isPositive = isNonNegative(lhs);
  if (rhs.isConstant(0))
    return std::nullopt;
  if (Extent::divExact(lhs, rhs))
    return Extent(0);
  std::optional<int64_t> x = lhs.getConstant(), y = rhs.getConstant();
  if (x && y) {
    int64_t rest = *y == -1 ? 0 : *x % *y;
    return Extent(!truncates && rest != 0 && (rest < 0) != (*y < 0) ? rest + *y
                                                                    : rest);
  }
  if (y && *y > 0 && (isPositive || !truncates)) {
    // In terms of the quotient, so that what is rounded cancels.
    std::optional<Extent> quotient = floorDiv(b, lhs, rhs);
    std::optional<Extent> rounded =
        quotient ? Extent::mul(*quotient, rhs) : std::nullopt;
    return rounded ? Extent::sub(lhs, *rounded) : std::nullopt;
  }
  if (isPositive && isNonNegative(rhs))
    return compute("mod", {lhs, rhs}, Range::nonNegative(), [&]() -> Value {
      return arith::RemUIOp::create(b, getValue(b, lhs),
                                    emitDivisor(b, getValue(b, rhs)));
    });
  return compute(
      truncates ? "rem" : "mod", {lhs, rhs}, Range(), [&]() -> Value {
        Value rest = emitSigned(b, lhs, rhs, /*takesRemainder=*/true);
        if (truncates)
          return rest;
        // Moved to the side of the divisor.
        using P = arith::CmpIPredicate;
        Value zero = getValue(b, Extent(0)), divisor = getValue(b, rhs);
        Value signs = arith::XOrIOp::create(b, rest, divisor);
        Value differ = arith::CmpIOp::create(b, P::slt, signs, zero);
        Value isInexact = arith::CmpIOp::create(b, P::ne, rest, zero);
        return arith::SelectOp::create(
            b, arith::AndIOp::create(b, differ, isInexact).getResult(),
            arith::AddIOp::create(b, rest, divisor).getResult(), rest);
      });
}

Value Symbols::emitSigned(ImplicitLocOpBuilder &b, const Extent &lhs,
                          const Extent &rhs, bool takesRemainder) {
  using P = arith::CmpIPredicate;
  Value zero = getValue(b, Extent(0)), one = getValue(b, Extent(1));
  Value dividend = getValue(b, lhs), divisor = getValue(b, rhs);
  // The least integer by -1 traps as well.
  Value minusOne = getValue(b, Extent(-1));
  Value isZero = arith::CmpIOp::create(b, P::eq, divisor, zero);
  Value isMinusOne = arith::CmpIOp::create(b, P::eq, divisor, minusOne);
  Value traps = arith::OrIOp::create(b, isZero, isMinusOne);
  Value safe = arith::SelectOp::create(b, traps, one, divisor);
  if (takesRemainder)
    return arith::SelectOp::create(
        b, traps, zero, arith::RemSIOp::create(b, dividend, safe).getResult());
  Value quotient = arith::DivSIOp::create(b, dividend, safe);
  Value negated = arith::SubIOp::create(b, zero, dividend);
  quotient = arith::SelectOp::create(b, isMinusOne, negated, quotient);
  return arith::SelectOp::create(b, isZero, zero, quotient);
}
