//===- SumOrder.cpp - tern.order: the order of sums -----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/IR/SumOrder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace tern;

StringRef tern::stringifySumOrder(SumOrder order) {
  switch (order) {
  case SumOrder::Lanes:
    return "lanes";
  case SumOrder::Ascending:
    return "ascending";
  case SumOrder::Chunks:
    return "chunks";
  }
  llvm_unreachable("all orders have names");
}

std::optional<SumOrder> tern::symbolizeSumOrder(StringRef name) {
  return llvm::StringSwitch<std::optional<SumOrder>>(name)
      .Case("lanes", SumOrder::Lanes)
      .Case("ascending", SumOrder::Ascending)
      .Case("chunks", SumOrder::Chunks)
      .Default(std::nullopt);
}

/// Whether each element of the result is one iteration of the parallel loops.
static bool hasOwnElements(linalg::LinalgOp op, unsigned result) {
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(result));
  if (!map.isProjectedPermutation(/*allowZeroInResults=*/true))
    return false;
  for (auto [dim, kind] : llvm::enumerate(op.getIteratorTypesArray()))
    if (map.isFunctionOfDim(dim) != (kind == utils::IteratorType::parallel))
      return false;
  return true;
}

static bool onlyReads(Operation &op) {
  auto effects = getEffectsRecursively(&op);
  return effects && llvm::all_of(*effects, [](auto &effect) {
           return isa<MemoryEffects::Read>(effect.getEffect());
         });
}

std::optional<LinalgFold> tern::matchOrderable(linalg::LinalgOp op,
                                               unsigned result) {
  std::optional<LinalgFold> fold = matchFold(op, result);
  if (!fold || !isa<arith::AddFOp, arith::MulFOp>(fold->op) ||
      !isa<FloatType>(fold->term.getType()) || !hasOwnElements(op, result) ||
      !llvm::all_of(op.getBlock()->without_terminator(), onlyReads))
    return std::nullopt;
  llvm::SetVector<Value> slice = getBodySlice(op, fold->term);
  for (unsigned i = 0, e = op.getNumDpsInits(); i < e; ++i)
    if (slice.contains(getAccumulator(op, i)))
      return std::nullopt;
  return fold;
}

std::optional<OrderedFold> tern::getOrderedFold(linalg::LinalgOp op) {
  if (op.getNumDpsInits() != 1)
    return std::nullopt;
  Operation *yielded = getYielded(op, 0).getDefiningOp();
  auto name =
      yielded
          ? TernDialect::OrderAttrHelper(yielded->getContext()).getAttr(yielded)
          : nullptr;
  auto order = name ? symbolizeSumOrder(name) : std::nullopt;
  auto fold = order ? matchOrderable(op, 0) : std::nullopt;
  if (!fold)
    return std::nullopt;
  return OrderedFold{*fold, *order};
}

LogicalResult tern::verifySumOrder(linalg::LinalgOp op) {
  TernDialect::OrderAttrHelper order(op.getContext());
  std::optional<OrderedFold> fold = getOrderedFold(op);
  WalkResult result = op.getBlock()->walk([&](Operation *inner) {
    if (!order.isAttrPresent(inner) || (fold && fold->op == inner))
      return WalkResult::advance();
    inner->emitOpError("states '")
        << order.getNameStr()
        << "' but does not fold terms of their own into the elements of the "
           "operation's only result";
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}
