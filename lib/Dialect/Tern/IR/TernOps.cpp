//===- TernOps.cpp - Operations of the tern dialect -----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/IR/TernOps.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

using namespace mlir;
using namespace tern;

#include "tern/Dialect/Tern/IR/TernTileOpInterface.cpp.inc"

#define GET_OP_CLASSES
#include "tern/Dialect/Tern/IR/TernOps.cpp.inc"

void TernDialect::registerOps() {
  addOperations<
#define GET_OP_LIST
#include "tern/Dialect/Tern/IR/TernOps.cpp.inc"
      >();
}

/// Extents that may be equal: the same, or one of them dynamic.
static bool compatible(int64_t a, int64_t b) {
  return ShapedType::isDynamic(a) || ShapedType::isDynamic(b) || a == b;
}

static RankedTensorType getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

/// Extent `dim` of `value`: an attribute if static.
static OpFoldResult extent(OpBuilder &b, Location loc, Value value,
                           int64_t dim) {
  return tensor::getMixedSize(b, loc, value, dim);
}

/// ceil(size / tile), folded where possible.
static OpFoldResult countTiles(OpBuilder &b, Location loc, OpFoldResult size,
                               int64_t tile) {
  AffineExpr s0 = b.getAffineSymbolExpr(0);
  return affine::makeComposedFoldedAffineApply(
      b, loc, AffineMap::get(0, 1, s0.ceilDiv(tile)), {size});
}

/// The learned scale is there exactly when the quantizer wants one, and has
/// the shape of the scales of `weight`.
static LogicalResult verifyAlpha(Operation *op, StringRef constraint,
                                 WeightQuantizerAttr quantizer, Value weight,
                                 Value alpha) {
  bool learned = quantizer.getStatistic() == Statistic::Learned;
  if (learned != static_cast<bool>(alpha))
    return op->emitOpError()
           << "(" << constraint << ") "
           << (learned ? "a learned scale needs the operand alpha"
                       : "alpha is for statistic = learned");
  if (!alpha)
    return success();
  ArrayRef<int64_t> w = getTensorType(weight).getShape();
  SmallVector<int64_t> expected = quantizer.getScaleShape(w[0], w[1]);
  if (failed(verifyCompatibleShape(getTensorType(alpha).getShape(), expected)))
    return op->emitOpError()
           << "(" << constraint << ") alpha has type " << alpha.getType()
           << ", not the shape of the scales";
  return success();
}

//===----------------------------------------------------------------------===//
// bitlinear
//===----------------------------------------------------------------------===//

LogicalResult BitLinearOp::inferReturnTypes(MLIRContext *,
                                            std::optional<Location>,
                                            ValueRange operands, DictionaryAttr,
                                            OpaqueProperties, RegionRange,
                                            SmallVectorImpl<Type> &inferred) {
  auto x = dyn_cast<RankedTensorType>(operands[0].getType());
  auto weight = dyn_cast<RankedTensorType>(operands[1].getType());
  if (!x || !weight || x.getRank() < 1 || weight.getRank() != 2)
    return failure();
  SmallVector<int64_t> shape(x.getShape());
  shape.back() = weight.getDimSize(0);
  inferred.push_back(RankedTensorType::get(shape, x.getElementType()));
  return success();
}

LogicalResult BitLinearOp::verify() {
  RankedTensorType x = getTensorType(getX());
  RankedTensorType weight = getTensorType(getWeight());
  if (x.getRank() < 1)
    return emitOpError("(C1) x must have at least one dimension");
  if (!compatible(x.getShape().back(), weight.getDimSize(1)))
    return emitOpError() << "(C1) the last extent of x is "
                         << x.getShape().back()
                         << ", but w has K = " << weight.getDimSize(1);
  if (getBias() &&
      !compatible(getTensorType(getBias()).getDimSize(0), weight.getDimSize(0)))
    return emitOpError() << "(C2) bias has "
                         << getTensorType(getBias()).getDimSize(0)
                         << " elements, but w has N = " << weight.getDimSize(0);
  if (getActivations() &&
      getActivations()->getScheme() == ActivationScheme::DynamicU8Tensor &&
      getWeights().getGranularity() == Granularity::Group)
    return emitOpError("(C4) activations with a zero point need weights whose "
                       "scales are not in groups");
  return verifyAlpha(*this, "C3", getWeights(), getWeight(), getAlpha());
}

LogicalResult
BitLinearOp::reifyResultShapes(OpBuilder &b,
                               ReifiedRankedShapedTypeDims &shapes) {
  SmallVector<OpFoldResult> shape = tensor::getMixedSizes(b, getLoc(), getX());
  shape.back() = extent(b, getLoc(), getWeight(), 0);
  shapes.push_back(std::move(shape));
  return success();
}

//===----------------------------------------------------------------------===//
// quantize_weights
//===----------------------------------------------------------------------===//

LogicalResult QuantizeWeightsOp::inferReturnTypes(
    MLIRContext *context, std::optional<Location>, ValueRange operands,
    DictionaryAttr, OpaqueProperties properties, RegionRange,
    SmallVectorImpl<Type> &inferred) {
  auto weight = dyn_cast<RankedTensorType>(operands[0].getType());
  auto quantizer = properties.as<Properties *>()->getQuantizer();
  if (!weight || weight.getRank() != 2 || !quantizer)
    return failure();
  inferred.push_back(weight.clone(IntegerType::get(context, 8)));
  inferred.push_back(RankedTensorType::get(
      quantizer.getScaleShape(weight.getDimSize(0), weight.getDimSize(1)),
      weight.getElementType()));
  return success();
}

LogicalResult QuantizeWeightsOp::verify() {
  return verifyAlpha(*this, "C1", getQuantizer(), getWeight(), getAlpha());
}

LogicalResult
QuantizeWeightsOp::reifyResultShapes(OpBuilder &b,
                                     ReifiedRankedShapedTypeDims &shapes) {
  OpFoldResult n = extent(b, getLoc(), getWeight(), 0);
  OpFoldResult k = extent(b, getLoc(), getWeight(), 1);
  shapes.push_back({n, k});
  switch (getQuantizer().getGranularity()) {
  case Granularity::Tensor:
    shapes.push_back({});
    break;
  case Granularity::Row:
    shapes.push_back({n});
    break;
  case Granularity::Group:
    shapes.push_back(
        {n, countTiles(b, getLoc(), k, getQuantizer().getGroupSize())});
    break;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// straight_through
//===----------------------------------------------------------------------===//

OpFoldResult StraightThroughOp::fold(FoldAdaptor adaptor) {
  // Only with a constant lambda: without one the op still carries the
  // gradient, which is not a fold's to drop.
  if (auto lambda = dyn_cast_or_null<DenseFPElementsAttr>(adaptor.getLambda()))
    if (lambda.isSplat() && lambda.getSplatValue<APFloat>().isZero())
      return getX();
  if (getX() == getQuantized())
    return getX();
  return {};
}

/// A surrogate of a surrogate: the outer derivative counts.
OpFoldResult SurrogateOp::fold(FoldAdaptor) {
  auto inner = getValue().getDefiningOp<SurrogateOp>();
  if (!inner)
    return nullptr;
  getValueMutable().assign(inner.getValue());
  return getResult();
}

LogicalResult
StraightThroughOp::reifyResultShapes(OpBuilder &b,
                                     ReifiedRankedShapedTypeDims &shapes) {
  shapes.push_back(tensor::getMixedSizes(b, getLoc(), getX()));
  return success();
}

//===----------------------------------------------------------------------===//
// in_training, update_parameter, keep_mask
//===----------------------------------------------------------------------===//

OpFoldResult InTrainingOp::fold(FoldAdaptor) {
  return getTraining() == getOtherwise() ? getTraining() : Value();
}

LogicalResult
InTrainingOp::reifyResultShapes(OpBuilder &b,
                                ReifiedRankedShapedTypeDims &shapes) {
  shapes.push_back(tensor::getMixedSizes(b, getLoc(), getOtherwise()));
  return success();
}

LogicalResult UpdateParameterOp::verify() {
  auto argument = dyn_cast<BlockArgument>(getParameter());
  auto function =
      argument
          ? dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp())
          : FunctionOpInterface();
  if (!function ||
      !function.getArgAttr(argument.getArgNumber(), kParamAttrName))
    return emitOpError("(C1) the parameter is no argument with 'tern.param'");
  return success();
}

/// There is an extent for each that the result's type leaves open.
static LogicalResult verifyExtents(Operation *op, ValueRange extents,
                                   RankedTensorType result) {
  if (extents.size() == static_cast<size_t>(result.getNumDynamicDims()))
    return success();
  return op->emitOpError() << "(C1) has " << extents.size()
                           << " extents, but the result has "
                           << result.getNumDynamicDims() << " dynamic ones";
}

LogicalResult KeepMaskOp::verify() {
  RankedTensorType type = getTensorType(getResult());
  if (failed(verifyExtents(*this, getExtents(), type)))
    return failure();
  double ratio = getRatio().convertToDouble();
  if (!(ratio >= 0 && ratio < 1))
    return emitOpError("(C2) the ratio must be at least 0 and less than 1");
  return success();
}

LogicalResult KeepMaskOp::reifyResultShapes(OpBuilder &b,
                                            ReifiedRankedShapedTypeDims &dims) {
  dims.push_back(
      getMixedValues(getTensorType(getResult()).getShape(), getExtents(), b));
  return success();
}

//===----------------------------------------------------------------------===//
// pack, unpack
//===----------------------------------------------------------------------===//

LogicalResult PackOp::inferReturnTypes(MLIRContext *, std::optional<Location>,
                                       ValueRange operands, DictionaryAttr,
                                       OpaqueProperties properties, RegionRange,
                                       SmallVectorImpl<Type> &inferred) {
  auto codes = dyn_cast<RankedTensorType>(operands[0].getType());
  auto layout = dyn_cast_or_null<LayoutAttrInterface>(
      properties.as<Properties *>()->layout);
  if (!codes || codes.getRank() != 2 || !layout)
    return failure();
  inferred.push_back(RankedTensorType::get(
      layout.getPackedShape(codes.getDimSize(0), codes.getDimSize(1)),
      codes.getElementType()));
  return success();
}

LogicalResult PackOp::reifyResultShapes(OpBuilder &b,
                                        ReifiedRankedShapedTypeDims &shapes) {
  LayoutAttrInterface layout = getLayout();
  OpFoldResult n = extent(b, getLoc(), getCodes(), 0);
  OpFoldResult k = extent(b, getLoc(), getCodes(), 1);
  shapes.push_back(layout.getPackedSizes(b, getLoc(), n, k));
  return success();
}

LogicalResult UnpackOp::verify() {
  RankedTensorType codes = getTensorType(getCodes());
  if (failed(verifyExtents(*this, getExtents(), codes)))
    return failure();
  SmallVector<int64_t> expected =
      getLayout().getPackedShape(codes.getDimSize(0), codes.getDimSize(1));
  if (failed(verifyCompatibleShape(getTensorType(getPacked()).getShape(),
                                   expected)))
    return emitOpError() << "(C2) the packed type is " << getPacked().getType()
                         << ", but " << codes << " packs to "
                         << RankedTensorType::get(expected,
                                                  codes.getElementType());
  return success();
}

OpFoldResult UnpackOp::fold(FoldAdaptor) {
  auto pack = getPacked().getDefiningOp<PackOp>();
  if (pack && pack.getLayout() == getLayout() &&
      pack.getCodes().getType() == getType() &&
      cast<RankedTensorType>(getType()).hasStaticShape())
    return pack.getCodes();
  return {};
}

LogicalResult UnpackOp::reifyResultShapes(OpBuilder &b,
                                          ReifiedRankedShapedTypeDims &shapes) {
  shapes.push_back(
      getMixedValues(getTensorType(getCodes()).getShape(), getExtents(), b));
  return success();
}
