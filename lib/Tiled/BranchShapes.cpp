//===- BranchShapes.cpp - Extents of results of scf.if --------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Tiled/BranchShapes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/ShapedOpInterfaces.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"

using namespace mlir;
using namespace tern;

namespace {
/// An extent that is known in front of a branch: a size, or dimension `axis` of
/// a tensor or buffer.
struct KnownExtent {
  OpFoldResult size;
  Value tensor;
  int64_t axis = 0;
  bool operator==(const KnownExtent &other) const {
    return size == other.size && tensor == other.tensor && axis == other.axis;
  }
};
} // namespace

/// Dimension `axis` of `value`. Of an argument of a function, that of the first
/// argument that has this extent, so that two branches that ask different
/// arguments agree.
static KnownExtent getDim(Value value, int64_t axis) {
  auto arg = dyn_cast<BlockArgument>(value);
  auto func =
      arg ? dyn_cast<func::FuncOp>(arg.getOwner()->getParentOp()) : nullptr;
  if (!func || !arg.getOwner()->isEntryBlock())
    return {OpFoldResult(), value, axis};
  SymbolicDims dims(func);
  std::optional<unsigned> symbol =
      findSymbol(func, dims, arg.getArgNumber(), axis);
  if (!symbol)
    return {OpFoldResult(), value, axis};
  auto [number, first] = dims.getSource(*symbol);
  return {OpFoldResult(), func.getArgument(number), first};
}

static std::optional<KnownExtent> findExtent(scf::IfOp branch, unsigned result,
                                             int64_t axis);

/// The extent of a value in `branch`, or yielded by it.
static std::optional<KnownExtent> findExtent(scf::IfOp branch, Value value,
                                             int64_t axis) {
  auto isOutside = [&](Value v) {
    return !branch->isAncestor(v.getParentRegion()->getParentOp());
  };
  while (true) {
    auto type = dyn_cast<ShapedType>(value.getType());
    if (!type || !type.hasRank())
      return std::nullopt;
    if (!type.isDynamicDim(axis))
      return KnownExtent{IntegerAttr::get(IndexType::get(value.getContext()),
                                          type.getDimSize(axis)),
                         nullptr};
    Value size;
    if (auto empty = value.getDefiningOp<tensor::EmptyOp>())
      size = empty.getDynamicSize(axis);
    else if (auto alloc = value.getDefiningOp<memref::AllocOp>())
      size = alloc.getDynamicSizes()[type.getDynamicDimIndex(axis)];
    if (size) {
      auto dim = size.getDefiningOp<ShapedDimOpInterface>();
      std::optional<int64_t> of =
          dim ? getConstantIntValue(dim.getDimension()) : std::nullopt;
      if (of) {
        value = dim.getShapedValue();
        axis = *of;
        continue;
      }
      if (isOutside(size))
        return KnownExtent{size, nullptr};
      return std::nullopt;
    }
    OpOperand *source = nullptr;
    if (auto arg = dyn_cast<BlockArgument>(value)) {
      auto loop = dyn_cast<LoopLikeOpInterface>(arg.getOwner()->getParentOp());
      source = loop ? loop.getTiedLoopInit(arg) : nullptr;
    } else if (auto conversion = value.getDefiningOp<tensor::CastOp>()) {
      source = &conversion.getSourceMutable();
    } else if (auto conversion = value.getDefiningOp<memref::CastOp>()) {
      source = &conversion.getSourceMutable();
    } else if (auto inner = value.getDefiningOp<scf::IfOp>()) {
      unsigned number = cast<OpResult>(value).getResultNumber();
      std::optional<KnownExtent> extent = findExtent(inner, number, axis);
      if (!extent && isOutside(value))
        return getDim(value, axis);
      if (!extent)
        return std::nullopt;
      if (extent->tensor) {
        value = extent->tensor;
        axis = extent->axis;
        continue;
      }
      auto size = dyn_cast<Value>(extent->size);
      return !size || isOutside(size) ? extent : std::nullopt;
    } else if (auto loop = value.getDefiningOp<scf::ForallOp>()) {
      source = loop.getTiedOpOperand(cast<OpResult>(value));
    } else if (auto loop = value.getDefiningOp<LoopLikeOpInterface>()) {
      source = loop.getTiedLoopInit(cast<OpResult>(value));
    } else if (auto op = value.getDefiningOp<DestinationStyleOpInterface>()) {
      source = op.getTiedOpOperand(cast<OpResult>(value));
    }
    if (!source && isOutside(value))
      return getDim(value, axis);
    if (!source)
      return std::nullopt;
    value = source->get();
  }
}

static std::optional<KnownExtent> findExtent(scf::IfOp branch, unsigned result,
                                             int64_t axis) {
  if (branch.getElseRegion().empty())
    return std::nullopt;
  std::optional<KnownExtent> first =
      findExtent(branch, branch.thenYield().getOperand(result), axis);
  std::optional<KnownExtent> second =
      findExtent(branch, branch.elseYield().getOperand(result), axis);
  if (!first || !second || !(*first == *second))
    return std::nullopt;
  return first;
}

namespace {
struct IfShapes
    : ReifyRankedShapedTypeOpInterface::ExternalModel<IfShapes, scf::IfOp> {
  FailureOr<OpFoldResult> reifyDimOfResult(Operation *op, OpBuilder &b,
                                           int result, int axis) const {
    std::optional<KnownExtent> extent =
        findExtent(cast<scf::IfOp>(op), result, axis);
    if (!extent)
      return failure();
    if (extent->tensor && isa<MemRefType>(extent->tensor.getType()))
      return OpFoldResult(
          memref::DimOp::create(b, op->getLoc(), extent->tensor, extent->axis)
              .getResult());
    if (extent->tensor)
      return OpFoldResult(
          tensor::DimOp::create(b, op->getLoc(), extent->tensor, extent->axis)
              .getResult());
    return extent->size;
  }

  FailureOr<SmallVector<OpFoldResult>>
  reifyShapeOfResult(Operation *op, OpBuilder &b, int result) const {
    SmallVector<OpFoldResult> shape;
    auto type = dyn_cast<ShapedType>(op->getResult(result).getType());
    if (!type || !type.hasRank())
      return shape;
    for (int64_t axis = 0; axis < type.getRank(); ++axis) {
      FailureOr<OpFoldResult> extent = reifyDimOfResult(op, b, result, axis);
      shape.push_back(succeeded(extent) ? *extent : OpFoldResult());
    }
    return shape;
  }

  LogicalResult reifyResultShapes(Operation *op, OpBuilder &b,
                                  ReifiedRankedShapedTypeDims &shapes) const {
    for (unsigned i = 0; i < op->getNumResults(); ++i)
      shapes.push_back(*reifyShapeOfResult(op, b, i));
    return success();
  }
};
} // namespace

void tern::registerBranchShapes(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, scf::SCFDialect *) {
    scf::IfOp::attachInterface<IfShapes>(*context);
  });
}
