//===- DropTraining.cpp - tern.in_training for inference ------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Iterators.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Dialect/Tern/Utils/DeadCode.h"
#include "tern/Training/Passes.h"

namespace tern {
#define GEN_PASS_DEF_TERNDROPTRAINING
#include "tern/Training/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

LogicalResult tern::dropTraining(func::FuncOp function) {
  bool isTrained = false;
  function.walk([&](Operation *op) {
    if (auto choice = dyn_cast<InTrainingOp>(op))
      choice.getResult().replaceAllUsesWith(choice.getOtherwise());
    else if (auto surrogate = dyn_cast<SurrogateOp>(op))
      surrogate.getResult().replaceAllUsesWith(surrogate.getValue());
    else if (!isa<UpdateParameterOp, KeepMaskOp>(op))
      return;
    isTrained = true;
    if (isa<UpdateParameterOp>(op))
      op->erase();
  });
  if (!isTrained)
    return success();
  eraseDeadOps(function.getBody());
  WalkResult result = function.walk([](KeepMaskOp mask) {
    mask.emitOpError("is used outside training");
    return WalkResult::interrupt();
  });
  return failure(result.wasInterrupted());
}

namespace {
struct DropTraining : tern::impl::TernDropTrainingBase<DropTraining> {
  void runOnOperation() override {
    if (failed(dropTraining(getOperation())))
      signalPassFailure();
  }
};
} // namespace
