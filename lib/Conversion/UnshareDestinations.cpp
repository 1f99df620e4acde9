//===- UnshareDestinations.cpp - One destination per operation ------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
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

  /// What a use is part of: an operation of `block`, or of a branch in it, but
  /// not of a loop; or a result of a branch, which either region writes.
  using User = std::pair<Operation *, unsigned>;
  static User getUser(Block *block, Operation *use) {
    Operation *user = use;
    for (Operation *op = use; op->getBlock() != block;) {
      op = op->getParentOp();
      if (!isa<scf::IfOp>(op))
        user = op;
    }
    unsigned result = 0;
    while (user->getBlock() != block) {
      Operation *yield = user->getBlock()->getTerminator();
      auto yielded = llvm::find_if(yield->getOperands(), [&](Value value) {
        return value.getDefiningOp() == user;
      });
      if (yielded == yield->operand_end())
        break;
      result = std::distance(yield->operand_begin(), yielded);
      user = user->getParentOp();
    }
    return {user, result};
  }

  /// Moves an operation in front of one that uses it; clones it for the others.
  void unshare(Operation *op) {
    // Uses in loops are one use: of the operation that holds them.
    llvm::MapVector<User, SmallVector<OpOperand *>> uses;
    for (OpOperand &use : op->getUses())
      uses[getUser(op->getBlock(), use.getOwner())].push_back(&use);
    if (uses.empty())
      return;
    op->moveBefore(uses.front().first.first);
    for (auto &[part, operands] : llvm::drop_begin(uses)) {
      Operation *user = part.first;
      OpBuilder b(user);
      Operation *copy = b.clone(*op);
      copy->setLoc(user->getLoc());
      for (OpOperand *operand : operands)
        operand->set(copy->getResult(0));
    }
  }
};
} // namespace
