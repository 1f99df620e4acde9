//===- PackedMatmulOp.cpp - The operation tern.packed_matmul --------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The verifier and the tiling interface of tern.packed_matmul. Its iteration
// space is (m, n): K is never tiled, so that a result's value depends on
// neither the tile nor the thread.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include <numeric>

using namespace mlir;
using namespace tern;

static bool compatible(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b;
}

LogicalResult PackedMatmulOp::verify() {
  auto activations = cast<RankedTensorType>(getActivations().getType());
  auto packed = cast<RankedTensorType>(getPacked().getType());
  auto out = cast<RankedTensorType>(getInit().getType());
  LayoutAttrInterface layout = getLayout();

  int64_t k = activations.getDimSize(1);
  int64_t tile = layout.getTile().k;
  if (!ShapedType::isDynamic(k) && k % tile != 0)
    return emitOpError() << "(C1) the activations' K is " << k
                         << ", not a multiple of the layout's tile, " << tile;
  SmallVector<int64_t> expected = layout.getPackedShape(out.getDimSize(1), k);
  if (failed(verifyCompatibleShape(packed.getShape(), expected)))
    return emitOpError() << "(C2) the packed type is " << packed << ", but "
                         << RankedTensorType::get({out.getDimSize(1), k},
                                                  packed.getElementType())
                         << " packs to "
                         << RankedTensorType::get(expected,
                                                  packed.getElementType());
  if (!compatible(activations.getDimSize(0), out.getDimSize(0)))
    return emitOpError() << "(C1) the activations have M = "
                         << activations.getDimSize(0) << ", but the result has "
                         << out.getDimSize(0);

  bool integer = activations.getElementType().isInteger(8);
  bool toInteger = out.getElementType().isInteger(32);
  if (integer ? toInteger == static_cast<bool>(getScales()) : toInteger)
    return emitOpError() << "(C3) " << activations.getElementType()
                         << " activations into " << out.getElementType()
                         << (getScales() ? " with" : " without") << " scales";
  int64_t group = getGroup();
  if (group < 0 || (group > 0 && !getScales()))
    return emitOpError("(C4) group needs scales and must not be negative");
  if (!layout.fitsGroup(group))
    return emitOpError() << "(C4) group is " << group << ", which layout "
                         << layout << " does not fit";
  if (getScales() &&
      !compatible(cast<RankedTensorType>(getScales().getType()).getDimSize(0),
                  out.getDimSize(1)))
    return emitOpError("(C4) scales and result differ in N");
  if (getResult().getType() != out)
    return emitOpError("the result's type must be the destination's");
  return success();
}

LogicalResult
PackedMatmulOp::reifyResultShapes(OpBuilder &b,
                                  ReifiedRankedShapedTypeDims &shapes) {
  shapes.push_back(tensor::getMixedSizes(b, getLoc(), getInit()));
  return success();
}

//===----------------------------------------------------------------------===//
// TilingInterface
//===----------------------------------------------------------------------===//

SmallVector<utils::IteratorType> PackedMatmulOp::getLoopIteratorTypes() {
  return {utils::IteratorType::parallel, utils::IteratorType::parallel};
}

SmallVector<Range> PackedMatmulOp::getIterationDomain(OpBuilder &b) {
  SmallVector<Range> ranges;
  for (int64_t dim : {0, 1})
    ranges.push_back({b.getIndexAttr(0),
                      tensor::getMixedSize(b, getLoc(), getInit(), dim),
                      b.getIndexAttr(1)});
  return ranges;
}

SmallVector<int64_t> PackedMatmulOp::getStaticLoopRanges() {
  return SmallVector<int64_t>(
      cast<RankedTensorType>(getInit().getType()).getShape());
}

int64_t PackedMatmulOp::getStepsAtPoint(const MachineInfo &machine,
                                        int64_t guess) {
  int64_t k = cast<RankedTensorType>(getActivations().getType()).getDimSize(1);
  if (ShapedType::isDynamic(k))
    k = guess;
  return std::max<int64_t>(1, k / machine.stepPositions);
}

/// Rows of float activations' products that lie along vectors, at most.
static constexpr int64_t kVectorRows = 64;

/// Tokens share a pass over the weights; rows go by whole tiles of the layout,
/// as many as a cache close to the core holds.
SmallVector<int64_t> PackedMatmulOp::getTileSizes(const MachineInfo &machine,
                                                  int64_t steps) {
  if (machine.tileTokens == 0)
    return {};
  int64_t rows = getLayout().getTile().n;
  // Of floats, rows lie along vectors.
  if (getElementTypeOrSelf(getActivations()).isF32())
    rows = std::lcm(rows, kVectorRows);
  int64_t n = std::max<int64_t>(1, machine.tileSteps / steps);
  return {machine.tileTokens, (n + rows - 1) / rows * rows};
}

/// Whether `value` is known to be a multiple of `tile`.
static bool isMultiple(OpFoldResult value, int64_t tile) {
  if (std::optional<int64_t> constant = getConstantIntValue(value))
    return *constant % tile == 0;
  auto v = cast<Value>(value);
  if (auto apply = v.getDefiningOp<affine::AffineApplyOp>())
    return apply.getAffineMap().getResult(0).isMultipleOf(tile);
  // The induction variable of a loop that starts at a multiple and steps by
  // one; anything else is the caller's promise to break.
  if (auto arg = dyn_cast<BlockArgument>(v))
    if (auto loop =
            dyn_cast<LoopLikeOpInterface>(arg.getOwner()->getParentOp())) {
      auto ivs = loop.getLoopInductionVars();
      auto lower = loop.getLoopLowerBounds();
      auto steps = loop.getLoopSteps();
      if (ivs && lower && steps)
        for (auto [iv, lb, step] : llvm::zip_equal(*ivs, *lower, *steps))
          if (iv == v)
            return isMultiple(lb, tile) && isMultiple(step, tile);
    }
  return false;
}

FailureOr<TilingResult>
PackedMatmulOp::getTiledImplementation(OpBuilder &b,
                                       ArrayRef<OpFoldResult> offsets,
                                       ArrayRef<OpFoldResult> sizes) {
  Location loc = getLoc();
  int64_t rows = getLayout().getTile().n;
  // A tile must begin where a row tile of the packed tensor does.
  if (!isMultiple(offsets[1], rows))
    return emitOpError() << "n can be tiled by multiples of the layout's "
                         << rows << " rows only",
           failure();
  SmallVector<Operation *> slices;
  auto slice = [&](Value source, ArrayRef<OpFoldResult> sliceOffsets,
                   ArrayRef<OpFoldResult> sliceSizes) -> Value {
    SmallVector<OpFoldResult> ones(sliceSizes.size(), b.getIndexAttr(1));
    auto op = tensor::ExtractSliceOp::create(b, loc, source, sliceOffsets,
                                             sliceSizes, ones);
    slices.push_back(op);
    return op;
  };
  OpFoldResult zero = b.getIndexAttr(0);
  auto size = [&](Value value, int64_t dim) {
    return tensor::getMixedSize(b, loc, value, dim);
  };
  Value activations = slice(getActivations(), {offsets[0], zero},
                            {sizes[0], size(getActivations(), 1)});
  auto [packedOffsets, packedSizes] = getLayout().getSlice(
      b, loc, offsets[1], sizes[1], tensor::getMixedSizes(b, loc, getPacked()));
  Value packed = slice(getPacked(), packedOffsets, packedSizes);
  Value scales;
  if (getScales())
    scales = slice(getScales(), {offsets[1], zero},
                   {sizes[1], size(getScales(), 1)});
  Value init = slice(getInit(), offsets, sizes);
  auto tiled =
      PackedMatmulOp::create(b, loc, init.getType(), activations, packed,
                             scales, init, getLayout(), getGroup());
  return TilingResult{{tiled}, {tiled.getResult()}, slices};
}

LogicalResult PackedMatmulOp::getResultTilePosition(
    OpBuilder &, unsigned, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  resultOffsets.assign(offsets.begin(), offsets.end());
  resultSizes.assign(sizes.begin(), sizes.end());
  return success();
}

FailureOr<TilingResult>
PackedMatmulOp::generateResultTileValue(OpBuilder &b, unsigned,
                                        ArrayRef<OpFoldResult> offsets,
                                        ArrayRef<OpFoldResult> sizes) {
  return getTiledImplementation(b, offsets, sizes);
}
