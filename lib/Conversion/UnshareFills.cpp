//===- UnshareFills.cpp - One filled tensor per use -----------------------===//
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
#define GEN_PASS_DEF_UNSHAREFILLSPASS
#include "tern/Conversion/Passes.h.inc"
} // namespace tern

using namespace mlir;

namespace {
struct UnshareFillsPass
    : public tern::impl::UnshareFillsPassBase<UnshareFillsPass> {
  void runOnOperation() override {
    SmallVector<linalg::FillOp> fills;
    getOperation().walk([&](linalg::FillOp fill) {
      if (fill.hasPureTensorSemantics())
        fills.push_back(fill);
    });
    for (linalg::FillOp fill : fills)
      unshare(fill);
  }

  void unshare(linalg::FillOp fill) {
    // Uses in loops are one use: of the operation that holds them.
    llvm::MapVector<Operation *, SmallVector<OpOperand *>> uses;
    for (OpOperand &use : fill->getUses())
      uses[fill->getBlock()->findAncestorOpInBlock(*use.getOwner())].push_back(
          &use);
    for (auto &[user, operands] : llvm::drop_begin(uses)) {
      OpBuilder b(user);
      Value dest = fill.getDpsInits()[0];
      if (Operation *empty = dest.getDefiningOp<tensor::EmptyOp>())
        dest = b.clone(*empty)->getResult(0);
      auto copy = cast<linalg::FillOp>(b.clone(*fill));
      copy.getDpsInitsMutable()[0].set(dest);
      for (OpOperand *operand : operands)
        operand->set(copy.getResult(0));
    }
  }
};
} // namespace
