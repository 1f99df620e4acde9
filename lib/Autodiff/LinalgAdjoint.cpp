//===- LinalgAdjoint.cpp - Adjoints of structured operations --------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgAdjoint.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/RegionUtils.h"
#include "tern/Autodiff/DifferentiableOpInterface.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"

using namespace mlir;
using namespace tern;

//===----------------------------------------------------------------------===//
// The primal
//===----------------------------------------------------------------------===//

SmallVector<std::pair<OpOperand *, BlockArgument>>
tern::getScalars(linalg::LinalgOp op) {
  SmallVector<std::pair<OpOperand *, BlockArgument>> pairs;
  for (auto [operand, scalar] : llvm::zip_equal(
           op.getOpOperandsMatchingBBargs(), op.getBlock()->getArguments()))
    pairs.push_back({operand, scalar});
  return pairs;
}

/// Whether `value` is `init` plus something that does not depend on it.
static bool isSumOf(linalg::LinalgOp op, Value value, Value init) {
  if (value == init)
    return true;
  Operation *add = value.getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp, arith::AddIOp>(add))
    return false;
  Value lhs = add->getOperand(0), rhs = add->getOperand(1);
  for (auto [sum, term] : {std::pair(lhs, rhs), std::pair(rhs, lhs)})
    if (!getBodySlice(op, term).contains(init) && isSumOf(op, sum, init))
      return true;
  return false;
}

ResultKind tern::classifyResult(linalg::LinalgOp op, unsigned result) {
  if (op.getNumReductionLoops() == 0)
    return ResultKind::Elementwise;
  Value yielded = getYielded(op, result);
  llvm::SetVector<Value> slice = getBodySlice(op, yielded);
  bool readsInit = false, readsOther = false;
  for (unsigned i = 0; i < op->getNumResults(); ++i)
    if (Value init = getAccumulator(op, i); init && slice.contains(init))
      (i == result ? readsInit : readsOther) = true;
  if (readsInit && !readsOther &&
      isSumOf(op, yielded, getAccumulator(op, result)))
    return ResultKind::Sum;
  return ResultKind::Other;
}

/// What the body reads beside operands.
static SmallVector<Value> getCaptures(linalg::LinalgOp op) {
  llvm::SetVector<Value> captures;
  getUsedValuesDefinedAbove(op->getRegions(), captures);
  return captures.takeVector();
}

SmallVector<Value> tern::getLinalgSources(linalg::LinalgOp op,
                                          unsigned result) {
  // A shift that cancels, such as the maximum in a softmax.
  if (TernDialect::DetachedAttrHelper(op->getContext()).isAttrPresent(op))
    return {};
  llvm::SetVector<Value> slice =
      getBodySlice(op, getYielded(op, result), getGradientSources);
  SmallVector<Value> sources;
  for (auto [operand, scalar] : getScalars(op))
    if (slice.contains(scalar))
      sources.push_back(operand->get());
  for (Value value : slice)
    if (value.getParentBlock() != op.getBlock())
      sources.push_back(value);
  return sources;
}

/// The sources of `op` that vary, each value and map once.
static SmallVector<LinalgSource> getVariedSources(linalg::LinalgOp op,
                                                  Reverse &reverse) {
  SmallVector<LinalgSource> sources;
  for (auto [operand, scalar] : getScalars(op)) {
    if (!reverse.isVaried(operand->get()))
      continue;
    // An initial value that reductions start from is not an operand.
    if (op.isDpsInit(operand) && op.getNumReductionLoops() > 0)
      continue;
    Value value = operand->get();
    AffineMap map = op.getMatchingIndexingMap(operand);
    auto known = llvm::find_if(sources, [&](const LinalgSource &source) {
      return source.value == value && source.map == map;
    });
    if (known != sources.end())
      known->scalars.push_back(scalar);
    else
      sources.push_back({value, map, {scalar}});
  }
  for (Value value : getCaptures(op))
    if (reverse.isVaried(value) && !isa<TensorType>(value.getType()))
      sources.push_back({value,
                         AffineMap::get(op.getNumLoops(), 0, op->getContext()),
                         {value}});
  return sources;
}

Value tern::createLoopExtent(ImplicitLocOpBuilder &b, linalg::LinalgOp op,
                             unsigned loop) {
  for (OpOperand &operand : op->getOpOperands())
    for (auto [dim, expr] :
         llvm::enumerate(op.getMatchingIndexingMap(&operand).getResults()))
      if (expr == b.getAffineDimExpr(loop))
        return getValueOrCreateConstantIndexOp(
            b, b.getLoc(),
            tensor::getMixedSize(b, b.getLoc(), operand.get(), dim));
  llvm_unreachable("verified: each loop has its extent from an operand");
}

//===----------------------------------------------------------------------===//
// The adjoint for one source
//===----------------------------------------------------------------------===//

/// The loops that are by themselves a result of the map, in this order, then
/// the others. The first `numParallel` are parallel in an operation whose
/// output is indexed by the map; two iterations of the others may meet.
static SmallVector<unsigned> orderLoops(AffineMap map, unsigned &numParallel) {
  llvm::SetVector<unsigned> order;
  for (AffineExpr expr : map.getResults())
    if (auto dim = dyn_cast<AffineDimExpr>(expr))
      order.insert(dim.getPosition());
  numParallel = order.size();
  for (unsigned dim = 0; dim < map.getNumDims(); ++dim)
    order.insert(dim);
  return order.takeVector();
}

/// The map over loops that are numbered anew, by `order`.
static AffineMap reorder(AffineMap map, ArrayRef<unsigned> order) {
  SmallVector<AffineExpr> dims(order.size());
  for (auto [position, dim] : llvm::enumerate(order))
    dims[dim] = getAffineDimExpr(position, map.getContext());
  return map.replaceDimsAndSymbols(dims, {}, order.size(), 0);
}

/// Whether loops over all dims write every element of a tensor once.
static bool coversOnce(AffineMap map, Type type) {
  llvm::SmallDenseSet<unsigned> seen;
  for (auto [i, expr] : llvm::enumerate(map.getResults())) {
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      if (!seen.insert(dim.getPosition()).second)
        return false;
      continue;
    }
    auto constant = dyn_cast<AffineConstantExpr>(expr);
    if (!constant || constant.getValue() != 0 ||
        cast<RankedTensorType>(type).getDimSize(i) != 1)
      return false;
  }
  return seen.size() == map.getNumDims();
}

/// The loops whose extents the maps tell.
static llvm::SmallDenseSet<unsigned> getBoundLoops(ArrayRef<AffineMap> maps) {
  llvm::SmallDenseSet<unsigned> loops;
  for (AffineMap map : maps)
    for (AffineExpr expr : map.getResults())
      if (auto dim = dyn_cast<AffineDimExpr>(expr))
        loops.insert(dim.getPosition());
  return loops;
}

namespace {
/// The body of the adjoint while it is built: a block whose arguments stand for
/// `reads`, in this order.
struct AdjointBody {
  std::unique_ptr<Block> block = std::make_unique<Block>();
  SmallVector<LinalgRead> reads;

  Value addRead(Value value, AffineMap map, Location loc) {
    reads.push_back({value, map});
    return block->addArgument(getElementTypeOrSelf(value), loc);
  }

  /// Reads `extra` and all operands of `op`, over its loops in `order`.
  void addReads(linalg::LinalgOp op, ArrayRef<LinalgRead> extra,
                ArrayRef<unsigned> order, IRMapping &mapping, Location loc) {
    for (const LinalgRead &read : extra)
      addRead(read.value, reorder(read.map, order), loc);
    for (auto [operand, scalar] : getScalars(op)) {
      AffineMap map = reorder(op.getMatchingIndexingMap(operand), order);
      mapping.map(scalar, addRead(operand->get(), map, loc));
    }
  }

  /// The operation over the loops, once the block is complete.
  Value create(ImplicitLocOpBuilder &b, Value init, AffineMap output,
               ArrayRef<utils::IteratorType> loops) {
    SmallVector<Value> inputs;
    SmallVector<AffineMap> maps;
    for (const LinalgRead &read : reads) {
      inputs.push_back(read.value);
      maps.push_back(read.map);
    }
    maps.push_back(output);
    auto generic = linalg::GenericOp::create(
        b, TypeRange(init.getType()), inputs, ValueRange(init), maps, loops);
    generic.getRegion().push_back(block.release());
    return generic.getResult(0);
  }

  /// Without computations and reads that nothing needs, and each read once.
  void prune() {
    for (Operation &op : llvm::make_early_inc_range(llvm::reverse(*block)))
      if (isOpTriviallyDead(&op))
        op.erase();
    for (unsigned i = reads.size(); i-- > 0;) {
      auto same = llvm::find_if(reads, [&](const LinalgRead &read) {
        return read.value == reads[i].value && read.map == reads[i].map;
      });
      unsigned first = same - reads.begin();
      if (first != i)
        block->getArgument(i).replaceAllUsesWith(block->getArgument(first));
      if (block->getArgument(i).use_empty()) {
        block->eraseArgument(i);
        reads.erase(reads.begin() + i);
      }
    }
  }

  /// Reads what tells the extents of loops that nothing else does: without
  /// their values, but no loop is without bounds.
  void bindLoops(AffineMap output, ArrayRef<LinalgRead> candidates,
                 Location loc) {
    for (const LinalgRead &candidate : candidates) {
      SmallVector<AffineMap> maps = {output};
      for (const LinalgRead &read : reads)
        maps.push_back(read.map);
      llvm::SmallDenseSet<unsigned> bound = getBoundLoops(maps);
      if (llvm::all_of(getBoundLoops(candidate.map),
                       [&](unsigned loop) { return bound.contains(loop); }))
        continue;
      block->insertArgument(reads.size(), getElementTypeOrSelf(candidate.value),
                            loc);
      reads.push_back(candidate);
    }
  }
};
} // namespace

Type tern::getSumType(Type type) {
  return type.getIntOrFloatBitWidth() < 32 ? Float32Type::get(type.getContext())
                                           : type;
}

Value tern::widen(ImplicitLocOpBuilder &b, Value value, Type type) {
  if (auto truncate = value.getDefiningOp<arith::TruncFOp>())
    if (truncate.getIn().getType() == type)
      return truncate.getIn();
  return createFloatCast(b, value, type);
}

/// Clones the body of `op` over loops in another order.
static SmallVector<Operation *> cloneBody(linalg::LinalgOp op,
                                          ArrayRef<unsigned> order,
                                          IRMapping &mapping,
                                          ImplicitLocOpBuilder &b) {
  SmallVector<Operation *> clones;
  for (Operation &scalar : op.getBlock()->without_terminator()) {
    Operation *clone = b.clone(scalar, mapping);
    if (auto index = dyn_cast<linalg::IndexOp>(clone))
      index.setDim(llvm::find(order, index.getDim()) - order.begin());
    clones.push_back(clone);
  }
  return clones;
}

LogicalResult tern::buildSourceAdjoint(linalg::LinalgOp op,
                                       const LinalgSource &source,
                                       ArrayRef<LinalgRead> extraReads,
                                       SeedBuilder seed, Reverse &reverse) {
  ImplicitLocOpBuilder &b = reverse.getBuilder();
  Location loc = b.getLoc();
  unsigned numParallel;
  SmallVector<unsigned> order = orderLoops(source.map, numParallel);
  AffineMap output = reorder(source.map, order);

  // The primal's body and its adjoint, over all that either may read.
  AdjointBody body;
  IRMapping mapping;
  body.addReads(op, extraReads, order, mapping, loc);
  // What the primal has computed for each iteration is read, not computed
  // again, where a derivative is a function of it (exp, tanh, a quotient).
  SmallVector<std::pair<Value, Value>> computed;
  if (op.getNumReductionLoops() == 0)
    for (OpResult result : op->getResults()) {
      Value yielded = getYielded(op, result.getResultNumber());
      AffineMap map = op.getIndexingMapMatchingResult(result);
      if (yielded.getDefiningOp() && yielded.getParentBlock() == op.getBlock())
        computed.push_back(
            {yielded, body.addRead(result, reorder(map, order), loc)});
    }
  SmallVector<LinalgRead> candidates = body.reads;
  ImplicitLocOpBuilder inner(loc, b.getContext());
  inner.setInsertionPointToEnd(body.block.get());
  Reverse scalars(inner);
  for (Value scalar : source.scalars)
    scalars.setVaried(mapping.lookupOrDefault(scalar));
  SmallVector<Operation *> clones = cloneBody(op, order, mapping, inner);
  scalars.findVaried(*body.block);
  auto getIndex = [&](unsigned loop) -> Value {
    return linalg::IndexOp::create(inner,
                                   llvm::find(order, loop) - order.begin());
  };
  seed(LinalgBody{inner, mapping,
                  body.block->getArguments().take_front(extraReads.size()),
                  getIndex},
       scalars);
  if (failed(scalars.passBackwards(clones)))
    return failure();
  for (auto [yielded, read] : computed)
    mapping.lookup(yielded).replaceAllUsesWith(read);
  Value total;
  for (Value scalar : source.scalars)
    if (Value part = scalars.getCotangent(mapping.lookupOrDefault(scalar)))
      total = total ? createSum(inner, total, part) : part;
  if (!total)
    return success();

  // A permutation of a cotangent that permutes nothing is that cotangent.
  Type type = getCotangentType(source.value.getType());
  bool isScalar = !isa<RankedTensorType>(type);
  Type elementType = getElementTypeOrSelf(type);
  bool accumulates = numParallel < order.size();
  bool overwrites = !accumulates && coversOnce(output, type);
  if (auto argument = dyn_cast<BlockArgument>(total);
      argument && overwrites && argument.getOwner() == body.block.get()) {
    const LinalgRead &read = body.reads[argument.getArgNumber()];
    if (read.map == output && read.value.getType() == type) {
      reverse.add(source.value, read.value);
      return success();
    }
  }

  Type sumType = accumulates ? getSumType(elementType) : elementType;
  if (accumulates) {
    total = widen(inner, total, sumType);
    Value sum = body.block->addArgument(sumType, loc);
    total = arith::AddFOp::create(inner, sum, total);
  } else {
    body.block->addArgument(sumType, loc);
  }
  linalg::YieldOp::create(inner, total);
  body.prune();
  body.bindLoops(output, candidates, loc);

  Value init;
  if (isScalar)
    init = tensor::EmptyOp::create(b, ArrayRef<int64_t>(), sumType);
  else
    init = createEmptyLike(b, source.value, sumType);
  if (!overwrites) {
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(sumType));
    init = linalg::FillOp::create(b, zero, init).getResult(0);
  }
  SmallVector<utils::IteratorType> loops(order.size(),
                                         utils::IteratorType::reduction);
  std::fill_n(loops.begin(), numParallel, utils::IteratorType::parallel);
  Value result = body.create(b, init, output, loops);
  if (sumType != elementType)
    result = createFloatCast(b, result, elementType);
  if (isScalar)
    result = tensor::ExtractOp::create(b, result, ValueRange());
  else if (result.getType() != type)
    result = tensor::CastOp::create(b, type, result);
  reverse.add(source.value, result);
  return success();
}

Value tern::buildReductionOver(
    linalg::LinalgOp op, ArrayRef<LinalgRead> extraReads, Value init,
    AffineMap output, function_ref<Value(const LinalgBody &, Value)> fold,
    Reverse &reverse) {
  ImplicitLocOpBuilder &b = reverse.getBuilder();
  Location loc = b.getLoc();
  SmallVector<unsigned> order =
      llvm::to_vector(llvm::seq<unsigned>(0, op.getNumLoops()));
  AdjointBody body;
  IRMapping mapping;
  body.addReads(op, extraReads, order, mapping, loc);
  SmallVector<LinalgRead> candidates = body.reads;
  ImplicitLocOpBuilder inner(loc, b.getContext());
  inner.setInsertionPointToEnd(body.block.get());
  cloneBody(op, order, mapping, inner);
  auto getIndex = [&](unsigned loop) -> Value {
    return linalg::IndexOp::create(inner, loop);
  };
  Value accumulator = body.block->addArgument(getElementTypeOrSelf(init), loc);
  Value folded =
      fold(LinalgBody{inner, mapping,
                      body.block->getArguments().take_front(extraReads.size()),
                      getIndex},
           accumulator);
  linalg::YieldOp::create(inner, folded);
  body.prune();
  body.bindLoops(output, candidates, loc);
  return body.create(b, init, output, op.getIteratorTypesArray());
}

//===----------------------------------------------------------------------===//
// The adjoint
//===----------------------------------------------------------------------===//

/// The adjoint for all sources, of results that `seed` seeds from `reads`.
static LogicalResult buildSourceAdjoints(linalg::LinalgOp op,
                                         ArrayRef<LinalgRead> reads,
                                         SeedBuilder seed, Reverse &reverse) {
  for (const LinalgSource &source : getVariedSources(op, reverse))
    if (failed(buildSourceAdjoint(op, source, reads, seed, reverse)))
      return failure();
  for (Value value : getCaptures(op))
    if (reverse.isVaried(value) && isa<TensorType>(value.getType()))
      if (failed(buildGatherAdjoint(op, value, reads, seed, reverse)))
        return failure();
  return success();
}

LogicalResult tern::buildLinalgAdjoint(linalg::LinalgOp op, Reverse &reverse) {
  SmallVector<LinalgRead> reads;
  SmallVector<unsigned> results;
  for (OpResult result : op->getResults()) {
    Value cotangent = reverse.getCotangent(result);
    if (!cotangent)
      continue;
    unsigned number = result.getResultNumber();
    OpOperand *init = op.getDpsInitOperand(number);
    ResultKind kind = classifyResult(op, number);
    if (kind == ResultKind::Other) {
      std::optional<ReductionSeeds> seeds;
      if (!reverse.isVaried(init->get()))
        seeds = buildReductionSeeds(op, number, reverse);
      if (!seeds)
        return mlir::emitError(op.getLoc())
               << "'" << op->getName()
               << "' cannot be differentiated: its reduction is not a sum, a "
                  "product, an extremum or a search";
      if (failed(buildSourceAdjoints(op, seeds->reads, seeds->seed, reverse)))
        return failure();
      continue;
    }
    if (kind == ResultKind::Sum)
      reverse.add(init->get(), cotangent);
    results.push_back(number);
    reads.push_back({cotangent, op.getMatchingIndexingMap(init)});
  }
  if (results.empty())
    return success();
  auto seed = [&](const LinalgBody &body, Reverse &scalars) {
    for (auto [result, cotangent] : llvm::zip_equal(results, body.reads))
      scalars.add(body.lookup(getYielded(op, result)), cotangent);
  };
  return buildSourceAdjoints(op, reads, seed, reverse);
}
