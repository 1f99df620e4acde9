//===- OrderReductions.cpp - State the order of sums ----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "tern/Dialect/Tern/IR/LinalgFold.h"
#include "tern/Dialect/Tern/IR/SumOrder.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/Contraction.h"
#include "tern/Dialect/Tern/Utils/Softmax.h"
#include "tern/Tiled/Passes.h"

namespace tern {
#define GEN_PASS_DEF_TERNORDERREDUCTIONS
#include "tern/Tiled/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {
/// A loop nest as rows: which way they lie, and their loops from the outermost
/// axis in.
struct Rows {
  SumOrder order;
  SmallVector<unsigned> loops;
};
} // namespace

/// The rows of the operand that is reduced.
static Rows getRows(linalg::LinalgOp op, const llvm::SetVector<Value> &used) {
  SmallVector<unsigned> reductions;
  op.getReductionDims(reductions);
  std::optional<AffineMap> best;
  auto count = [&](AffineMap map) {
    return llvm::count_if(llvm::seq(op.getNumLoops()), [&](unsigned dim) {
      return map.isFunctionOfDim(dim);
    });
  };
  auto isReduced = [&](AffineExpr expr) {
    return llvm::any_of(
        reductions, [&](unsigned dim) { return expr.isFunctionOfDim(dim); });
  };
  for (OpOperand *operand : op.getDpsInputOperands()) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    if (used.contains(op.getMatchingBlockArgument(operand)) &&
        llvm::any_of(map.getResults(), isReduced) &&
        (!best || count(map) > count(*best)))
      best = map;
  }
  llvm::SetVector<unsigned> inner;
  AffineExpr last;
  if (best)
    for (AffineExpr expr : best->getResults()) {
      if (!isa<AffineConstantExpr>(expr))
        last = expr;
      for (unsigned dim : reductions)
        if (expr.isFunctionOfDim(dim))
          inner.insert(dim);
    }
  Rows rows;
  for (unsigned dim : reductions)
    if (!inner.contains(dim))
      rows.loops.push_back(dim);
  llvm::append_range(rows.loops, inner);
  bool isRow =
      last ? isReduced(last) : reductions.back() + 1 == op.getNumLoops();
  if (op.getNumParallelLoops() == 0)
    isRow = true;
  rows.order = isRow ? SumOrder::Lanes : SumOrder::Ascending;
  return rows;
}

/// Whether `term` multiplies what windows read with other operands, as
/// convolutions do.
static bool isWindowProduct(linalg::LinalgOp op,
                            const llvm::SetVector<Value> &used) {
  unsigned operands = 0;
  bool hasWindow = false;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    if (!used.contains(op.getMatchingBlockArgument(operand)))
      continue;
    ++operands;
    hasWindow |= !op.getMatchingIndexingMap(operand).isProjectedPermutation(
        /*allowZeroInResults=*/true);
  }
  return hasWindow && operands > 1;
}

/// Whether `tensor` holds the neutral element everywhere.
static bool isNeutral(Value tensor, double neutral) {
  Attribute value;
  if (auto fill = tensor.getDefiningOp<linalg::FillOp>())
    matchPattern(fill.getInputs()[0], m_Constant(&value));
  else if (matchPattern(tensor, m_Constant(&value)))
    value = isa<SplatElementsAttr>(value)
                ? cast<SplatElementsAttr>(value).getSplatValue<Attribute>()
                : nullptr;
  auto number = dyn_cast_or_null<FloatAttr>(value);
  return number && number.getValue().isExactlyValue(neutral);
}

/// Whether a matrix product adds along the axis of a softmax, as attention does
/// to weigh values.
static bool isWeightedSum(linalg::LinalgOp op) {
  std::optional<Contraction> contraction = matchContraction(op);
  if (!contraction || !contraction->reductions.empty())
    return false;
  AffineExpr k = getAffineDimExpr(contraction->k, op.getContext());
  return llvm::any_of(op.getDpsInputOperands(), [&](OpOperand *operand) {
    AffineMap map = op.getMatchingIndexingMap(operand);
    std::optional<unsigned> axis = map.getResultPosition(k);
    return axis && isSoftmaxAlong(operand->get(), *axis);
  });
}

namespace {
class Orderer {
public:
  Orderer(linalg::LinalgOp op) : op(op), rewriter(op->getContext()) {}

  /// Whether result `number` is a sum or product of its own terms.
  bool isOrdered(unsigned number) const {
    std::optional<LinalgFold> fold = matchOrderable(op, number);
    return fold && !isWindowProduct(op, getBodySlice(op, fold->term));
  }

  LogicalResult run();
  /// States the order of a matrix product.
  LogicalResult runOnProduct();

  /// How many reductions were ordered in either way.
  unsigned numLanes = 0, numAscending = 0;

private:
  linalg::GenericOp split(unsigned number);
  void startFromNeutral(linalg::GenericOp generic);

  linalg::LinalgOp op;
  IRRewriter rewriter;
};
} // namespace

/// An operation of result `number` alone.
linalg::GenericOp Orderer::split(unsigned number) {
  Value init = op.getDpsInits()[number];
  SmallVector<AffineMap> maps;
  for (OpOperand *operand : op.getDpsInputOperands())
    maps.push_back(op.getMatchingIndexingMap(operand));
  maps.push_back(op.getMatchingIndexingMap(op.getDpsInitOperand(number)));
  auto single = linalg::GenericOp::create(
      rewriter, op.getLoc(), init.getType(), op.getDpsInputs(), init, maps,
      op.getIteratorTypesArray(),
      [&](OpBuilder &b, Location loc, ValueRange args) {
        IRMapping mapping;
        for (auto [i, operand] : llvm::enumerate(op.getDpsInputOperands()))
          mapping.map(op.getMatchingBlockArgument(operand), args[i]);
        mapping.map(getAccumulator(op, number), args.back());
        Value yielded = getYielded(op, number);
        llvm::SetVector<Value> needed = getBodySlice(op, yielded);
        for (Operation &inner : op.getBlock()->without_terminator())
          if (llvm::any_of(inner.getResults(), [&](Value result) {
                return needed.contains(result);
              }))
            b.clone(inner, mapping);
        linalg::YieldOp::create(b, loc, mapping.lookupOrDefault(yielded));
      });
  single->setDiscardableAttrs(op->getDiscardableAttrDictionary());
  return single;
}

/// What the result started from is added, or multiplied with, afterwards.
void Orderer::startFromNeutral(linalg::GenericOp generic) {
  bool isSum = isa<arith::AddFOp>(getYielded(generic, 0).getDefiningOp());
  Value init = generic.getDpsInits()[0];
  if (isNeutral(init, isSum ? 0 : 1))
    return;
  Location loc = generic.getLoc();
  auto type = cast<RankedTensorType>(init.getType());
  rewriter.setInsertionPoint(generic);
  Value neutral = arith::ConstantOp::create(
      rewriter, loc,
      rewriter.getFloatAttr(type.getElementType(), isSum ? 0 : 1));
  Value empty = tensor::EmptyOp::create(
      rewriter, loc, tensor::getMixedSizes(rewriter, loc, init),
      type.getElementType(), type.getEncoding());
  Value filled =
      linalg::FillOp::create(rewriter, loc, neutral, empty).getResult(0);
  rewriter.modifyOpInPlace(
      generic, [&] { generic.getDpsInitsMutable().assign(filled); });
  rewriter.setInsertionPointAfter(generic);
  AffineMap identity = rewriter.getMultiDimIdentityMap(type.getRank());
  SmallVector<utils::IteratorType> loops(type.getRank(),
                                         utils::IteratorType::parallel);
  auto total = linalg::GenericOp::create(
      rewriter, loc, TypeRange(type), generic.getResult(0), init,
      ArrayRef<AffineMap>{identity, identity}, loops,
      [&](OpBuilder &b, Location at, ValueRange args) {
        Value sum =
            isSum ? arith::AddFOp::create(b, at, args[1], args[0]).getResult()
                  : arith::MulFOp::create(b, at, args[1], args[0]);
        linalg::YieldOp::create(b, at, sum);
      });
  rewriter.replaceAllUsesExcept(generic.getResult(0), total.getResult(0),
                                total);
}

LogicalResult Orderer::runOnProduct() {
  rewriter.setInsertionPoint(op);
  auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
  if (!generic) {
    FailureOr<linalg::GenericOp> made = linalg::generalizeNamedOp(rewriter, op);
    if (failed(made))
      return failure();
    generic = *made;
  }
  Operation *fold = matchOrderable(generic, 0)->op;
  TernDialect::OrderAttrHelper(fold->getContext())
      .setAttr(fold,
               rewriter.getStringAttr(stringifySumOrder(SumOrder::Chunks)));
  startFromNeutral(generic);
  return success();
}

LogicalResult Orderer::run() {
  rewriter.setInsertionPoint(op);
  SmallVector<linalg::GenericOp> generics;
  if (op->getNumResults() > 1) {
    for (unsigned i = 0, e = op->getNumResults(); i < e; ++i)
      generics.push_back(split(i));
    for (auto [old, made] : llvm::zip_equal(op->getResults(), generics))
      rewriter.replaceAllUsesWith(old, made.getResult(0));
    rewriter.eraseOp(op);
  } else if (auto generic = dyn_cast<linalg::GenericOp>(op.getOperation())) {
    generics.push_back(generic);
  } else {
    FailureOr<linalg::GenericOp> made = linalg::generalizeNamedOp(rewriter, op);
    if (failed(made))
      return failure();
    generics.push_back(*made);
  }
  for (linalg::GenericOp generic : generics) {
    if (!Orderer(generic).isOrdered(0))
      continue;
    LinalgFold fold = *matchOrderable(generic, 0);
    Rows rows = getRows(generic, getBodySlice(generic, fold.term));
    TernDialect::OrderAttrHelper(fold.op->getContext())
        .setAttr(fold.op,
                 rewriter.getStringAttr(stringifySumOrder(rows.order)));
    ++(rows.order == SumOrder::Lanes ? numLanes : numAscending);
    if (!llvm::is_sorted(rows.loops)) {
      SmallVector<unsigned> order;
      generic.getParallelDims(order);
      llvm::append_range(order, rows.loops);
      rewriter.setInsertionPoint(generic);
      FailureOr<linalg::GenericOp> made =
          linalg::interchangeGenericOp(rewriter, generic, order);
      if (failed(made))
        return failure();
      generic = *made;
    }
    startFromNeutral(generic);
  }
  return success();
}

namespace {
struct OrderReductionsPass
    : tern::impl::TernOrderReductionsBase<OrderReductionsPass> {
  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> ops, products;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (!op.hasPureTensorSemantics() || op.getNumReductionLoops() == 0)
        return;
      if (!matchContraction(op)) {
        if (isAnyOrdered(op))
          ops.push_back(op);
      } else if (isWeightedSum(op)) {
        products.push_back(op);
      }
    });
    for (linalg::LinalgOp op : products)
      if (failed(Orderer(op).runOnProduct()))
        return signalPassFailure();
    numChunks += products.size();
    for (linalg::LinalgOp op : ops) {
      Orderer orderer(op);
      if (failed(orderer.run()))
        return signalPassFailure();
      numLanes += orderer.numLanes;
      numAscending += orderer.numAscending;
    }
  }

private:
  static bool isAnyOrdered(linalg::LinalgOp op) {
    // Results that read each other's accumulators stay together.
    for (unsigned i = 0, e = op->getNumResults(); i < e; ++i) {
      llvm::SetVector<Value> slice = getBodySlice(op, getYielded(op, i));
      for (unsigned j = 0; j < e; ++j)
        if (i != j && slice.contains(getAccumulator(op, j)))
          return false;
    }
    Orderer orderer(op);
    return llvm::any_of(llvm::seq<unsigned>(op->getNumResults()),
                        [&](unsigned i) { return orderer.isOrdered(i); });
  }
};
} // namespace
