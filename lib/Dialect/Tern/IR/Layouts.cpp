//===- Layouts.cpp - Verify layouts, shapes and slices of packed tensors --===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "tern/Dialect/Tern/IR/TernAttributes.h"
#include "llvm/ADT/BitVector.h"

using namespace mlir;
using namespace tern;

/// The value of an expression of dimensions.
static int64_t evaluate(AffineExpr expr, ArrayRef<int64_t> dims) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return constant.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return dims[dim.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t left = evaluate(binary.getLHS(), dims);
  int64_t right = evaluate(binary.getRHS(), dims);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return left + right;
  case AffineExprKind::Mul:
    return left * right;
  case AffineExprKind::Mod:
    return llvm::mod(left, right);
  case AffineExprKind::FloorDiv:
    return llvm::divideFloorSigned(left, right);
  case AffineExprKind::CeilDiv:
    return llvm::divideCeilSigned(left, right);
  default:
    llvm_unreachable("layouts have no symbols");
  }
}

/// The same extent of what is a multiple: rounding has nothing to do.
static AffineExpr roundDown(AffineExpr expr) {
  auto binary = dyn_cast<AffineBinaryOpExpr>(expr);
  if (!binary)
    return expr;
  AffineExprKind kind = expr.getKind() == AffineExprKind::CeilDiv
                            ? AffineExprKind::FloorDiv
                            : expr.getKind();
  return getAffineBinaryOpExpr(kind, roundDown(binary.getLHS()),
                               roundDown(binary.getRHS()));
}

SmallVector<int64_t> LayoutAttrInterface::getPackedShape(int64_t n,
                                                         int64_t k) const {
  SmallVector<int64_t> shape;
  for (AffineExpr extent : getPackedExtents().getResults())
    shape.push_back(
        (extent.isFunctionOfDim(0) && ShapedType::isDynamic(n)) ||
                (extent.isFunctionOfDim(1) && ShapedType::isDynamic(k))
            ? ShapedType::kDynamic
            : evaluate(extent, {n, k}));
  return shape;
}

SmallVector<OpFoldResult>
LayoutAttrInterface::getPackedSizes(OpBuilder &b, Location loc, OpFoldResult n,
                                    OpFoldResult k) const {
  SmallVector<OpFoldResult> sizes;
  AffineMap extents = getPackedExtents();
  for (unsigned i = 0; i < extents.getNumResults(); ++i)
    sizes.push_back(affine::makeComposedFoldedAffineApply(
        b, loc, extents.getSubMap({i}), {n, k}));
  return sizes;
}

std::pair<SmallVector<OpFoldResult>, SmallVector<OpFoldResult>>
LayoutAttrInterface::getSlice(OpBuilder &b, Location loc, OpFoldResult nOffset,
                              OpFoldResult nSize,
                              ArrayRef<OpFoldResult> packedSizes) const {
  SmallVector<OpFoldResult> offsets, sizes(packedSizes);
  auto apply = [&](AffineExpr extent, OpFoldResult n) {
    return affine::makeComposedFoldedAffineApply(
        b, loc, AffineMap::get(1, 0, extent), {n});
  };
  for (auto [i, extent] : llvm::enumerate(getPackedExtents().getResults())) {
    bool isCut = extent.isFunctionOfDim(0);
    offsets.push_back(isCut ? apply(roundDown(extent), nOffset)
                            : OpFoldResult(b.getIndexAttr(0)));
    if (isCut)
      sizes[i] = apply(extent, nSize);
  }
  return {offsets, sizes};
}

AffineMap LayoutAttrInterface::getPositionOf(int64_t field) const {
  AffineMap position = getPosition();
  unsigned rank = position.getNumDims() - 1;
  SmallVector<AffineExpr> dims;
  for (unsigned i = 0; i < rank; ++i)
    dims.push_back(getAffineDimExpr(i, getContext()));
  dims.push_back(getAffineConstantExpr(field, getContext()));
  return position.replaceDimsAndSymbols(dims, {}, rank, 0);
}

bool LayoutAttrInterface::fitsGroup(int64_t group) const {
  return withGroup(group) == *this;
}

LogicalResult tern::verifyLayout(LayoutAttrInterface layout,
                                 function_ref<InFlightDiagnostic()> emitError) {
  auto fail = [&]() -> InFlightDiagnostic {
    return emitError() << "layout " << layout << " is wrong: ";
  };
  LayoutTile tile = layout.getTile();
  int64_t fields = layout.getFields();
  AffineMap extents = layout.getPackedExtents(),
            position = layout.getPosition();
  if (tile.n < 1 || tile.k < 1 || fields < 1)
    return fail() << "it has a tile of " << tile.n << "x" << tile.k << " and "
                  << fields << " fields";
  if (extents.getNumDims() != 2 || extents.getNumSymbols() != 0 ||
      position.getNumDims() != extents.getNumResults() + 1 ||
      position.getNumSymbols() != 0 || position.getNumResults() != 2)
    return fail() << "the packed extents are " << AffineMapAttr::get(extents)
                  << ", positions " << AffineMapAttr::get(position);
  for (AffineExpr extent : extents.getResults())
    if (extent.isFunctionOfDim(0) && extent.isFunctionOfDim(1))
      return fail()
             << "an extent depends on N and on K, so that no rows can be "
                "cut out";

  // Two tiles each way; what is past a matrix is rounded up to.
  int64_t n = 2 * tile.n, k = 2 * tile.k;
  SmallVector<int64_t> shape = layout.getPackedShape(n, k);
  if (shape != layout.getPackedShape(tile.n + 1, tile.k + 1))
    return fail() << "a matrix that begins another tile packs to another shape "
                     "than whole tiles";
  int64_t numBytes = 1;
  for (int64_t extent : shape)
    numBytes *= extent;
  if (numBytes * fields != n * k)
    return fail() << "a " << n << "x" << k << " matrix has " << n * k
                  << " codes, but packs to " << numBytes << " bytes of "
                  << fields;
  llvm::BitVector seen(n * k);
  for (int64_t byte = 0; byte < numBytes; ++byte) {
    SmallVector<int64_t> index(shape.size() + 1);
    int64_t rest = byte;
    for (size_t i = shape.size(); i-- > 0; rest /= shape[i])
      index[i] = rest % shape[i];
    // Rows before a tile are in what is cut off before it.
    int64_t cut = 0, kept = 0;
    for (auto [i, extent] : llvm::enumerate(extents.getResults())) {
      if (!extent.isFunctionOfDim(0))
        continue;
      (index[i] < evaluate(roundDown(extent), {tile.n, 0}) ? cut : kept) += 1;
    }
    for (int64_t field = 0; field < fields; ++field) {
      index.back() = field;
      int64_t row = evaluate(position.getResult(0), index);
      int64_t column = evaluate(position.getResult(1), index);
      if (row < 0 || row >= n || column < 0 || column >= k)
        return fail() << "field " << field << " of byte " << byte << " is at ("
                      << row << ", " << column << ") of a " << n << "x" << k
                      << " matrix";
      if (seen.test(row * k + column))
        return fail() << "two fields are at (" << row << ", " << column << ")";
      seen.set(row * k + column);
      if (cut + kept != 1 || (row < tile.n) != (cut == 1))
        return fail() << "the first " << tile.n
                      << " rows cannot be cut out of the packed tensor";
    }
  }
  return success();
}
