//===- FanIn.cpp - How many inputs a weight's outputs have ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FanIn.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "tern/Dialect/Tern/IR/TernOps.h"

using namespace mlir;
using namespace tern;

/// The same of one use in a linalg operation: extents along reduction loops.
static int64_t getFanIn(linalg::LinalgOp op, OpOperand &operand) {
  auto type = cast<RankedTensorType>(operand.get().getType());
  AffineMap map = op.getMatchingIndexingMap(&operand);
  SmallVector<utils::IteratorType> loops = op.getIteratorTypesArray();
  int64_t count = 1;
  bool isSummed = false;
  for (auto [axis, expr] : llvm::enumerate(map.getResults())) {
    auto dim = dyn_cast<AffineDimExpr>(expr);
    if (!dim || loops[dim.getPosition()] != utils::IteratorType::reduction)
      continue;
    isSummed = true;
    count *= type.getDimSize(axis);
  }
  // A sum of the tensor alone is no layer.
  return isSummed && op.getNumDpsInputs() > 1 ? count : 0;
}

int64_t tern::getFanIn(Value weight) {
  for (OpOperand &use : weight.getUses()) {
    Operation *user = use.getOwner();
    int64_t found = 0;
    if (auto layer = dyn_cast<BitLinearOp>(user)) {
      if (layer.getWeight() == weight)
        found = cast<RankedTensorType>(weight.getType()).getDimSize(1);
    } else if (isa<linalg::TransposeOp, tensor::CastOp>(user)) {
      found = getFanIn(user->getResult(0));
    } else if (auto op = dyn_cast<linalg::LinalgOp>(user)) {
      found = ::getFanIn(op, use);
    }
    if (found > 0)
      return found;
  }
  return 0;
}
