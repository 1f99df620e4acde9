//===- QuantizeActivationsOp.cpp - tern.quantize_activations --------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// tern.quantize_activations. Its iteration space is the tokens: all axes of x
// but the last, which a token's scale needs whole. One scale for all tokens
// leaves none.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/TypeUtilities.h"
#include "tern/Dialect/Tern/IR/TernOps.h"

using namespace mlir;
using namespace tern;

static int64_t roundUp(int64_t size, int64_t tile) {
  return ShapedType::isDynamic(size) ? size : (size + tile - 1) / tile * tile;
}

/// Whether all of x has one scale, and a zero point.
static bool isWhole(ActivationQuantizerAttr quantizer) {
  return quantizer.getScheme() == ActivationScheme::DynamicU8Tensor;
}

/// How many axes of x are iterated over.
static int64_t getNumLoops(QuantizeActivationsOp op) {
  return op.getZero()
             ? 0
             : cast<RankedTensorType>(op.getX().getType()).getRank() - 1;
}

static OpFoldResult roundUp(OpBuilder &b, Location loc, OpFoldResult size,
                            int64_t tile) {
  AffineExpr s0 = b.getAffineSymbolExpr(0);
  return affine::makeComposedFoldedAffineApply(
      b, loc, AffineMap::get(0, 1, s0.ceilDiv(tile) * tile), {size});
}

void QuantizeActivationsOp::build(OpBuilder &b, OperationState &state, Value x,
                                  ActivationQuantizerAttr quantizer,
                                  int64_t paddedTo) {
  RankedTensorType type = cast<RankedTensorType>(x.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape.back() = roundUp(shape.back(), paddedTo);
  SmallVector<Type> results = {
      RankedTensorType::get(shape, b.getI8Type()),
      RankedTensorType::get(isWhole(quantizer) ? ArrayRef<int64_t>()
                                               : type.getShape().drop_back(),
                            type.getElementType())};
  if (isWhole(quantizer))
    results.push_back(RankedTensorType::get({}, b.getI32Type()));
  build(b, state, results, x, quantizer, paddedTo);
}

LogicalResult QuantizeActivationsOp::verify() {
  RankedTensorType x = cast<RankedTensorType>(getX().getType());
  RankedTensorType q = cast<RankedTensorType>(getQ().getType());
  bool isWhole = ::isWhole(getQuantizer());
  if (isWhole != static_cast<bool>(getZero()))
    return emitOpError("(C3) scheme ")
           << stringifyActivationScheme(getQuantizer().getScheme())
           << (isWhole ? " has a zero point, a third result"
                       : " has no zero point");
  if (isWhole && cast<RankedTensorType>(getZero().getType()).getRank() != 0)
    return emitOpError("(C3) zero has type ")
           << getZero().getType() << ", not tensor<i32>";
  if (x.getRank() < 1)
    return emitOpError("(C1) x must have at least one dimension");
  if (static_cast<int64_t>(getPaddedTo()) < 1)
    return emitOpError("(C1) padded_to must be positive");
  SmallVector<int64_t> padded(x.getShape());
  padded.back() = roundUp(padded.back(), getPaddedTo());
  if (failed(verifyCompatibleShape(q.getShape(), padded)))
    return emitOpError() << "(C1) q has type " << q
                         << ", but x rounded up to multiples of "
                         << getPaddedTo() << " would be "
                         << RankedTensorType::get(padded, q.getElementType());
  if (failed(verifyCompatibleShape(
          cast<RankedTensorType>(getScale().getType()).getShape(),
          isWhole ? ArrayRef<int64_t>() : x.getShape().drop_back())))
    return emitOpError() << "(C2) scale has type " << getScale().getType()
                         << (isWhole ? ", not one element for all of "
                                     : ", not one element per token of ")
                         << x;
  return success();
}

LogicalResult
QuantizeActivationsOp::reifyResultShapes(OpBuilder &b,
                                         ReifiedRankedShapedTypeDims &shapes) {
  SmallVector<OpFoldResult> q = tensor::getMixedSizes(b, getLoc(), getX());
  SmallVector<OpFoldResult> scale(ArrayRef(q).take_front(getNumLoops(*this)));
  q.back() = roundUp(b, getLoc(), q.back(), getPaddedTo());
  shapes.push_back(std::move(q));
  shapes.push_back(std::move(scale));
  if (getZero())
    shapes.emplace_back();
  return success();
}

//===----------------------------------------------------------------------===//
// TilingInterface
//===----------------------------------------------------------------------===//

SmallVector<utils::IteratorType> QuantizeActivationsOp::getLoopIteratorTypes() {
  return SmallVector<utils::IteratorType>(getNumLoops(*this),
                                          utils::IteratorType::parallel);
}

SmallVector<Range> QuantizeActivationsOp::getIterationDomain(OpBuilder &b) {
  SmallVector<Range> ranges;
  for (int64_t dim = 0, e = getNumLoops(*this); dim < e; ++dim)
    ranges.push_back({b.getIndexAttr(0),
                      tensor::getMixedSize(b, getLoc(), getX(), dim),
                      b.getIndexAttr(1)});
  return ranges;
}

SmallVector<int64_t> QuantizeActivationsOp::getStaticLoopRanges() {
  return SmallVector<int64_t>(cast<RankedTensorType>(getX().getType())
                                  .getShape()
                                  .take_front(getNumLoops(*this)));
}

int64_t QuantizeActivationsOp::getStepsAtPoint(const MachineInfo &,
                                               int64_t guess) {
  int64_t k = cast<RankedTensorType>(getX().getType()).getShape().back();
  return ShapedType::isDynamic(k) ? guess : k;
}

/// One token at a time, so that what a token needs in between has a static
/// size; the loop hands them out in larger chunks.
SmallVector<int64_t> QuantizeActivationsOp::getTileSizes(const MachineInfo &,
                                                         int64_t) {
  return SmallVector<int64_t>(getStaticLoopRanges().size(), 1);
}

FailureOr<TilingResult>
QuantizeActivationsOp::getTiledImplementation(OpBuilder &b,
                                              ArrayRef<OpFoldResult> offsets,
                                              ArrayRef<OpFoldResult> sizes) {
  if (getZero())
    return failure();
  SmallVector<OpFoldResult> sliceOffsets(offsets), sliceSizes(sizes);
  sliceOffsets.push_back(b.getIndexAttr(0));
  sliceSizes.push_back(
      tensor::getMixedSize(b, getLoc(), getX(), offsets.size()));
  SmallVector<OpFoldResult> ones(sliceSizes.size(), b.getIndexAttr(1));
  auto slice = tensor::ExtractSliceOp::create(b, getLoc(), getX(), sliceOffsets,
                                              sliceSizes, ones);
  auto tiled = QuantizeActivationsOp::create(b, getLoc(), slice, getQuantizer(),
                                             getPaddedTo());
  return TilingResult{
      {tiled}, SmallVector<Value>(tiled->getResults()), {slice}};
}

LogicalResult QuantizeActivationsOp::getResultTilePosition(
    OpBuilder &b, unsigned resultNumber, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes, SmallVector<OpFoldResult> &resultOffsets,
    SmallVector<OpFoldResult> &resultSizes) {
  if (getZero())
    return failure();
  resultOffsets.assign(offsets.begin(), offsets.end());
  resultSizes.assign(sizes.begin(), sizes.end());
  if (resultNumber == 0) {
    resultOffsets.push_back(b.getIndexAttr(0));
    resultSizes.push_back(roundUp(
        b, getLoc(), tensor::getMixedSize(b, getLoc(), getX(), offsets.size()),
        getPaddedTo()));
  }
  return success();
}

FailureOr<TilingResult> QuantizeActivationsOp::generateResultTileValue(
    OpBuilder &b, unsigned resultNumber, ArrayRef<OpFoldResult> offsets,
    ArrayRef<OpFoldResult> sizes) {
  if (getZero())
    return failure();
  // The codes' last axis is not an iterated one.
  size_t tokens = getNumLoops(*this);
  FailureOr<TilingResult> tiled = getTiledImplementation(
      b, offsets.take_front(tokens), sizes.take_front(tokens));
  if (failed(tiled))
    return failure();
  return TilingResult{tiled->tiledOps,
                      {tiled->tiledValues[resultNumber]},
                      tiled->generatedSlices};
}
