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
#include "tern/Tiled/Passes.h"

namespace tern {
#define GEN_PASS_DEF_UNSHAREDESTINATIONSPASS
#include "tern/Tiled/Passes.h.inc"
} // namespace tern

using namespace mlir;

namespace {
struct UnshareDestinationsPass
    : public tern::impl::UnshareDestinationsPassBase<UnshareDestinationsPass> {
  void runOnOperation() override {
    getOperation().walk([&](scf::IfOp branch) {
      for (Region *region : branch.getRegions())
        if (!region->empty())
          unshareYielded(region->front().getTerminator());
    });
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

  /// A value that a branch yields twice is two results, each of which has a
  /// destination of its own: all but the first are copies.
  void unshareYielded(Operation *yield) {
    llvm::SmallPtrSet<Value, 8> seen;
    for (OpOperand &operand : yield->getOpOperands()) {
      if (!isa<RankedTensorType>(operand.get().getType()) ||
          seen.insert(operand.get()).second)
        continue;
      Value start = findStart(operand.get());
      if (!start ||
          !start.getParentRegion()->isAncestor(yield->getParentRegion()))
        continue;
      OpBuilder b(yield);
      auto copy =
          linalg::CopyOp::create(b, yield->getLoc(), operand.get(), start);
      operand.set(copy->getResult(0));
    }
  }

  /// The `tensor.empty` that a value is computed in, or null.
  static Value findStart(Value value) {
    while (value && !value.getDefiningOp<tensor::EmptyOp>()) {
      auto result = dyn_cast<OpResult>(value);
      OpOperand *operand = nullptr;
      Operation *op = result ? result.getOwner() : nullptr;
      if (auto branch = dyn_cast_or_null<scf::IfOp>(op))
        operand = &branch.thenYield()->getOpOperand(result.getResultNumber());
      else if (auto loop = dyn_cast_or_null<scf::ForallOp>(op))
        operand = loop.getTiedOpOperand(result);
      else if (auto loop = dyn_cast_or_null<LoopLikeOpInterface>(op))
        operand = loop.getTiedLoopInit(result);
      else if (auto structured =
                   dyn_cast_or_null<DestinationStyleOpInterface>(op))
        operand = structured.getTiedOpOperand(result);
      value = operand ? operand->get() : Value();
    }
    return value;
  }

  /// What a use is part of: an operation of `block`, or of a branch in it, but
  /// not of a loop; or a result of a branch, which either region writes.
  using User = std::pair<Operation *, unsigned>;
  static User getUser(Block *block, OpOperand &use) {
    Operation *user = use.getOwner();
    Value made = getTiedResult(use);
    for (Operation *op = user; op->getBlock() != block;) {
      op = op->getParentOp();
      if (!isa<scf::IfOp>(op)) {
        user = op;
        made = nullptr;
      }
    }
    unsigned result = 0;
    while (user->getBlock() != block) {
      Operation *yield = user->getBlock()->getTerminator();
      auto yielded = llvm::find_if(yield->getOperands(), [&](Value value) {
        return made ? value == made : value.getDefiningOp() == user;
      });
      if (yielded == yield->operand_end())
        break;
      result = std::distance(yield->operand_begin(), yielded);
      user = user->getParentOp();
      made = user->getResult(result);
    }
    return {user, result};
  }

  /// The result that starts as an operand does, if that can be told.
  static Value getTiedResult(OpOperand &use) {
    Operation *op = use.getOwner();
    if (auto loop = dyn_cast<scf::ForallOp>(op))
      return llvm::is_contained(loop.getOutputs(), use.get())
                 ? loop.getTiedOpResult(&use)
                 : Value();
    if (auto loop = dyn_cast<LoopLikeOpInterface>(op))
      return loop.getTiedLoopResult(&use);
    auto structured = dyn_cast<DestinationStyleOpInterface>(op);
    return structured && structured.isDpsInit(&use)
               ? structured.getTiedOpResult(&use)
               : Value();
  }

  /// Moves an operation in front of one that uses it; clones it for the others.
  void unshare(Operation *op) {
    // Uses in loops are one use: of the operation that holds them.
    llvm::MapVector<User, SmallVector<OpOperand *>> uses;
    for (OpOperand &use : op->getUses())
      uses[getUser(op->getBlock(), use)].push_back(&use);
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
