//===- Storage.cpp - Views and sizes of tensors ---------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/Utils/Storage.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

bool tern::isView(Operation *op) {
  return isa_and_nonnull<tensor::ExpandShapeOp, tensor::CollapseShapeOp,
                         tensor::CastOp>(op);
}

Value tern::getViewedValue(Value value) {
  while (isView(value.getDefiningOp()))
    value = value.getDefiningOp()->getOperand(0);
  return value;
}

int64_t tern::estimateBytes(Value value) {
  constexpr int64_t assumedExtent = 64;
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type)
    return 0;
  Type element = type.getElementType();
  int64_t bytes = element.isIntOrFloat()
                      ? (element.getIntOrFloatBitWidth() + 7) / 8
                      : sizeof(int64_t);
  for (int64_t extent : type.getShape())
    bytes *= ShapedType::isDynamic(extent) ? assumedExtent : extent;
  return bytes;
}
