//===- UnshareDestinations.cpp - One destination per operation ------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "tern/Conversion/Passes.h"

namespace tern {
#define GEN_PASS_DEF_UNSHAREDESTINATIONSPASS
#include "tern/Conversion/Passes.h.inc"
} // namespace tern

using namespace mlir;

namespace {
struct UnshareDestinationsPass
    : public tern::impl::UnshareDestinationsPassBase<UnshareDestinationsPass> {
  void runOnOperation() override {
    SmallVector<linalg::FillOp> fills;
    SmallVector<tensor::EmptyOp> empties;
    getOperation().walk([&](Operation *op) {
      if (auto fill = dyn_cast<linalg::FillOp>(op);
          fill && fill.hasPureTensorSemantics())
        fills.push_back(fill);
      if (auto empty = dyn_cast<tensor::EmptyOp>(op))
        empties.push_back(empty);
    });
    for (Operation *fill : fills)
      unshare(fill);
    // Those of the copies of fills are still shared.
    for (Operation *empty : empties)
      unshare(empty);
  }

  /// Moves an operation in front of one that uses it; clones it for the others.
  void unshare(Operation *op) {
    // Uses in loops are one use: of the operation that holds them.
    llvm::MapVector<Operation *, SmallVector<OpOperand *>> uses;
    for (OpOperand &use : op->getUses())
      uses[op->getBlock()->findAncestorOpInBlock(*use.getOwner())].push_back(
          &use);
    if (uses.empty())
      return;
    op->moveBefore(uses.front().first);
    for (auto &[user, operands] : llvm::drop_begin(uses)) {
      OpBuilder b(user);
      Operation *copy = b.clone(*op);
      copy->setLoc(user->getLoc());
      for (OpOperand *operand : operands)
        operand->set(copy->getResult(0));
    }
  }
};
} // namespace
