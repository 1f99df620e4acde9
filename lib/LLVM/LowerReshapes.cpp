//===- LowerReshapes.cpp - expand_shape with dynamic extents --------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/PatternMatch.h"
#include "tern/LLVM/Passes.h"

namespace tern {
#define GEN_PASS_DEF_LOWERRESHAPESPASS
#include "tern/LLVM/Passes.h.inc"
} // namespace tern

using namespace mlir;

/// Whether a group of the reshape has several dynamic extents.
static bool hasSeveralDynamicExtents(memref::ExpandShapeOp op) {
  MemRefType type = op.getResultType();
  return llvm::any_of(op.getReassociationIndices(),
                      [&](const ReassociationIndices &group) {
                        return llvm::count_if(group, [&](int64_t i) {
                                 return type.isDynamicDim(i);
                               }) > 1;
                      });
}

static void lower(RewriterBase &rewriter, memref::ExpandShapeOp op) {
  Location loc = op.getLoc();
  rewriter.setInsertionPoint(op);
  SmallVector<int64_t> sourceStrides;
  int64_t sourceOffset;
  if (failed(op.getSrcType().getStridesAndOffset(sourceStrides, sourceOffset)))
    return;
  auto metadata =
      memref::ExtractStridedMetadataOp::create(rewriter, loc, op.getSrc());
  OpFoldResult offset = ShapedType::isDynamic(sourceOffset)
                            ? OpFoldResult(metadata.getOffset())
                            : rewriter.getIndexAttr(sourceOffset);
  SmallVector<OpFoldResult> sizes =
      getMixedValues(op.getStaticOutputShape(), op.getOutputShape(), rewriter);
  SmallVector<OpFoldResult> strides(sizes.size());
  AffineExpr product =
      rewriter.getAffineSymbolExpr(0) * rewriter.getAffineSymbolExpr(1);
  for (auto [i, group] : llvm::enumerate(op.getReassociationIndices())) {
    OpFoldResult stride = ShapedType::isDynamic(sourceStrides[i])
                              ? OpFoldResult(metadata.getStrides()[i])
                              : rewriter.getIndexAttr(sourceStrides[i]);
    for (int64_t dim : llvm::reverse(group)) {
      strides[dim] = stride;
      stride = affine::makeComposedFoldedAffineApply(rewriter, loc, product,
                                                     {stride, sizes[dim]});
    }
  }
  rewriter.replaceOpWithNewOp<memref::ReinterpretCastOp>(
      op, op.getResultType(), metadata.getBaseBuffer(), offset, sizes, strides);
}

namespace {
struct LowerReshapesPass
    : public tern::impl::LowerReshapesPassBase<LowerReshapesPass> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    getOperation()->walk([&](memref::ExpandShapeOp op) {
      if (hasSeveralDynamicExtents(op))
        lower(rewriter, op);
    });
  }
};
} // namespace
