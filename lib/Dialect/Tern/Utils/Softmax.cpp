//===- Softmax.cpp - Exponentials over their sum --------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/Utils/Softmax.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "tern/Dialect/Tern/IR/LinalgFold.h"

using namespace mlir;
using namespace tern;

/// Axis `axis` of a reshaped tensor in the other shape; none if others are
/// folded with it.
static std::optional<unsigned> traceAxis(ArrayRef<ReassociationIndices> groups,
                                         unsigned axis, bool isExpanded,
                                         RankedTensorType expanded) {
  for (auto [i, group] : llvm::enumerate(groups)) {
    if (isExpanded ? !llvm::is_contained(group, axis) : i != axis)
      continue;
    SmallVector<unsigned> kept;
    for (int64_t dim : group)
      if (expanded.getDimSize(dim) != 1)
        kept.push_back(dim);
    if (kept.empty())
      kept.push_back(group.back());
    if (kept.size() != 1 || (isExpanded && kept[0] != axis))
      return std::nullopt;
    return isExpanded ? static_cast<unsigned>(i) : kept[0];
  }
  return std::nullopt;
}

/// What a view shows; `axis` becomes the axis there.
static Value getViewed(Value value, std::optional<unsigned> &axis) {
  Operation *op = value.getDefiningOp();
  if (auto cast = dyn_cast_if_present<tensor::CastOp>(op))
    return cast.getSource();
  auto reshape = [&](auto view, bool isExpanded) -> Value {
    RankedTensorType expanded =
        isExpanded ? view.getResultType() : view.getSrcType();
    axis =
        traceAxis(view.getReassociationIndices(), *axis, isExpanded, expanded);
    return axis ? view.getSrc() : Value();
  };
  if (auto expand = dyn_cast_if_present<tensor::ExpandShapeOp>(op))
    return reshape(expand, true);
  if (auto collapse = dyn_cast_if_present<tensor::CollapseShapeOp>(op))
    return reshape(collapse, false);
  return nullptr;
}

/// Whether `sums`, read the same for all of an axis, is the sum of `terms`.
static bool isSumOf(Value sums, Value terms, unsigned axis) {
  // Views of it, and its reciprocal.
  while (Operation *op = sums.getDefiningOp()) {
    auto elementwise = dyn_cast<linalg::LinalgOp>(op);
    if (!isa<tensor::CastOp, tensor::ExpandShapeOp, tensor::CollapseShapeOp>(
            op) &&
        !(elementwise && elementwise.getNumReductionLoops() == 0 &&
          elementwise.getNumDpsInputs() == 1))
      break;
    sums = op->getOperand(0);
  }
  auto op = sums.getDefiningOp<linalg::LinalgOp>();
  if (!op || op.getNumDpsInits() != 1)
    return false;
  std::optional<LinalgFold> fold = matchFold(op, 0);
  if (!fold || !isa<arith::AddFOp>(fold->op))
    return false;
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  llvm::SetVector<Value> used = getBodySlice(op, fold->term);
  return llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *operand) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    return operand->get() == terms &&
           used.contains(op.getMatchingBlockArgument(operand)) &&
           axis < map.getNumResults() &&
           llvm::any_of(
               reductions,
               [&](unsigned dim) {
                 return map.getResult(axis) ==
                        getAffineDimExpr(dim, op.getContext());
               });
  });
}

static bool isExponential(Value tensor) {
  auto op = tensor.getDefiningOp<linalg::LinalgOp>();
  return op && op.getNumReductionLoops() == 0 && op.getNumDpsInits() == 1 &&
         getYielded(op, 0).getDefiningOp<math::ExpOp>();
}

namespace {
/// A tensor on the way to a softmax, in which `loop` walks along the axis.
struct Body {
  linalg::LinalgOp op;
  AffineExpr loop;

  /// The axis of an operand that the loop walks along.
  std::optional<unsigned> getAxis(BlockArgument scalar) {
    AffineMap map = op.getMatchingIndexingMap(op.getMatchingOpOperand(scalar));
    for (auto [i, expr] : llvm::enumerate(map.getResults()))
      if (expr == loop)
        return i;
    return std::nullopt;
  }
  /// Whether two operands are exponentials and what their sum is read from.
  bool isQuotient(Value value, Value total) {
    auto exp = dyn_cast<BlockArgument>(value),
         sum = dyn_cast<BlockArgument>(total);
    if (!exp || !sum || exp.getOwner() != op.getBlock() ||
        sum.getOwner() != op.getBlock())
      return false;
    std::optional<unsigned> axis = getAxis(exp);
    if (!axis || getAxis(sum))
      return false;
    Value terms = op.getMatchingOpOperand(exp)->get();
    return isExponential(terms) &&
           isSumOf(op.getMatchingOpOperand(sum)->get(), terms, *axis);
  }
};
} // namespace

bool tern::isSoftmaxAlong(Value tensor, unsigned axis) {
  // What the tensor is made of, of several factors each.
  llvm::SetVector<std::pair<Value, unsigned>> found;
  found.insert({tensor, axis});
  for (size_t next = 0; next < found.size(); ++next) {
    Value value = found[next].first;
    std::optional<unsigned> at = found[next].second;
    while (Value viewed = getViewed(value, at))
      value = viewed;
    if (!at)
      continue;
    if (auto softmax = value.getDefiningOp<linalg::SoftmaxOp>();
        softmax && softmax.getDimension() == *at)
      return true;
    auto op = value.getDefiningOp<linalg::LinalgOp>();
    if (!op || op.getNumReductionLoops() != 0)
      continue;
    unsigned number = cast<OpResult>(value).getResultNumber();
    AffineMap out = op.getMatchingIndexingMap(op.getDpsInitOperand(number));
    if (!out.isPermutation())
      continue;
    Body body = {op, out.getResult(*at)};
    // What casts, masks and factors are applied to.
    llvm::SetVector<Value> scalars;
    scalars.insert(getYielded(op, number));
    for (size_t i = 0; i < scalars.size(); ++i) {
      if (auto scalar = dyn_cast<BlockArgument>(scalars[i])) {
        if (scalar.getOwner() != op.getBlock())
          continue;
        if (std::optional<unsigned> from = body.getAxis(scalar))
          found.insert({op.getMatchingOpOperand(scalar)->get(), *from});
        continue;
      }
      Operation *inner = scalars[i].getDefiningOp();
      if (isa<arith::DivFOp, arith::MulFOp>(inner) &&
          (body.isQuotient(inner->getOperand(0), inner->getOperand(1)) ||
           (isa<arith::MulFOp>(inner) &&
            body.isQuotient(inner->getOperand(1), inner->getOperand(0)))))
        return true;
      if (isa<arith::ExtFOp, arith::TruncFOp, arith::MulFOp>(inner))
        scalars.insert(inner->operand_begin(), inner->operand_end());
      else if (isa<arith::SelectOp>(inner))
        scalars.insert_range(inner->getOperands().drop_front());
    }
  }
  return false;
}
