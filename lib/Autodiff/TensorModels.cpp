//===- TensorModels.cpp - Derivatives of tensor operations ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Models.h"
#include "OpModel.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"

using namespace mlir;
using namespace tern;

namespace {
/// The type of the cotangent of a tensor.
static RankedTensorType getCotangentTypeOf(Value tensor) {
  return cast<RankedTensorType>(getCotangentType(tensor.getType()));
}

/// Views: the cotangent is viewed the other way round.
struct ExpandShapeModel : Model<ExpandShapeModel, tensor::ExpandShapeOp> {
  LogicalResult build(tensor::ExpandShapeOp op, Value dy,
                      Reverse &reverse) const {
    reverse.add(op.getSrc(),
                tensor::CollapseShapeOp::create(
                    reverse.getBuilder(), getCotangentTypeOf(op.getSrc()), dy,
                    op.getReassociationIndices()));
    return success();
  }
};

struct CollapseShapeModel : Model<CollapseShapeModel, tensor::CollapseShapeOp> {
  LogicalResult build(tensor::CollapseShapeOp op, Value dy,
                      Reverse &reverse) const {
    ImplicitLocOpBuilder &b = reverse.getBuilder();
    reverse.add(op.getSrc(),
                tensor::ExpandShapeOp::create(
                    b, getCotangentTypeOf(op.getSrc()), dy,
                    op.getReassociationIndices(),
                    tensor::getMixedSizes(b, b.getLoc(), op.getSrc())));
    return success();
  }
};

struct ReshapeModel : UnaryModel<ReshapeModel, tensor::ReshapeOp,
                                 &tensor::ReshapeOp::getSource> {
  LogicalResult build(tensor::ReshapeOp op, Value dy, Reverse &reverse) const {
    ImplicitLocOpBuilder &b = reverse.getBuilder();
    SmallVector<Value> extents;
    for (OpFoldResult size :
         tensor::getMixedSizes(b, b.getLoc(), op.getSource()))
      extents.push_back(getValueOrCreateConstantIndexOp(b, b.getLoc(), size));
    auto shapeType = RankedTensorType::get(
        {static_cast<int64_t>(extents.size())}, b.getIndexType());
    Value shape = tensor::FromElementsOp::create(b, shapeType, extents);
    reverse.add(op.getSource(),
                tensor::ReshapeOp::create(
                    b, getCotangentType(op.getSource().getType()), dy, shape));
    return success();
  }
};

struct CastModel : Model<CastModel, tensor::CastOp> {
  LogicalResult build(tensor::CastOp op, Value dy, Reverse &reverse) const {
    reverse.add(
        op.getSource(),
        tensor::CastOp::create(reverse.getBuilder(),
                               getCotangentType(op.getSource().getType()), dy));
    return success();
  }
};

/// A copy: nothing is left of the destination's elements.
struct MaterializeInDestinationModel
    : UnaryModel<MaterializeInDestinationModel,
                 bufferization::MaterializeInDestinationOp,
                 &bufferization::MaterializeInDestinationOp::getSource> {
  LogicalResult build(bufferization::MaterializeInDestinationOp op, Value dy,
                      Reverse &reverse) const {
    reverse.add(op.getSource(), dy);
    return success();
  }
};

/// Uninitialized memory and extents depend on nothing.
struct EmptyModel : Model<EmptyModel, tensor::EmptyOp> {
  SmallVector<Value> getGradientSources(Operation *, OpResult) const {
    return {};
  }
  LogicalResult build(tensor::EmptyOp, Value, Reverse &) const {
    return success();
  }
};

/// The sum of all elements, as a scalar.
static Value createTotal(ImplicitLocOpBuilder &b, Value tensor) {
  auto type = cast<RankedTensorType>(tensor.getType());
  int64_t rank = type.getRank();
  Type element = type.getElementType();
  Value init = buildFilled(b, b.getLoc(), {}, b.getZeroAttr(element));
  Value sum =
      buildGeneric(b, b.getLoc(), tensor, b.getMultiDimIdentityMap(rank), init,
                   AffineMap::get(rank, 0, b.getContext()),
                   [](ImplicitLocOpBuilder &nested, ValueRange args) -> Value {
                     return arith::AddFOp::create(nested, args[1], args[0]);
                   });
  return tensor::ExtractOp::create(b, sum, ValueRange());
}

struct SplatModel : Model<SplatModel, tensor::SplatOp> {
  LogicalResult build(tensor::SplatOp op, Value dy, Reverse &reverse) const {
    reverse.add(op.getInput(), createTotal(reverse.getBuilder(), dy));
    return success();
  }
};

struct FromElementsModel : Model<FromElementsModel, tensor::FromElementsOp> {
  LogicalResult build(tensor::FromElementsOp op, Value dy,
                      Reverse &reverse) const {
    ImplicitLocOpBuilder &b = reverse.getBuilder();
    ArrayRef<int64_t> shape = op.getType().getShape();
    SmallVector<int64_t> position(shape.size(), 0);
    for (Value element : op.getElements()) {
      if (reverse.isVaried(element)) {
        SmallVector<Value> indices;
        for (int64_t index : position)
          indices.push_back(arith::ConstantIndexOp::create(b, index));
        reverse.add(element, tensor::ExtractOp::create(b, dy, indices));
      }
      // The next one in row-major order.
      for (size_t dim = shape.size(); dim-- > 0;) {
        if (++position[dim] < shape[dim])
          break;
        position[dim] = 0;
      }
    }
    return success();
  }
};

struct ExtractModel : UnaryModel<ExtractModel, tensor::ExtractOp,
                                 &tensor::ExtractOp::getTensor> {
  LogicalResult build(tensor::ExtractOp op, Value dy, Reverse &reverse) const {
    ImplicitLocOpBuilder &b = reverse.getBuilder();
    Value zeros = createZeroLike(b, op.getTensor());
    reverse.add(op.getTensor(),
                tensor::InsertOp::create(b, dy, zeros, op.getIndices()));
    return success();
  }
};

struct InsertModel : Model<InsertModel, tensor::InsertOp> {
  SmallVector<Value> getGradientSources(Operation *op, OpResult) const {
    auto insert = cast<tensor::InsertOp>(op);
    return {insert.getScalar(), insert.getDest()};
  }
  LogicalResult build(tensor::InsertOp op, Value dy, Reverse &reverse) const {
    ImplicitLocOpBuilder &b = reverse.getBuilder();
    if (reverse.isVaried(op.getScalar()))
      reverse.add(op.getScalar(),
                  tensor::ExtractOp::create(b, dy, op.getIndices()));
    if (reverse.isVaried(op.getDest()))
      reverse.add(op.getDest(),
                  tensor::InsertOp::create(b, createZeroLike(b, op.getScalar()),
                                           dy, op.getIndices()));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

/// Adds `part` to a part of the cotangent of `value`. What is there already is
/// updated in place rather than added to a tensor of zeros: the slices of a
/// split meet in one tensor.
static void addToSlice(Reverse &reverse, Value value, Value part,
                       ArrayRef<OpFoldResult> offsets,
                       ArrayRef<OpFoldResult> sizes,
                       ArrayRef<OpFoldResult> strides) {
  if (!reverse.isVaried(value))
    return;
  ImplicitLocOpBuilder &b = reverse.getBuilder();
  Value whole = reverse.getCotangent(value);
  if (whole) {
    Value slice = tensor::ExtractSliceOp::create(
        b, cast<RankedTensorType>(part.getType()), whole, offsets, sizes,
        strides);
    part = createSum(b, slice, part);
  } else {
    whole = createZeroLike(b, value);
  }
  reverse.set(value, tensor::InsertSliceOp::create(b, part, whole, offsets,
                                                   sizes, strides));
}

struct ExtractSliceModel : UnaryModel<ExtractSliceModel, tensor::ExtractSliceOp,
                                      &tensor::ExtractSliceOp::getSource> {
  LogicalResult build(tensor::ExtractSliceOp op, Value dy,
                      Reverse &reverse) const {
    addToSlice(reverse, op.getSource(), dy, op.getMixedOffsets(),
               op.getMixedSizes(), op.getMixedStrides());
    return success();
  }
};

/// Whether nothing of what `insert` overwrites was computed: it fills a part of
/// uninitialized memory that the insertions before it do not touch, as in a
/// concatenation.
static bool fillsEmptyPart(tensor::InsertSliceOp insert) {
  auto slice = cast<OffsetSizeAndStrideOpInterface>(insert.getOperation());
  HyperrectangularSlice part(slice);
  Value dest = insert.getDest();
  while (auto before = dest.getDefiningOp<tensor::InsertSliceOp>()) {
    FailureOr<bool> overlaps = ValueBoundsConstraintSet::areOverlappingSlices(
        insert.getContext(), part,
        HyperrectangularSlice(
            cast<OffsetSizeAndStrideOpInterface>(before.getOperation())));
    if (failed(overlaps) || *overlaps)
      return false;
    dest = before.getDest();
  }
  return dest.getDefiningOp<tensor::EmptyOp>() != nullptr;
}

struct InsertSliceModel : Model<InsertSliceModel, tensor::InsertSliceOp> {
  SmallVector<Value> getGradientSources(Operation *op, OpResult) const {
    auto insert = cast<tensor::InsertSliceOp>(op);
    return {insert.getSource(), insert.getDest()};
  }
  LogicalResult build(tensor::InsertSliceOp op, Value dy,
                      Reverse &reverse) const {
    ImplicitLocOpBuilder &b = reverse.getBuilder();
    if (reverse.isVaried(op.getSource()))
      reverse.add(op.getSource(), tensor::ExtractSliceOp::create(
                                      b, getCotangentTypeOf(op.getSource()), dy,
                                      op.getMixedOffsets(), op.getMixedSizes(),
                                      op.getMixedStrides()));
    if (!reverse.isVaried(op.getDest()))
      return success();
    Value rest = dy;
    if (!fillsEmptyPart(op))
      rest = tensor::InsertSliceOp::create(
          b, createZeroLike(b, op.getSource()), dy, op.getMixedOffsets(),
          op.getMixedSizes(), op.getMixedStrides());
    reverse.add(op.getDest(), rest);
    return success();
  }
};

struct PadModel : Model<PadModel, tensor::PadOp> {
  SmallVector<Value> getGradientSources(Operation *op, OpResult) const {
    auto pad = cast<tensor::PadOp>(op);
    SmallVector<Value> sources = {pad.getSource()};
    Value padding = pad.getConstantPaddingValue();
    if (!padding) // Values that depend on where they stand.
      padding =
          cast<tensor::YieldOp>(pad.getBody()->getTerminator()).getValue();
    sources.push_back(padding);
    return sources;
  }
  LogicalResult build(tensor::PadOp op, Value dy, Reverse &reverse) const {
    ImplicitLocOpBuilder &b = reverse.getBuilder();
    Value padding = op.getConstantPaddingValue();
    if (!padding || reverse.isVaried(padding))
      return op.emitError() << "'" << op->getName()
                            << "' cannot be differentiated: what it pads with "
                               "is not a constant";
    SmallVector<OpFoldResult> strides(op.getSourceType().getRank(),
                                      b.getIndexAttr(1));
    reverse.add(
        op.getSource(),
        tensor::ExtractSliceOp::create(
            b, getCotangentTypeOf(op.getSource()), dy, op.getMixedLowPad(),
            tensor::getMixedSizes(b, b.getLoc(), op.getSource()), strides));
    return success();
  }
};

struct ConcatModel : Model<ConcatModel, tensor::ConcatOp> {
  LogicalResult build(tensor::ConcatOp op, Value dy, Reverse &reverse) const {
    ImplicitLocOpBuilder &b = reverse.getBuilder();
    int64_t rank = op.getRank(), dim = op.getDim();
    SmallVector<OpFoldResult> offsets(rank, b.getIndexAttr(0)),
        strides(rank, b.getIndexAttr(1));
    AffineExpr d0 = b.getAffineDimExpr(0), d1 = b.getAffineDimExpr(1);
    for (Value input : op.getInputs()) {
      SmallVector<OpFoldResult> sizes =
          tensor::getMixedSizes(b, b.getLoc(), input);
      if (reverse.isVaried(input))
        reverse.add(
            input, tensor::ExtractSliceOp::create(b, getCotangentTypeOf(input),
                                                  dy, offsets, sizes, strides));
      offsets[dim] = affine::makeComposedFoldedAffineApply(
          b, b.getLoc(), AffineMap::get(2, 0, d0 + d1),
          {offsets[dim], sizes[dim]});
    }
    return success();
  }
};
} // namespace

void tern::registerTensorModels(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, bufferization::BufferizationDialect *) {
        bufferization::MaterializeInDestinationOp::attachInterface<
            MaterializeInDestinationModel>(*context);
      });
  registry.addExtension(+[](MLIRContext *context, tensor::TensorDialect *) {
    tensor::CastOp::attachInterface<CastModel>(*context);
    tensor::CollapseShapeOp::attachInterface<CollapseShapeModel>(*context);
    tensor::ConcatOp::attachInterface<ConcatModel>(*context);
    tensor::EmptyOp::attachInterface<EmptyModel>(*context);
    tensor::ExpandShapeOp::attachInterface<ExpandShapeModel>(*context);
    tensor::ExtractOp::attachInterface<ExtractModel>(*context);
    tensor::ExtractSliceOp::attachInterface<ExtractSliceModel>(*context);
    tensor::FromElementsOp::attachInterface<FromElementsModel>(*context);
    tensor::InsertOp::attachInterface<InsertModel>(*context);
    tensor::InsertSliceOp::attachInterface<InsertSliceModel>(*context);
    tensor::PadOp::attachInterface<PadModel>(*context);
    tensor::ReshapeOp::attachInterface<ReshapeModel>(*context);
    tensor::SplatOp::attachInterface<SplatModel>(*context);
  });
}
