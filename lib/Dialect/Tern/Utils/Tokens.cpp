//===- Tokens.cpp - Activations as a matrix of tokens ---------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/Utils/Tokens.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;

/// Reassociation that joins all axes of a tensor of `rank` but the last.
static SmallVector<ReassociationIndices> joinTokens(int64_t rank) {
  SmallVector<ReassociationIndices> groups(2);
  for (int64_t dim = 0; dim < rank - 1; ++dim)
    groups[0].push_back(dim);
  groups[1].push_back(rank - 1);
  return groups;
}

Value tern::toTokens(OpBuilder &b, Location loc, Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  if (type.getRank() == 2)
    return x;
  if (type.getRank() > 2)
    return tensor::CollapseShapeOp::create(b, loc, x,
                                           joinTokens(type.getRank()));
  SmallVector<OpFoldResult> sizes = {b.getIndexAttr(1),
                                     tensor::getMixedSize(b, loc, x, 0)};
  return tensor::ExpandShapeOp::create(
      b, loc, type.clone({1, type.getDimSize(0)}), x,
      SmallVector<ReassociationIndices>{{0, 1}}, sizes);
}

Value tern::fromTokens(OpBuilder &b, Location loc, Value y, Value x) {
  auto type = cast<RankedTensorType>(x.getType());
  if (type.getRank() == 2)
    return y;
  if (type.getRank() == 1)
    return tensor::CollapseShapeOp::create(
        b, loc, y, SmallVector<ReassociationIndices>{{0, 1}});
  auto yType = cast<RankedTensorType>(y.getType());
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, x);
  sizes.back() = tensor::getMixedSize(b, loc, y, 1);
  SmallVector<int64_t> shape(type.getShape());
  shape.back() = yType.getDimSize(1);
  return tensor::ExpandShapeOp::create(b, loc, yType.clone(shape), y,
                                       joinTokens(type.getRank()), sizes);
}
