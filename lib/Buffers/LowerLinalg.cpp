//===- LowerLinalg.cpp - Linalg on buffers to loops -----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OrderedReductions.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Linalg/Transforms/Transforms.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "tern/Buffers/Passes.h"

namespace tern {
#define GEN_PASS_DEF_LOWERLINALGPASS
#include "tern/Buffers/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

int tern::scoreInnermost(linalg::LinalgOp op, unsigned dim) {
  int score = 0;
  for (AffineMap map : op.getIndexingMapsArray()) {
    unsigned rank = map.getNumResults();
    AffineExpr expr = getAffineDimExpr(dim, op.getContext());
    bool touched = map.isFunctionOfDim(dim);
    bool contiguous = rank > 0 && map.getResult(rank - 1) == expr &&
                      !map.dropResult(rank - 1).isFunctionOfDim(dim);
    score += !touched || contiguous ? 1 : -3;
  }
  return score;
}

namespace {

/// The loop that should be innermost: the best by score, at equal score a
/// parallel one, at equal kind the innermost as it stands.
unsigned chooseInnermost(linalg::LinalgOp op) {
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  unsigned best = kinds.size() - 1;
  auto rank = [&](unsigned dim) {
    return std::pair(scoreInnermost(op, dim),
                     kinds[dim] == utils::IteratorType::parallel);
  };
  bool reductionSeen = false;
  for (unsigned dim = kinds.size(); dim-- > 0;) {
    bool isReduction = kinds[dim] == utils::IteratorType::reduction;
    // Another reduction moved inside the last one would reorder sums.
    if (isReduction && reductionSeen)
      continue;
    reductionSeen |= isReduction;
    if (rank(dim) > rank(best))
      best = dim;
  }
  return best;
}

struct LowerLinalgPass
    : public tern::impl::LowerLinalgPassBase<LowerLinalgPass> {
  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    IRRewriter rewriter(&getContext());
    for (linalg::LinalgOp op : ops)
      if (failed(lower(rewriter, op)))
        return signalPassFailure();
  }

  LogicalResult lower(IRRewriter &rewriter, linalg::LinalgOp op) {
    if (!op.hasPureBufferSemantics())
      return op.emitError("expected operands in buffers, not tensors");
    rewriter.setInsertionPoint(op);
    FailureOr<bool> isOrdered = lowerOrderedReduction(rewriter, op);
    if (failed(isOrdered))
      return failure();
    if (*isOrdered) {
      rewriter.eraseOp(op);
      return success();
    }
    if (unsigned numLoops = op.getNumLoops(); numLoops > 1) {
      unsigned innermost = chooseInnermost(op);
      if (innermost + 1 != numLoops) {
        FailureOr<linalg::LinalgOp> moved =
            moveInnermost(rewriter, op, innermost);
        if (failed(moved))
          return op.emitError("cannot interchange loops");
        op = *moved;
        rewriter.setInsertionPoint(op);
      }
    }
    bool outermostIsParallel =
        op.getNumLoops() > 0 &&
        op.getIteratorTypesArray().front() == utils::IteratorType::parallel &&
        !op->getParentOfType<scf::ParallelOp>();
    FailureOr<linalg::LinalgLoops> loops =
        linalg::linalgOpToLoops(rewriter, op);
    if (failed(loops))
      return op.emitError("cannot be lowered to loops");
    rewriter.eraseOp(op);
    if (outermostIsParallel)
      makeParallel(rewriter, cast<scf::ForOp>(loops->front()));
    return success();
  }

  FailureOr<linalg::LinalgOp> moveInnermost(IRRewriter &rewriter,
                                            linalg::LinalgOp op, unsigned dim) {
    auto generic = dyn_cast<linalg::GenericOp>(op.getOperation());
    if (!generic) {
      auto made = linalg::generalizeNamedOp(rewriter, op);
      if (failed(made))
        return failure();
      generic = *made;
    }
    SmallVector<unsigned> order;
    for (unsigned i = 0, e = op.getNumLoops(); i < e; ++i)
      if (i != dim)
        order.push_back(i);
    order.push_back(dim);
    auto interchanged = linalg::interchangeGenericOp(rewriter, generic, order);
    if (failed(interchanged))
      return failure();
    return cast<linalg::LinalgOp>(interchanged->getOperation());
  }

  void makeParallel(IRRewriter &rewriter, scf::ForOp loop) {
    rewriter.setInsertionPoint(loop);
    auto parallel =
        scf::ParallelOp::create(rewriter, loop.getLoc(), loop.getLowerBound(),
                                loop.getUpperBound(), loop.getStep());
    rewriter.eraseOp(loop.getBody()->getTerminator());
    rewriter.inlineBlockBefore(loop.getBody(),
                               parallel.getBody()->getTerminator(),
                               parallel.getInductionVars());
    rewriter.eraseOp(loop);
  }
};

} // namespace
