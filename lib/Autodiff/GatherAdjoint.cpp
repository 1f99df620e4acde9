//===- GatherAdjoint.cpp - Adjoints of gathers ----------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgAdjoint.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tern;

/// The element of `read` at the indices of the loops.
static Value createRead(ImplicitLocOpBuilder &b, const LinalgRead &read,
                        ValueRange loops) {
  if (!isa<TensorType>(read.value.getType()))
    return read.value;
  SmallVector<Value> indices;
  for (AffineExpr expr : read.map.getResults()) {
    AffineMap map = AffineMap::get(read.map.getNumDims(), 0, expr);
    indices.push_back(affine::AffineApplyOp::create(b, map, loops).getResult());
  }
  return tensor::ExtractOp::create(b, read.value, indices);
}

LogicalResult tern::buildGatherAdjoint(linalg::LinalgOp op, Value source,
                                       ArrayRef<LinalgRead> reads,
                                       SeedBuilder seed, Reverse &reverse) {
  // Reads one after another and where they stand is all that is understood.
  SmallVector<tensor::ExtractOp> extracts;
  bool isRead = false;
  op->walk([&](Operation *user) {
    if (user == op || !llvm::is_contained(user->getOperands(), source))
      return;
    auto extract = dyn_cast<tensor::ExtractOp>(user);
    if (extract && extract->getBlock() == op.getBlock())
      extracts.push_back(extract);
    else
      isRead |= !isa<tensor::DimOp>(user);
  });
  if (isRead)
    return mlir::emitError(op.getLoc())
           << "'" << op->getName()
           << "' cannot be differentiated: its body reads a tensor otherwise "
              "than by tensor.extract";

  ImplicitLocOpBuilder &b = reverse.getBuilder();
  Type elementType = getElementTypeOrSelf(getCotangentType(source.getType()));
  Type sumType = getSumType(elementType);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(sumType));
  Value sums =
      linalg::FillOp::create(b, zero, createEmptyLike(b, source, sumType))
          .getResult(0);
  Value begin = arith::ConstantIndexOp::create(b, 0);
  Value step = arith::ConstantIndexOp::create(b, 1);
  unsigned numLoops = op.getNumLoops();
  SmallVector<Value> begins(numLoops, begin), steps(numLoops, step), ends;
  for (unsigned loop = 0; loop < numLoops; ++loop)
    ends.push_back(createLoopExtent(b, op, loop));

  bool failedInside = false;
  auto buildBody = [&](OpBuilder &nested, Location loc, ValueRange loops,
                       ValueRange carried) -> scf::ValueVector {
    ImplicitLocOpBuilder inner(loc, nested);
    SmallVector<Value> readScalars;
    for (const LinalgRead &read : reads)
      readScalars.push_back(createRead(inner, read, loops));
    IRMapping mapping;
    for (auto [operand, scalar] : getScalars(op))
      mapping.map(scalar, createRead(inner,
                                     {operand->get(),
                                      op.getMatchingIndexingMap(operand)},
                                     loops));
    Reverse scalars(inner);
    SmallVector<Operation *> clones;
    for (Operation &scalar : op.getBlock()->without_terminator()) {
      if (auto index = dyn_cast<linalg::IndexOp>(scalar)) {
        mapping.map(index.getResult(), loops[index.getDim()]);
        continue;
      }
      clones.push_back(inner.clone(scalar, mapping));
    }
    for (tensor::ExtractOp extract : extracts)
      scalars.setVaried(mapping.lookup(extract.getResult()));
    scalars.findVaried(*inner.getInsertionBlock());
    auto getIndex = [&](unsigned loop) { return loops[loop]; };
    seed(LinalgBody{inner, mapping, readScalars, getIndex}, scalars);
    // The reads themselves end here.
    SmallVector<Operation *> passed;
    SmallVector<tensor::ExtractOp> ends;
    for (Operation *clone : clones) {
      auto extract = dyn_cast<tensor::ExtractOp>(clone);
      if (extract && extract.getTensor() == source)
        ends.push_back(extract);
      else
        passed.push_back(clone);
    }
    failedInside |= failed(scalars.passBackwards(passed));
    Value result = carried[0];
    for (tensor::ExtractOp extract : ends) {
      Value part = scalars.getCotangent(extract.getResult());
      if (!part)
        continue;
      Value sum =
          tensor::ExtractOp::create(inner, result, extract.getIndices());
      sum = arith::AddFOp::create(inner, sum, widen(inner, part, sumType));
      result =
          tensor::InsertOp::create(inner, sum, result, extract.getIndices());
    }
    return {result};
  };
  scf::LoopNest nest =
      scf::buildLoopNest(b, b.getLoc(), begins, ends, steps, sums, buildBody);
  if (failedInside)
    return failure();
  Value result = createWithExtents(b, nest.results[0], source);
  if (sumType != elementType)
    result = createFloatCast(b, result, elementType);
  reverse.add(source, result);
  return success();
}
