//===- LinalgFold.cpp - Slices and folds of linalg bodies -----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/IR/LinalgFold.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;
using namespace tern;

SmallVector<Value> tern::getReadValues(Operation *op) {
  llvm::SetVector<Value> values(op->operand_begin(), op->operand_end());
  getUsedValuesDefinedAbove(op->getRegions(), values);
  return values.takeVector();
}

Value tern::getYielded(linalg::LinalgOp op, unsigned result) {
  return op.getBlock()->getTerminator()->getOperand(result);
}

BlockArgument tern::getAccumulator(linalg::LinalgOp op, unsigned result) {
  OpOperand *init = op.getDpsInitOperand(result);
  for (auto [operand, scalar] : llvm::zip_equal(
           op.getOpOperandsMatchingBBargs(), op.getBlock()->getArguments()))
    if (operand == init)
      return scalar;
  return nullptr;
}

llvm::SetVector<Value>
tern::getBodySlice(linalg::LinalgOp op, Value value,
                   function_ref<SmallVector<Value>(OpResult)> follow) {
  llvm::SetVector<Value> slice;
  slice.insert(value);
  for (size_t next = 0; next < slice.size(); ++next) {
    auto result = dyn_cast<OpResult>(slice[next]);
    if (result && op.getBlock() == result.getOwner()->getBlock()) {
      SmallVector<Value> sources = follow(result);
      slice.insert(sources.begin(), sources.end());
    }
  }
  return slice;
}

llvm::SetVector<Value> tern::getBodySlice(linalg::LinalgOp op, Value value) {
  return getBodySlice(op, value, [](OpResult result) {
    return getReadValues(result.getOwner());
  });
}

std::optional<LinalgFold> tern::matchFold(linalg::LinalgOp op,
                                          unsigned result) {
  BlockArgument accumulator = getAccumulator(op, result);
  Operation *fold = getYielded(op, result).getDefiningOp();
  if (!accumulator || !fold || fold->getBlock() != op.getBlock() ||
      fold->getNumOperands() != 2 || fold->getNumResults() != 1 ||
      fold->getNumRegions() != 0)
    return std::nullopt;
  for (unsigned i : {0, 1}) {
    Value term = fold->getOperand(1 - i);
    if (fold->getOperand(i) == accumulator &&
        !getBodySlice(op, term).contains(accumulator))
      return LinalgFold{fold, term};
  }
  return std::nullopt;
}
