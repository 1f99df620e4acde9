//===- LowerPacking.cpp - Packing and unpacking to linalg -----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Codes [N, K], grown with zeros to whole tiles, are read, or written, where
// the layout says that the fields of each byte are.
//
//===----------------------------------------------------------------------===//

#include "QuantizerLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"
#include "tern/Dialect/Tern/Utils/Padding.h"

using namespace mlir;
using namespace tern;

namespace {

/// Extents of an N x K matrix grown to whole tiles.
SmallVector<OpFoldResult> growToTiles(OpBuilder &b, Location loc,
                                      LayoutTile tile, OpFoldResult n,
                                      OpFoldResult k) {
  AffineExpr s0 = b.getAffineSymbolExpr(0);
  return {applyFolded(b, loc, s0.ceilDiv(tile.n) * tile.n, {n}),
          applyFolded(b, loc, s0.ceilDiv(tile.k) * tile.k, {k})};
}

/// One loop over the bytes, which reads each field's code where it is.
LogicalResult lowerPack(PackOp op, PatternRewriter &b) {
  Location loc = op.getLoc();
  LayoutAttrInterface layout = op.getLayout();
  SmallVector<OpFoldResult> extents =
      tensor::getMixedSizes(b, loc, op.getCodes());
  SmallVector<OpFoldResult> grown =
      growToTiles(b, loc, layout.getTile(), extents[0], extents[1]);
  Value matrix = padWithZeros(b, loc, op.getCodes(), grown);
  SmallVector<AffineMap> positions;
  for (int64_t field = 0; field < layout.getFields(); ++field)
    positions.push_back(layout.getPositionOf(field));
  Value init = tensor::EmptyOp::create(
      b, loc, layout.getPackedSizes(b, loc, extents[0], extents[1]),
      b.getI8Type());
  Value packed = buildElementwise(
      b, loc, SmallVector<Value>(positions.size(), matrix), positions, init,
      [&](OpBuilder &nested, Location at, ValueRange codes) {
        return layout.buildPack(nested, at, codes);
      });
  b.replaceOp(op, castTo(b, loc, packed, op.getType()));
  return success();
}

/// A loop over the bytes for each field, which writes its codes where they are
/// in the matrix: together they write all of it.
LogicalResult lowerUnpack(UnpackOp op, PatternRewriter &b) {
  Location loc = op.getLoc();
  LayoutAttrInterface layout = op.getLayout();
  auto type = cast<RankedTensorType>(op.getType());
  SmallVector<OpFoldResult> extents =
      getMixedValues(type.getShape(), op.getExtents(), b);
  Value matrix = tensor::EmptyOp::create(
      b, loc, growToTiles(b, loc, layout.getTile(), extents[0], extents[1]),
      b.getI8Type());
  int64_t rank = cast<RankedTensorType>(op.getPacked().getType()).getRank();
  AffineMap bytes = b.getMultiDimIdentityMap(rank);
  SmallVector<utils::IteratorType> loops(rank, utils::IteratorType::parallel);
  for (int64_t field = 0; field < layout.getFields(); ++field)
    matrix = linalg::GenericOp::create(
                 b, loc, matrix.getType(), op.getPacked(), matrix,
                 {bytes, layout.getPositionOf(field)}, loops,
                 [&](OpBuilder &nested, Location at, ValueRange args) {
                   Value digit = layout.buildUnpack(nested, at, args[0])[field];
                   Value one = arith::ConstantOp::create(
                       nested, at, nested.getI8IntegerAttr(1));
                   Value code = arith::SubIOp::create(nested, at, digit, one);
                   linalg::YieldOp::create(nested, at, code);
                 })
                 .getResult(0);
  SmallVector<OpFoldResult> zero(2, b.getIndexAttr(0));
  SmallVector<OpFoldResult> one(2, b.getIndexAttr(1));
  b.replaceOpWithNewOp<tensor::ExtractSliceOp>(op, type, matrix, zero, extents,
                                               one);
  return success();
}
} // namespace

void tern::populateLowerPackingPatterns(RewritePatternSet &patterns) {
  patterns.add(lowerPack);
  patterns.add(lowerUnpack);
}
