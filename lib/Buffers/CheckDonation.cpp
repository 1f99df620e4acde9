//===- CheckDonation.cpp - Refuse copies to donated arguments -------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "tern/Buffers/Passes.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"

namespace tern {
#define GEN_PASS_DEF_CHECKDONATIONPASS
#include "tern/Buffers/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// What a view of all elements is a view of.
Value getWhole(Value buffer) {
  while (Operation *op = buffer.getDefiningOp()) {
    if (!isa<memref::ExpandShapeOp, memref::CollapseShapeOp, memref::CastOp>(
            op))
      break;
    buffer = op->getOperand(0);
  }
  return buffer;
}

struct CheckDonationPass
    : public tern::impl::CheckDonationPassBase<CheckDonationPass> {
  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>())
      func.walk([&](Operation *op) { check(func, op); });
    markAllAnalysesPreserved();
  }

  void check(func::FuncOp func, Operation *op) {
    Value target;
    if (auto copy = dyn_cast<linalg::CopyOp>(op))
      target = copy.getOutputs().front();
    else if (auto copy = dyn_cast<memref::CopyOp>(op))
      target = copy.getTarget();
    auto arg = target ? dyn_cast<BlockArgument>(getWhole(target)) : nullptr;
    if (!arg || arg.getOwner() != &func.getBody().front() ||
        !func.getArgAttr(arg.getArgNumber(), kDonatedAttrName))
      return;
    InFlightDiagnostic diag = op->emitError("donated argument ");
    if (StringAttr name = getStateName(func, arg.getArgNumber()))
      diag << name;
    else
      diag << "#" << arg.getArgNumber();
    diag << " cannot be updated in place: its old value is still needed when "
            "the new one is computed";
    signalPassFailure();
  }
};

} // namespace
