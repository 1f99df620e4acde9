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

/// What --tern-lower-contractions blocks in its own way.
static bool isMatrixProduct(Operation *op) {
  auto linalgOp = dyn_cast<linalg::LinalgOp>(op);
  return linalgOp && matchContraction(linalgOp);
}

/// Tile sizes, 0 for loops to leave whole; empty if tiling does not pay.
/// Loops are cut from the outermost parallel one inwards until a tile is about
/// `grain` scalar operations.
static SmallVector<int64_t>
getTileSizes(TilingInterface op, const MachineInfo &machine, int64_t grain) {
  int64_t inner = 1;
  SmallVector<int64_t> extents;
  auto own = dyn_cast<TileOpInterface>(op.getOperation());
  if (own) {
    inner = own.getStepsAtPoint(machine, kGuess);
    extents = own.getStaticLoopRanges();
  } else if (auto structured = dyn_cast<linalg::LinalgOp>(op.getOperation())) {
    extents = structured.getStaticLoopRanges();
  }
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

  if (own)
    return own.getTileSizes(machine, inner);

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
    SmallVector<TilingInterface> ops;
    function.walk([&](TilingInterface op) {
      if (!op->getParentOfType<LoopLikeOpInterface>() &&
          !isa<linalg::FillOp, tensor::PadOp>(op) && !isMatrixProduct(op) &&
          !isInPlace(op) &&
          llvm::all_of(op->getResultTypes(), llvm::IsaPred<RankedTensorType>))
        ops.push_back(op);
    });
    MachineInfo machine = getTarget(function).getMachine();
    for (TilingInterface op : ops)
      if (failed(tile(op, machine)))
        return signalPassFailure();
  }

private:
  LogicalResult tile(TilingInterface op, const MachineInfo &machine) {
    SmallVector<int64_t> sizes =
        getTileSizes(op, machine, grain > 0 ? grain : machine.tileWork);
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
