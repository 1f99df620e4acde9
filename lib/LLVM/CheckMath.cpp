//===- CheckMath.cpp - Functions that the target does not have ------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"
#include "tern/Dialect/Tern/IR/TargetInterfaces.h"
#include "tern/LLVM/Passes.h"

namespace tern {
#define GEN_PASS_DEF_CHECKMATHPASS
#include "tern/LLVM/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {
struct CheckMathPass : tern::impl::CheckMathPassBase<CheckMathPass> {
  void runOnOperation() override {
    bool hasAll = true;
    getOperation()->walk([&](Operation *op) {
      if (!isa<math::MathDialect>(op->getDialect()) && !isa<arith::RemFOp>(op))
        return WalkResult::advance();
      TargetLoweringInterface target = getTargetLowering(op);
      if (!target) {
        hasAll = false;
        return WalkResult::interrupt();
      }
      if (!hasMathFunction(target.getMathFunctions(), op)) {
        hasAll = false;
        op->emitError() << op->getName() << " on "
                        << getElementTypeOrSelf(op->getOperand(0).getType())
                        << " has no implementation on target " << target;
      }
      return WalkResult::advance();
    });
    if (!hasAll)
      signalPassFailure();
  }
};
} // namespace
