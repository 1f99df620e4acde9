//===- ReductionAdjoint.cpp - Adjoints of extrema and products ------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgAdjoint.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <limits>

using namespace mlir;
using namespace tern;

/// The tensor that is filled with `value`, with the extents of `like`.
static Value createFilled(ImplicitLocOpBuilder &b, Value like,
                          TypedAttr value) {
  Value scalar = arith::ConstantOp::create(b, value);
  Value empty = createEmptyLike(b, like, value.getType());
  return linalg::FillOp::create(b, scalar, empty).getResult(0);
}

static Value isEqual(ImplicitLocOpBuilder &b, Value lhs, Value rhs) {
  if (lhs.getType().isInteger())
    return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, lhs, rhs);
  return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, lhs, rhs);
}

static Value choose(ImplicitLocOpBuilder &b, Value condition, Value then,
                    Value otherwise) {
  return arith::SelectOp::create(b, condition, then, otherwise);
}

namespace {
/// One result of an operation, folded by one scalar operation.
struct Fold {
  mutable linalg::LinalgOp op;
  unsigned result;
  /// What is folded: a scalar of the body.
  Value element;
  Reverse &reverse;

  ImplicitLocOpBuilder &getBuilder() const { return reverse.getBuilder(); }
  Value getResult() const { return op->getResult(result); }
  AffineMap getMap() const {
    return op.getIndexingMapMatchingResult(op->getResult(result));
  }
  LinalgRead read(Value tensor) const { return {tensor, getMap()}; }
};
} // namespace

//===----------------------------------------------------------------------===//
// Extrema
//===----------------------------------------------------------------------===//

/// Equal extrema share the cotangent evenly.
static ReductionSeeds buildEvenSplit(const Fold &fold) {
  ImplicitLocOpBuilder &b = fold.getBuilder();
  Value y = fold.getResult(), dy = fold.reverse.getCotangent(y);
  Type element = getElementTypeOrSelf(dy), sum = getSumType(element);
  Value count = buildReductionOver(
      fold.op, {fold.read(y)}, createFilled(b, y, b.getFloatAttr(sum, 0)),
      fold.getMap(),
      [&](const LinalgBody &body, Value total) -> Value {
        Value is = isEqual(body.b, body.lookup(fold.element), body.reads[0]);
        Value one = arith::UIToFPOp::create(body.b, sum, is);
        return arith::AddFOp::create(body.b, total, one);
      },
      fold.reverse);
  Value share = createElementwise(
      b, {dy, count}, element,
      [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
        Value wide = createFloatCast(b, args[0], sum);
        return createFloatCast(b, arith::DivFOp::create(b, wide, args[1]),
                               element);
      },
      y);
  Value scalar = fold.element;
  return {{fold.read(y), fold.read(share)},
          [scalar](const LinalgBody &body, Reverse &scalars) {
            Value x = body.lookup(scalar);
            Value is = isEqual(body.b, x, body.reads[0]);
            scalars.add(x, choose(body.b, is, body.reads[1],
                                  createZeroLike(body.b, x)));
          }};
}

/// The number of the iteration among those that make one element of the result,
/// in i32.
static Value getPosition(const LinalgBody &body,
                         ArrayRef<std::pair<unsigned, Value>> loops) {
  Value position;
  for (auto [loop, extent] : loops) {
    Value index = body.getIndex(loop);
    if (position)
      index = arith::AddIOp::create(
          body.b, arith::MulIOp::create(body.b, position, extent), index);
    position = index;
  }
  return arith::IndexCastOp::create(body.b, body.b.getI32Type(), position);
}

/// The cotangent goes to one of the iterations: the first or last of those for
/// which `isChosen` holds. It may read the result.
static ReductionSeeds
buildOne(const Fold &fold, bool last,
         llvm::function_ref<Value(const LinalgBody &)> isChosen) {
  ImplicitLocOpBuilder &b = fold.getBuilder();
  Value y = fold.getResult(), dy = fold.reverse.getCotangent(y);
  SmallVector<std::pair<unsigned, Value>> loops;
  for (auto [loop, kind] : llvm::enumerate(fold.op.getIteratorTypesArray()))
    if (kind == utils::IteratorType::reduction)
      loops.push_back({loop, createLoopExtent(b, fold.op, loop)});
  auto none = b.getI32IntegerAttr(last ? -1 : std::numeric_limits<int>::max());
  Value chosen = buildReductionOver(
      fold.op, {fold.read(y)}, createFilled(b, y, none), fold.getMap(),
      [&](const LinalgBody &body, Value before) -> Value {
        Value position =
            choose(body.b, isChosen(body), getPosition(body, loops),
                   arith::ConstantOp::create(body.b, none));
        if (last)
          return arith::MaxSIOp::create(body.b, before, position);
        return arith::MinSIOp::create(body.b, before, position);
      },
      fold.reverse);
  Value scalar = fold.element;
  return {{fold.read(chosen), fold.read(dy)},
          [scalar, loops](const LinalgBody &body, Reverse &scalars) {
            Value x = body.lookup(scalar);
            Value is =
                arith::CmpIOp::create(body.b, arith::CmpIPredicate::eq,
                                      getPosition(body, loops), body.reads[0]);
            scalars.add(x, choose(body.b, is, body.reads[1],
                                  createZeroLike(body.b, x)));
          }};
}

/// The first of equal extrema gets the cotangent: of windows that overlap, as
/// in pooling.
static ReductionSeeds buildFirst(const Fold &fold) {
  return buildOne(fold, /*last=*/false, [&](const LinalgBody &body) {
    return isEqual(body.b, body.lookup(fold.element), body.reads[0]);
  });
}

/// An element that replaces the result where a condition holds, as in a search:
/// the last one stays.
static std::optional<ReductionSeeds>
buildSearch(linalg::LinalgOp op, unsigned result, Reverse &reverse) {
  Value init = getAccumulator(op, result);
  auto select = getYielded(op, result).getDefiningOp<arith::SelectOp>();
  if (!init || !select ||
      getBodySlice(op, select.getCondition()).contains(init))
    return std::nullopt;
  bool replaces = select.getFalseValue() == init;
  Value element = replaces ? select.getTrueValue() : select.getFalseValue();
  Value kept = replaces ? select.getFalseValue() : select.getTrueValue();
  if (kept != init || getBodySlice(op, element).contains(init))
    return std::nullopt;
  return buildOne({op, result, element, reverse}, /*last=*/true,
                  [&](const LinalgBody &body) -> Value {
                    Value condition = body.lookup(select.getCondition());
                    if (replaces)
                      return condition;
                    Value yes = arith::ConstantOp::create(
                        body.b, body.b.getBoolAttr(true));
                    return arith::XOrIOp::create(body.b, condition, yes);
                  });
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// Each factor gets the product of the others: y / x if no factor is zero, the
/// product of the rest if it is the only zero, else zero.
static ReductionSeeds buildProduct(const Fold &fold) {
  ImplicitLocOpBuilder &b = fold.getBuilder();
  Value y = fold.getResult(), dy = fold.reverse.getCotangent(y);
  Type element = getElementTypeOrSelf(y);
  Value zeros = buildReductionOver(
      fold.op, {}, createFilled(b, y, b.getI32IntegerAttr(0)), fold.getMap(),
      [&](const LinalgBody &body, Value count) -> Value {
        Value x = body.lookup(fold.element);
        Value is = isEqual(body.b, x, createZeroLike(body.b, x));
        Value one = arith::ExtUIOp::create(body.b, body.b.getI32Type(), is);
        return arith::AddIOp::create(body.b, count, one);
      },
      fold.reverse);
  Value rest = buildReductionOver(
      fold.op, {}, createFilled(b, y, b.getFloatAttr(element, 1)),
      fold.getMap(),
      [&](const LinalgBody &body, Value product) -> Value {
        Value x = body.lookup(fold.element);
        Value is = isEqual(body.b, x, createZeroLike(body.b, x));
        return arith::MulFOp::create(
            body.b, product, choose(body.b, is, createNumber(body.b, 1, x), x));
      },
      fold.reverse);
  Value scalar = fold.element;
  return {{fold.read(zeros), fold.read(rest), fold.read(dy)},
          [scalar](const LinalgBody &body, Reverse &scalars) {
            ImplicitLocOpBuilder &b = body.b;
            Value x = body.lookup(scalar), zero = createZeroLike(b, x);
            Value count = body.reads[0], rest = body.reads[1];
            auto isCount = [&](int32_t n) -> Value {
              return arith::CmpIOp::create(
                  b, arith::CmpIPredicate::eq, count,
                  arith::ConstantOp::create(b, b.getI32IntegerAttr(n)));
            };
            Value isZero = isEqual(b, x, zero);
            Value factor = choose(b, isZero, createNumber(b, 1, x), x);
            Value others = arith::DivFOp::create(b, rest, factor);
            Value onlyZero =
                arith::AndIOp::create(b, isZero, isCount(1)).getResult();
            others =
                choose(b, isCount(0), others, choose(b, onlyZero, rest, zero));
            scalars.add(x, arith::MulFOp::create(b, body.reads[2], others));
          }};
}

std::optional<ReductionSeeds> tern::buildReductionSeeds(linalg::LinalgOp op,
                                                        unsigned result,
                                                        Reverse &reverse) {
  if (std::optional<LinalgFold> match = matchFold(op, result)) {
    Fold fold{op, result, match->term, reverse};
    if (isa<arith::MaximumFOp, arith::MaxNumFOp, arith::MinimumFOp,
            arith::MinNumFOp, arith::MaxSIOp, arith::MaxUIOp, arith::MinSIOp,
            arith::MinUIOp>(match->op))
      return op.hasOnlyProjectedPermutations() ? buildEvenSplit(fold)
                                               : buildFirst(fold);
    if (isa<arith::MulFOp>(match->op))
      return buildProduct(fold);
  }
  return buildSearch(op, result, reverse);
}
