//===- CopyValues.cpp - Compute values again elsewhere --------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CopyValues.h"

using namespace mlir;

Value tern::cloneProducer(OpBuilder &b, Value value, IRMapping &mapping,
                          llvm::function_ref<Value(Value)> copy) {
  Operation *op = value.getDefiningOp();
  for (Value operand : op->getOperands()) {
    Value copied = copy(operand);
    if (!copied)
      return nullptr;
    mapping.map(operand, copied);
  }
  b.clone(*op, mapping);
  return mapping.lookup(value);
}

void tern::captureValue(OpBuilder &b, Value value, Block *block,
                        IRMapping &mapping, SmallVectorImpl<Value> &captured,
                        llvm::function_ref<bool(Operation *)> isCheap) {
  if (mapping.contains(value))
    return;
  Operation *op = value.getDefiningOp();
  if (op && isCheap(op)) {
    for (Value operand : op->getOperands())
      captureValue(b, operand, block, mapping, captured, isCheap);
    b.clone(*op, mapping);
    return;
  }
  captured.push_back(value);
  mapping.map(value, block->addArgument(value.getType(), value.getLoc()));
}
