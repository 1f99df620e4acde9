//===- Tile.cpp - Cut work into parallel tiles ----------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/TileUsingInterface.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/TilingInterface.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Dialect/Tern/Utils/Contraction.h"
#include "tern/Tiled/Passes.h"

namespace tern {
#define GEN_PASS_DEF_TERNTILE
#include "tern/Tiled/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

/// What a dynamic extent is taken for when tiles are sized.
static constexpr int64_t kGuess = 64;

static int64_t extentOrGuess(int64_t extent) {
  return ShapedType::isDynamic(extent) ? kGuess : extent;
}

/// Static extents of the iteration space, with kDynamic for others; those of
/// axes that the operation does not iterate over but works through (a token's
/// channels) multiply `inner`.
static SmallVector<int64_t> getExtents(TilingInterface op, int64_t &inner) {
  inner = 1;
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op.getOperation()))
    return linalgOp.getStaticLoopRanges();
  if (auto product = dyn_cast<PackedMatmulOp>(op.getOperation())) {
    // A vector operation handles many positions of K at once.
    int64_t k = cast<RankedTensorType>(product.getActivations().getType())
                    .getDimSize(1);
    inner = std::max<int64_t>(1, extentOrGuess(k) / 16);
    return SmallVector<int64_t>(
        cast<RankedTensorType>(product.getInit().getType()).getShape());
  }
  if (auto quantize = dyn_cast<QuantizeActivationsOp>(op.getOperation())) {
    ArrayRef<int64_t> shape =
        cast<RankedTensorType>(quantize.getX().getType()).getShape();
    inner = extentOrGuess(shape.back());
    return SmallVector<int64_t>(shape.drop_back());
  }
  return {};
}

/// What --tern-lower-contractions blocks in its own way.
static bool isMatrixProduct(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return linalgOp && matchContraction(linalgOp);
}

/// Tile sizes, 0 for loops to leave whole; empty if tiling does not pay.
/// Loops are cut from the outermost parallel one inwards until a tile is about
/// `grain` scalar operations.
static SmallVector<int64_t> getTileSizes(TilingInterface op, int64_t grain) {
  int64_t inner;
  SmallVector<int64_t> extents = getExtents(op, inner);
  SmallVector<utils::IteratorType> kinds = op.getLoopIteratorTypes();
  // Nor is there anything to divide in a tensor without elements.
  if (extents.empty() || extents.size() != kinds.size() ||
      llvm::is_contained(extents, 0))
    return {};
  bool dynamic = llvm::is_contained(extents, ShapedType::kDynamic);
  double work = inner;
  for (int64_t extent : extents)
    work *= extentOrGuess(extent);
  if (!dynamic && work < 2.0 * grain)
    return {};

  SmallVector<int64_t> sizes(extents.size(), 0);
  for (auto [i, extent] : llvm::enumerate(extents)) {
    if (kinds[i] != utils::IteratorType::parallel)
      continue;
    double rest = work / extentOrGuess(extent);
    int64_t size = std::max<int64_t>(1, static_cast<int64_t>(grain / rest));
    if (!ShapedType::isDynamic(extent) && size >= extent)
      break;
    sizes[i] = size;
    work = rest * size;
    if (size > 1)
      break;
  }

  // One token at a time, so that what a token needs in between has a static
  // size; the loop hands them out in larger chunks.
  if (isa<QuantizeActivationsOp>(op.getOperation()))
    sizes.assign(extents.size(), 1);
  if (auto product = dyn_cast<PackedMatmulOp>(op.getOperation())) {
    // Tokens share a pass over the weights; rows go by whole tiles, as many as
    // a cache level close to the core holds.
    int64_t rows = product.getLayout().getTile().n;
    int64_t n = std::max<int64_t>(1, 8192 / inner);
    sizes = {32, (n + rows - 1) / rows * rows};
  }
  return llvm::all_of(sizes, [](int64_t size) { return size == 0; })
             ? SmallVector<int64_t>{}
             : sizes;
}

/// Whether `op` updates an argument in place: tiles would read the old value
/// from outside the loop that writes the new one, which takes a copy. On
/// buffers it becomes a parallel loop all the same.
static bool isInPlace(Operation *op) {
  auto styled = dyn_cast<DestinationStyleOpInterface>(op);
  if (!styled)
    return false;
  return llvm::any_of(styled.getDpsInits(), [](Value init) {
    Operation *producer = init.getDefiningOp();
    while (producer &&
           isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(
               producer))
      producer = producer->getOperand(0).getDefiningOp();
    return isa_and_nonnull<bufferization::ToTensorOp>(producer);
  });
}

namespace {
struct TilePass : tern::impl::TernTileBase<TilePass> {
  using TernTileBase::TernTileBase;

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    // Prepare functions run one after another at compile time.
    if (function->hasAttr(TernDialect::getPrepareAttrName()))
      return;
    SmallVector<TilingInterface> ops;
    function.walk([&](TilingInterface op) {
      if (!op->getParentOfType<LoopLikeOpInterface>() &&
          !isa<linalg::FillOp, tensor::PadOp>(op) && !isMatrixProduct(op) &&
          !isInPlace(op) &&
          llvm::all_of(op->getResultTypes(), llvm::IsaPred<RankedTensorType>))
        ops.push_back(op);
    });
    for (TilingInterface op : ops)
      if (failed(tile(op)))
        return signalPassFailure();
  }

private:
  LogicalResult tile(TilingInterface op) {
    SmallVector<int64_t> sizes = getTileSizes(op, grain);
    if (sizes.empty())
      return success();
    IRRewriter rewriter(&getContext());
    rewriter.setInsertionPoint(op);
    scf::SCFTilingOptions options;
    options.setTileSizes(getAsIndexOpFoldResult(&getContext(), sizes));
    options.setLoopType(scf::SCFTilingOptions::LoopType::ForallOp);
    FailureOr<scf::SCFTilingResult> tiled =
        scf::tileUsingSCF(rewriter, op, options);
    if (failed(tiled))
      return op->emitError("cannot be tiled");
    rewriter.replaceOp(op, tiled->replacements);
    return success();
  }
};
} // namespace
