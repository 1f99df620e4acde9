//===- Padding.cpp - Pad tensors with zeros -------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/Utils/Padding.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tern;

OpFoldResult tern::applyFolded(OpBuilder &b, Location loc, AffineExpr expr,
                               ArrayRef<OpFoldResult> symbols) {
  return affine::makeComposedFoldedAffineApply(
      b, loc, AffineMap::get(0, symbols.size(), expr), symbols);
}

Value tern::padWithZeros(OpBuilder &b, Location loc, Value source,
                         ArrayRef<OpFoldResult> paddedSizes) {
  auto type = cast<RankedTensorType>(source.getType());
  SmallVector<OpFoldResult> low(type.getRank(), b.getIndexAttr(0)), high;
  AffineExpr s0 = b.getAffineSymbolExpr(0), s1 = b.getAffineSymbolExpr(1);
  bool needed = false;
  for (auto [dim, padded] : llvm::enumerate(paddedSizes)) {
    // An axis that keeps its size is not padded by a difference that happens
    // to be zero, but not at all.
    auto dimOp = dyn_cast_if_present<tensor::DimOp>(
        llvm::dyn_cast_if_present<Value>(padded)
            ? cast<Value>(padded).getDefiningOp()
            : nullptr);
    if (dimOp && dimOp.getSource() == source &&
        dimOp.getConstantIndex() == static_cast<int64_t>(dim)) {
      high.push_back(b.getIndexAttr(0));
      continue;
    }
    OpFoldResult size = tensor::getMixedSize(b, loc, source, dim);
    high.push_back(applyFolded(b, loc, s1 - s0, {size, padded}));
    needed |= getConstantIntValue(high.back()) != 0;
  }
  if (!needed)
    return source;
  SmallVector<int64_t> shape;
  SmallVector<Value> dynamic;
  dispatchIndexOpFoldResults(paddedSizes, dynamic, shape);
  Value zero =
      arith::ConstantOp::create(b, loc, b.getZeroAttr(type.getElementType()));
  return tensor::PadOp::create(b, loc, type.clone(shape), source, low, high,
                               zero);
}

Value tern::padColumns(OpBuilder &b, Location loc, Value source,
                       int64_t block) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, source);
  sizes.back() = applyFolded(
      b, loc, b.getAffineSymbolExpr(0).ceilDiv(block) * block, {sizes.back()});
  return padWithZeros(b, loc, source, sizes);
}
