//===- LowerPacking.cpp - Packing and unpacking to linalg -----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Codes [N, K], grown with zeros to whole tiles, are viewed as
// [N/rows, rows, K/block, fields, lanes]; the slices at each field are what
// the layout combines to bytes or splits them to.
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

/// The five-dimensional view of a matrix grown to whole tiles.
struct TiledView {
  TiledView(OpBuilder &b, Location loc, LayoutAttrInterface layout,
            OpFoldResult n, OpFoldResult k) {
    AffineExpr s0 = b.getAffineSymbolExpr(0);
    int64_t rows = layout.getRows(), block = layout.getBlock();
    OpFoldResult nTiles = applyFolded(b, loc, s0.ceilDiv(rows), {n});
    OpFoldResult kTiles = applyFolded(b, loc, s0.ceilDiv(block), {k});
    matrix = {applyFolded(b, loc, s0.ceilDiv(rows) * rows, {n}),
              applyFolded(b, loc, s0.ceilDiv(block) * block, {k})};
    sizes = {nTiles, b.getIndexAttr(rows), kTiles,
             b.getIndexAttr(layout.getFields()),
             b.getIndexAttr(layout.getLanes())};
    packed = {nTiles, kTiles, b.getIndexAttr(rows),
              b.getIndexAttr(layout.getLanes())};
    // The slice at one field: [N/rows, rows, K/block, lanes].
    slice = sizes;
    slice[3] = b.getIndexAttr(1);
  }

  static SmallVector<ReassociationIndices> reassociation() {
    return {{0, 1}, {2, 3, 4}};
  }

  static RankedTensorType type(OpBuilder &b, ArrayRef<OpFoldResult> sizes) {
    SmallVector<int64_t> shape;
    SmallVector<Value> dynamic;
    dispatchIndexOpFoldResults(sizes, dynamic, shape);
    return RankedTensorType::get(shape, b.getI8Type());
  }

  RankedTensorType sliceType(OpBuilder &b) const {
    return type(b, {sizes[0], sizes[1], sizes[2], sizes[4]});
  }

  SmallVector<OpFoldResult> offsets(OpBuilder &b, int64_t field) const {
    SmallVector<OpFoldResult> result(5, b.getIndexAttr(0));
    result[3] = b.getIndexAttr(field);
    return result;
  }

  SmallVector<OpFoldResult> matrix, sizes, packed, slice;
};

/// From packed order (tile, block, row, lane) to slice order.
AffineMap sliceMap(OpBuilder &b) {
  AffineExpr tile = b.getAffineDimExpr(0), block = b.getAffineDimExpr(1),
             row = b.getAffineDimExpr(2), lane = b.getAffineDimExpr(3);
  return AffineMap::get(4, 0, {tile, row, block, lane}, b.getContext());
}

struct LowerPack : OpRewritePattern<PackOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(PackOp op, PatternRewriter &b) const override {
    Location loc = op.getLoc();
    LayoutAttrInterface layout = op.getLayout();
    TiledView view(b, loc, layout,
                   tensor::getMixedSize(b, loc, op.getCodes(), 0),
                   tensor::getMixedSize(b, loc, op.getCodes(), 1));
    Value padded = padWithZeros(b, loc, op.getCodes(), view.matrix);
    Value tiled = tensor::ExpandShapeOp::create(
        b, loc, TiledView::type(b, view.sizes), padded,
        TiledView::reassociation(), view.sizes);
    SmallVector<OpFoldResult> ones(5, b.getIndexAttr(1));
    SmallVector<Value> slices;
    for (int64_t field = 0; field < layout.getFields(); ++field)
      slices.push_back(tensor::ExtractSliceOp::create(
          b, loc, view.sliceType(b), tiled, view.offsets(b, field), view.slice,
          ones));
    Value init = tensor::EmptyOp::create(b, loc, view.packed, b.getI8Type());
    Value packed = buildElementwise(
        b, loc, slices, SmallVector<AffineMap>(slices.size(), sliceMap(b)),
        init, [&](OpBuilder &nested, Location at, ValueRange codes) {
          return layout.buildPack(nested, at, codes);
        });
    if (packed.getType() != op.getType())
      packed = tensor::CastOp::create(b, loc, op.getType(), packed);
    b.replaceOp(op, packed);
    return success();
  }
};

struct LowerUnpack : OpRewritePattern<UnpackOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(UnpackOp op,
                                PatternRewriter &b) const override {
    Location loc = op.getLoc();
    LayoutAttrInterface layout = op.getLayout();
    SmallVector<OpFoldResult> extents = getMixedValues(
        cast<RankedTensorType>(op.getType()).getShape(), op.getExtents(), b);
    TiledView view(b, loc, layout, extents[0], extents[1]);
    SmallVector<OpFoldResult> ones(5, b.getIndexAttr(1));
    // One pass per field, each reading the bytes in the order of its slice.
    AffineExpr tile = b.getAffineDimExpr(0), row = b.getAffineDimExpr(1),
               block = b.getAffineDimExpr(2), lane = b.getAffineDimExpr(3);
    AffineMap packedMap =
        AffineMap::get(4, 0, {tile, block, row, lane}, b.getContext());
    Value tiled = tensor::EmptyOp::create(b, loc, view.sizes, b.getI8Type());
    for (int64_t field = 0; field < layout.getFields(); ++field) {
      Value init = tensor::EmptyOp::create(
          b, loc, {view.sizes[0], view.sizes[1], view.sizes[2], view.sizes[4]},
          b.getI8Type());
      Value codes = buildElementwise(
          b, loc, op.getPacked(), packedMap, init,
          [&](OpBuilder &nested, Location at, ValueRange bytes) -> Value {
            Value digit = layout.buildUnpack(nested, at, bytes[0])[field];
            Value one = arith::ConstantOp::create(nested, at,
                                                  nested.getI8IntegerAttr(1));
            return arith::SubIOp::create(nested, at, digit, one);
          });
      tiled = tensor::InsertSliceOp::create(
          b, loc, codes, tiled, view.offsets(b, field), view.slice, ones);
    }
    Value matrix = tensor::CollapseShapeOp::create(b, loc, tiled,
                                                   TiledView::reassociation());
    SmallVector<OpFoldResult> zero(2, b.getIndexAttr(0));
    SmallVector<OpFoldResult> one(2, b.getIndexAttr(1));
    b.replaceOpWithNewOp<tensor::ExtractSliceOp>(
        op, cast<RankedTensorType>(op.getType()), matrix, zero, extents, one);
    return success();
  }
};
} // namespace

void tern::populateLowerPackingPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerPack, LowerUnpack>(patterns.getContext());
}
