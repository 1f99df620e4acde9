//===- LinearLayer.cpp - Linear layers of a graph -------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinearLayer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"

using namespace mlir;
using namespace tern;

/// A layer of tensors of this element type.
static std::optional<LinearLayer> matchLayer(Operation *candidate, Type type) {
  auto hasType = [&](Value value) {
    return isa<RankedTensorType>(value.getType()) &&
           getElementTypeOrSelf(value) == type;
  };
  auto op = dyn_cast<linalg::LinalgOp>(candidate);
  if (!op || op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1 ||
      op->getNumResults() != 1 || op.getNumReductionLoops() != 1 ||
      !linalg::isaContractionOpInterface(op))
    return std::nullopt;
  Value x = op.getDpsInputOperand(0)->get();
  Value weight = op.getDpsInputOperand(1)->get();
  Value init = op.getDpsInitOperand(0)->get();
  if (!hasType(x) || !hasType(weight) || !hasType(init))
    return std::nullopt;
  // Loops [..., K] of the activations against [..., N] of the result.
  AffineMap xMap = op.getMatchingIndexingMap(op.getDpsInputOperand(0));
  AffineMap outMap = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (!xMap.isProjectedPermutation() || !outMap.isProjectedPermutation() ||
      xMap.getNumResults() != outMap.getNumResults() ||
      xMap.getNumResults() == 0 ||
      op.getNumLoops() != outMap.getNumResults() + 1 ||
      xMap.getResults().drop_back() != outMap.getResults().drop_back())
    return std::nullopt;
  unsigned k = xMap.getDimPosition(xMap.getNumResults() - 1);
  unsigned n = outMap.getDimPosition(outMap.getNumResults() - 1);
  if (op.getIteratorTypesArray()[k] != utils::IteratorType::reduction)
    return std::nullopt;
  if (getConstant(Element::get(init)) != 0.0)
    return std::nullopt;
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInputOperand(1));
  return LinearLayer{op, x, Element{weight, map}, MatrixDims{n, k}};
}

std::optional<LinearLayer> LinearLayer::match(Operation *op) {
  return matchLayer(op, Float32Type::get(op->getContext()));
}

std::optional<LinearLayer> LinearLayer::matchInteger(Operation *op) {
  return matchLayer(op, IntegerType::get(op->getContext(), 32));
}

AffineMap LinearLayer::getLoopsOfResult() const {
  auto linalgOp = op;
  MLIRContext *context = linalgOp.getContext();
  AffineMap outMap =
      linalgOp.getMatchingIndexingMap(linalgOp.getDpsInitOperand(0));
  SmallVector<AffineExpr> loops(linalgOp.getNumLoops(),
                                getAffineConstantExpr(0, context));
  for (unsigned i = 0, e = outMap.getNumResults(); i < e; ++i)
    loops[outMap.getDimPosition(i)] = getAffineDimExpr(i, context);
  return AffineMap::get(outMap.getNumResults(), 0, loops, context);
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

namespace {
enum class LatentForm { RowsByColumns, Transposed, SplitColumns };
} // namespace

static std::optional<LatentForm> getLatentForm(const LinearLayer &layer,
                                               Element latent) {
  auto type = dyn_cast<RankedTensorType>(latent.value.getType());
  if (!type || !type.getElementType().isF32())
    return std::nullopt;
  MLIRContext *context = type.getContext();
  AffineExpr n = getAffineDimExpr(*layer.dims.n, context);
  AffineExpr k = getAffineDimExpr(layer.dims.k, context);
  ArrayRef<AffineExpr> indices = latent.map.getResults();
  // Indices of extent 1 are 0 and fit any form.
  auto is = [&](unsigned i, AffineExpr expr) {
    return type.getDimSize(i) == 1 || indices[i] == expr;
  };
  auto linalgOp = layer.op;
  SmallVector<int64_t> ranges = linalgOp.getStaticLoopRanges();
  int64_t rows = ranges[*layer.dims.n], columns = ranges[layer.dims.k];
  if (type.getRank() == 2) {
    if (is(0, n) && is(1, k) && type.getDimSize(0) == rows)
      return LatentForm::RowsByColumns;
    if (is(0, k) && is(1, n) && type.getDimSize(1) == rows)
      return LatentForm::Transposed;
  }
  if (type.getRank() >= 3 && is(0, n) && type.getDimSize(0) == rows &&
      !ShapedType::isDynamic(columns)) {
    ArrayRef<int64_t> extents = type.getShape().drop_front();
    if (llvm::is_contained(extents, ShapedType::kDynamic) ||
        ShapedType::getNumElements(extents) != columns)
      return std::nullopt;
    AffineMap split = splitColumns(
        AffineMap::get(latent.getNumDims(), 0, {n, k}, context), type);
    for (int64_t i = 1; split && i < type.getRank(); ++i)
      if (!is(i, split.getResult(i)))
        return std::nullopt;
    if (split)
      return LatentForm::SplitColumns;
  }
  return std::nullopt;
}

bool tern::isLatentMatrix(const LinearLayer &layer, Element latent) {
  return getLatentForm(layer, latent).has_value();
}

static Value buildLatentMatrix(OpBuilder &builder, Location loc,
                               const LinearLayer &layer, Element latent) {
  Value tensor = latent.value;
  auto type = cast<RankedTensorType>(tensor.getType());
  switch (*getLatentForm(layer, latent)) {
  case LatentForm::RowsByColumns:
    return tensor;
  case LatentForm::Transposed: {
    SmallVector<OpFoldResult> sizes =
        tensor::getMixedSizes(builder, loc, tensor);
    std::swap(sizes[0], sizes[1]);
    Value empty =
        tensor::EmptyOp::create(builder, loc, sizes, type.getElementType());
    return linalg::TransposeOp::create(builder, loc, tensor, empty,
                                       ArrayRef<int64_t>{1, 0})
        ->getResult(0);
  }
  case LatentForm::SplitColumns:
    return tensor::CollapseShapeOp::create(
        builder, loc, tensor,
        ArrayRef<ReassociationIndices>{
            {0}, llvm::to_vector<2>(llvm::seq<int64_t>(1, type.getRank()))});
  }
  llvm_unreachable("all forms are handled");
}

/// The operand of an operation that only moves elements, a window's several
/// times: a reshape, a transpose, a copy to other positions.
static Value getMoved(Operation *op) {
  if (isa_and_nonnull<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op))
    return op->getOperand(0);
  auto linalgOp = dyn_cast_or_null<linalg::LinalgOp>(op);
  if (!linalgOp || linalgOp.getNumDpsInputs() != 1 ||
      linalgOp.getNumDpsInits() != 1 ||
      linalgOp.getNumLoops() != linalgOp.getNumParallelLoops() ||
      linalgOp.getBlock()->getTerminator()->getOperand(0) !=
          linalgOp.getBlock()->getArgument(0))
    return nullptr;
  return linalgOp.getDpsInputOperand(0)->get();
}

std::optional<Convolution> tern::getConvolution(Value x, Element weight) {
  auto type = cast<RankedTensorType>(getSource(weight).value.getType());
  if (type.getRank() < 3)
    return std::nullopt;
  bool isPoint = llvm::all_of(type.getShape().drop_front(2),
                              [](int64_t extent) { return extent == 1; });
  // Rows are windows of [N, C, spatial...], padded perhaps.
  while (Value moved = getMoved(x.getDefiningOp())) {
    auto mover = x.getDefiningOp<linalg::LinalgOp>();
    auto movedType = cast<RankedTensorType>(moved.getType());
    x = moved;
    if (!mover || movedType.getRank() != type.getRank() ||
        movedType.getDimSize(1) != type.getDimSize(1) ||
        mover.getIndexingMapsArray()[0].isProjectedPermutation() != isPoint)
      continue;
    auto pad = moved.getDefiningOp<tensor::PadOp>();
    return Convolution{moved, pad ? pad.getSource() : moved};
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Reshapes
//===----------------------------------------------------------------------===//

Value tern::getReshaped(Operation *op) {
  SmallVector<ReassociationIndices> groups;
  if (auto collapse = dyn_cast_or_null<tensor::CollapseShapeOp>(op))
    groups = collapse.getReassociationIndices();
  else if (auto expand = dyn_cast_or_null<tensor::ExpandShapeOp>(op))
    groups = expand.getReassociationIndices();
  if (groups.size() < 2 || groups.back().size() != 1)
    return nullptr;
  return op->getOperand(0);
}

Value tern::skipReshapes(Value tensor) {
  while (Value operand = getReshaped(tensor.getDefiningOp()))
    tensor = operand;
  return tensor;
}

Value tern::repeatReshapes(OpBuilder &builder, Value tensor,
                           Value replacement) {
  Value operand = getReshaped(tensor.getDefiningOp());
  if (!operand)
    return replacement;
  IRMapping mapping;
  mapping.map(operand, repeatReshapes(builder, operand, replacement));
  return builder.clone(*tensor.getDefiningOp(), mapping)->getResult(0);
}

//===----------------------------------------------------------------------===//
// Bias
//===----------------------------------------------------------------------===//

namespace {
/// The addition of a bias vector to a layer's result, perhaps reshaped.
struct BiasAddition {
  Value sum;
  /// The summand that is the layer's result, after reshapes.
  Value product;
  Value bias;
};
} // namespace

static std::optional<BiasAddition> findBias(Value result) {
  Value product = result;
  while (product.hasOneUse() && getReshaped(*product.user_begin()))
    product = (*product.user_begin())->getResult(0);
  if (!product.hasOneUse())
    return std::nullopt;
  Operation *user = *product.user_begin();
  if (!isa<linalg::LinalgOp>(user) || user->getNumResults() != 1)
    return std::nullopt;
  Value sum = user->getResult(0);
  if (sum.getType() != product.getType())
    return std::nullopt;
  auto operands = matchBinary<arith::AddFOp>(Element::get(sum));
  // The sum must be this operation's own, not one that it forwards.
  if (!operands || getComputation(Element::get(sum))->getParentOp() != user)
    return std::nullopt;
  auto type = cast<RankedTensorType>(sum.getType());
  int64_t n = type.getShape().back();
  for (auto [left, right] :
       {*operands, std::pair(operands->second, operands->first)}) {
    if (left != Element::get(product))
      continue;
    for (Element bias : {right, getSource(right)}) {
      auto biasType = dyn_cast<RankedTensorType>(bias.value.getType());
      if (biasType && biasType.getRank() == 1 && biasType.getDimSize(0) == n &&
          biasType.getElementType().isF32() &&
          (n == 1 ||
           bias.map.getResult(0) ==
               getAffineDimExpr(type.getRank() - 1, sum.getContext())))
        return BiasAddition{sum, product, bias.value};
    }
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Rewriting
//===----------------------------------------------------------------------===//

/// The magnitudes of scales, 0-d or [N].
static Value buildAlpha(OpBuilder &builder, Location loc, Value scales) {
  auto type = cast<RankedTensorType>(scales.getType());
  if (type.getNumElements() == 1 && type.getRank() > 0)
    scales = tensor::CollapseShapeOp::create(
        builder, loc, type.clone({}), scales, ArrayRef<ReassociationIndices>());
  type = cast<RankedTensorType>(scales.getType());
  Value init = tensor::EmptyOp::create(builder, loc, type.getShape(),
                                       type.getElementType());
  AffineMap map = builder.getMultiDimIdentityMap(type.getRank());
  return buildElementwise(
      builder, loc, scales, map, init,
      [](OpBuilder &b, Location at, ValueRange args) {
        return math::AbsFOp::create(b, at, args[0]).getResult();
      });
}

BitLinearOp tern::replaceByBitLinear(OpBuilder &builder,
                                     const LinearLayer &layer, Value result,
                                     const BitLinearParts &parts) {
  Location loc = layer.op->getLoc();
  std::optional<BiasAddition> addition = findBias(result);
  // Everything that the layer needs is defined before the last operation it
  // takes the place of.
  Operation *last = (addition ? addition->sum : result).getDefiningOp();
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(last);
  Value weight = buildLatentMatrix(builder, loc, layer, parts.latent);
  Value alpha;
  if (parts.alpha)
    alpha = arith::ConstantOp::create(
        builder, loc,
        DenseElementsAttr::get(RankedTensorType::get({}, builder.getF32Type()),
                               static_cast<float>(*parts.alpha)));
  if (parts.alphaTensor)
    alpha = buildAlpha(builder, loc, parts.alphaTensor);
  auto bitlinear = BitLinearOp::create(builder, loc, parts.x, weight,
                                       addition ? addition->bias : Value(),
                                       alpha, parts.weights, parts.activations);
  // Either type may know an extent that the other leaves open.
  Value product = bitlinear.getResult();
  if (product.getType() != result.getType())
    product = tensor::CastOp::create(builder, loc, result.getType(), product);
  if (addition)
    addition->sum.replaceAllUsesWith(
        repeatReshapes(builder, addition->product, product));
  else
    result.replaceAllUsesWith(product);
  return bitlinear;
}
