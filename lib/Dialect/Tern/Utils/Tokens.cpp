//===- Tokens.cpp - Tensors as matrices: axes joined ----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/Utils/Tokens.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

/// Reassociation of `from` axes as `to`, of which the first, or the last, has
/// those that are too many.
static SmallVector<ReassociationIndices> joinAxes(int64_t from, int64_t to,
                                                  bool leading = true) {
  SmallVector<ReassociationIndices> groups(to);
  for (int64_t axis = 0; to > 0 && axis < from; ++axis)
    groups[leading ? std::max<int64_t>(axis - (from - to), 0)
                   : std::min(axis, to - 1)]
        .push_back(axis);
  return groups;
}

static Value joinAxes(OpBuilder &b, Location loc, Value x, int64_t rank,
                      bool leading) {
  auto type = cast<RankedTensorType>(x.getType());
  int64_t from = type.getRank();
  if (from == rank)
    return x;
  if (from > rank)
    return tensor::CollapseShapeOp::create(b, loc, x,
                                           joinAxes(from, rank, leading));
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, x);
  SmallVector<int64_t> shape(type.getShape());
  sizes.insert(leading ? sizes.begin() : sizes.end(), rank - from,
               b.getIndexAttr(1));
  shape.insert(leading ? shape.begin() : shape.end(), rank - from, 1);
  return tensor::ExpandShapeOp::create(b, loc, type.clone(shape), x,
                                       joinAxes(rank, from, leading), sizes);
}

Value tern::joinLeadingAxes(OpBuilder &b, Location loc, Value x, int64_t rank) {
  return joinAxes(b, loc, x, rank, /*leading=*/true);
}

Value tern::joinTrailingAxes(OpBuilder &b, Location loc, Value x,
                             int64_t rank) {
  return joinAxes(b, loc, x, rank, /*leading=*/false);
}

Value tern::splitTrailingAxes(OpBuilder &b, Location loc, Value y,
                              RankedTensorType type) {
  int64_t rank = type.getRank();
  int64_t from = cast<RankedTensorType>(y.getType()).getRank();
  if (rank < from) {
    SmallVector<int64_t> shape(type.getShape());
    shape.resize(from, 1);
    y = tensor::CastOp::create(b, loc, type.clone(shape), y);
    return joinTrailingAxes(b, loc, y, rank);
  }
  SmallVector<ReassociationIndices> groups =
      joinAxes(rank, from, /*leading=*/false);
  y = tensor::CastOp::create(
      b, loc, tensor::CollapseShapeOp::inferCollapsedType(type, groups), y);
  if (rank == from)
    return y;
  return tensor::ExpandShapeOp::create(b, loc, type, y, groups);
}

Value tern::toTokens(OpBuilder &b, Location loc, Value x) {
  return joinLeadingAxes(b, loc, x, 2);
}

Value tern::fromTokens(OpBuilder &b, Location loc, Value y, Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  if (type.getRank() == 2)
    return y;
  if (type.getRank() == 1)
    return joinLeadingAxes(b, loc, y, 1);
  auto yType = cast<RankedTensorType>(y.getType());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, x);
  sizes.back() = tensor::getMixedSize(b, loc, y, 1);
  SmallVector<int64_t> shape(type.getShape());
  shape.back() = yType.getDimSize(1);
  return tensor::ExpandShapeOp::create(b, loc, yType.clone(shape), y,
                                       joinAxes(type.getRank(), 2), sizes);
}
