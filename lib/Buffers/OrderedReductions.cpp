//===- OrderedReductions.cpp - Loops of sums with tern.order --------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The loop nests of `tern.order`. For a row of one loop, in lanes:
//
//   parallel for rows
//     for chunks of 4096
//       lanes = neutral; for j by 32: lanes += terms[j .. j + 32]
//       the first lanes += what is left of the chunk
//       out += lanes folded 16, 8, 4, 2, 1
//
// A row of several loops is one of segments, which begin at any lane: lanes are
// kept in memory. Where the terms cannot be computed as vectors it goes lane by
// lane. Short rows are folded term by term without lanes, which gives the same:
// the neutral element changes nothing.
//
//   parallel for strips of 512 columns
//     for chunks of 4096
//       sums = neutral; for rows: for columns: sums += term
//       out += sums
//
//===----------------------------------------------------------------------===//

#include "OrderedReductions.h"
#include "LoopBuilder.h"
#include "MathFunctions.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "tern/Dialect/Tern/IR/SumOrder.h"
#include "tern/Dialect/Tern/IR/TernAttributes.h"
#include "tern/Dialect/Tern/IR/TernOps.h"

using namespace mlir;
using namespace tern;

/// Scalar operations of a row that is folded without loops.
static constexpr int64_t kUnrolled = 256;

namespace {
class Lowering : LoopBuilder {
public:
  Lowering(OpBuilder &builder, linalg::LinalgOp op, const OrderedFold &fold);

  void lowerLanes();
  /// False, and nothing made, where a plain loop nest has the order.
  bool lowerAscending();

private:
  using LoopBuilder::loop;
  void createExtents();
  Value loop(Value lower, Value upper, int64_t step, Value init,
             function_ref<Value(Value, Value)> body);
  /// Loops over `dims`, the first of them in parallel if nothing around is.
  void nest(ArrayRef<unsigned> dims, function_ref<void()> body);

  bool isInParallel() {
    return b.getInsertionBlock()
               ->getParentOp()
               ->getParentOfType<scf::ParallelOp>() ||
           isa<scf::ParallelOp>(b.getInsertionBlock()->getParentOp());
  }
  SmallVector<Value> indices(AffineMap map);
  Value neutral(Type type);
  Value combine(Value accumulator, Value term);
  /// The term at the current values of the loops.
  Value term();
  /// The terms of `width` iterations of the innermost loop from its current
  /// value on.
  Value terms(int64_t width);
  bool canBeVectors();
  bool varies(Value value) const { return varying.contains(value); }
  void addToResult(Value part);
  Value allocate(int64_t size) {
    return memref::AllocaOp::create(b, MemRefType::get({size}, type),
                                    b.getI64IntegerAttr(64));
  }
  void addToElement(Value buffer, Value at, Value value) {
    Value before = memref::LoadOp::create(b, buffer, at);
    memref::StoreOp::create(b, combine(before, value), buffer, at);
  }
  Value loadLanes(Value lanes) {
    return vector::LoadOp::create(b, vectorType, lanes, index(0));
  }
  void storeLanes(Value value, Value lanes) {
    vector::StoreOp::create(b, value, lanes, index(0));
  }
  Value foldLanes(Value lanes);

  void lowerUnrolled(int64_t count, ArrayRef<unsigned> outer);
  void buildRow(Value lanes);
  Value buildChunk(Value lower, Value upper, Value lanes);
  void buildSegments(Value lanes);
  void buildSegment(Value lower, Value upper, Value position, Value lanes);
  unsigned chooseColumn() const;
  void buildColumns(std::optional<unsigned> column, int64_t strip, Value first,
                    Value sums);

  linalg::LinalgOp op;
  OrderedFold fold;
  Type type;
  /// Terms after which sums start anew.
  int64_t chunk;
  VectorType vectorType;
  SmallVector<unsigned> outer, row;
  SmallVector<int64_t> ranges;
  SmallVector<Value> extents;
  /// The product of the row's extents, or dynamic.
  int64_t count = 1;
  bool isVector = false;
  /// The operations that make the term, in order.
  SmallVector<Operation *> steps;
  llvm::SmallPtrSet<Value, 8> used, varying;
  /// The current value of each of the operation's loops.
  SmallVector<Value> ivs;
};
} // namespace

Lowering::Lowering(OpBuilder &builder, linalg::LinalgOp op,
                   const OrderedFold &fold)
    : LoopBuilder(builder, op.getLoc()), op(op), fold(fold),
      type(fold.term.getType()), chunk(getChunk(fold.order)) {
  vectorType = VectorType::get(kSumLanes, type);
  op.getParallelDims(outer);
  op.getReductionDims(row);
  ranges = op.getStaticLoopRanges();
  for (unsigned dim : row)
    count = ShapedType::isDynamic(count) || ShapedType::isDynamic(ranges[dim])
                ? ShapedType::kDynamic
                : count * ranges[dim];
  ivs.resize(ranges.size());

  used.insert(fold.term);
  for (Operation &step : llvm::reverse(op.getBlock()->without_terminator())) {
    if (&step == fold.op || llvm::none_of(step.getResults(), [&](Value result) {
          return used.contains(result);
        }))
      continue;
    steps.push_back(&step);
    step.walk([&](Operation *inner) {
      used.insert(inner->operand_begin(), inner->operand_end());
    });
  }
  std::reverse(steps.begin(), steps.end());
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

Value Lowering::loop(Value lower, Value upper, int64_t step, Value init,
                     function_ref<Value(Value, Value)> body) {
  auto forOp = scf::ForOp::create(b, lower, upper, index(step), init);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(forOp.getBody());
  Value next = body(forOp.getInductionVar(), forOp.getRegionIterArg(0));
  scf::YieldOp::create(b, next);
  return forOp.getResult(0);
}

void Lowering::createExtents() {
  for (Range range : op.createLoopRanges(b, b.getLoc()))
    extents.push_back(
        getValueOrCreateConstantIndexOp(b, b.getLoc(), range.size));
}

void Lowering::nest(ArrayRef<unsigned> dims, function_ref<void()> body) {
  OpBuilder::InsertionGuard guard(b);
  for (unsigned dim : dims) {
    if (dim == dims.front() && !isInParallel()) {
      auto parallel =
          scf::ParallelOp::create(b, index(0), extents[dim], index(1));
      ivs[dim] = parallel.getInductionVars()[0];
      b.setInsertionPointToStart(parallel.getBody());
    } else {
      auto forOp = scf::ForOp::create(b, index(0), extents[dim], index(1));
      ivs[dim] = forOp.getInductionVar();
      b.setInsertionPointToStart(forOp.getBody());
    }
  }
  body();
}

//===----------------------------------------------------------------------===//
// Terms
//===----------------------------------------------------------------------===//

SmallVector<Value> Lowering::indices(AffineMap map) {
  SmallVector<OpFoldResult> loops;
  // Loops that the map does not use have no value yet.
  for (auto [dim, iv] : llvm::enumerate(ivs))
    loops.push_back(map.isFunctionOfDim(dim) ? OpFoldResult(iv)
                                             : b.getIndexAttr(0));
  SmallVector<Value> at;
  for (unsigned i = 0; i < map.getNumResults(); ++i)
    at.push_back(getValueOrCreateConstantIndexOp(
        b, b.getLoc(),
        affine::makeComposedFoldedAffineApply(b, b.getLoc(), map.getSubMap(i),
                                              loops)));
  return at;
}

Value Lowering::neutral(Type type) {
  TypedAttr value = b.getFloatAttr(getElementTypeOrSelf(type),
                                   isa<arith::MulFOp>(fold.op) ? 1 : 0);
  if (auto vector = dyn_cast<VectorType>(type))
    value = DenseElementsAttr::get(vector, Attribute(value));
  return arith::ConstantOp::create(b, value);
}

Value Lowering::combine(Value accumulator, Value term) {
  if (isa<arith::MulFOp>(fold.op))
    return arith::MulFOp::create(b, accumulator, term);
  return arith::AddFOp::create(b, accumulator, term);
}

Value Lowering::term() {
  IRMapping mapping;
  for (OpOperand *operand : op.getDpsInputOperands()) {
    BlockArgument arg = op.getMatchingBlockArgument(operand);
    if (!used.contains(arg))
      continue;
    Value value = operand->get();
    if (isa<MemRefType>(value.getType()))
      value = memref::LoadOp::create(
          b, value, indices(op.getMatchingIndexingMap(operand)));
    mapping.map(arg, value);
  }
  for (Operation *step : steps) {
    if (auto indexOp = dyn_cast<linalg::IndexOp>(step))
      mapping.map(indexOp.getResult(), ivs[indexOp.getDim()]);
    else
      b.clone(*step, mapping);
  }
  return mapping.lookupOrDefault(fold.term);
}

Value Lowering::terms(int64_t width) {
  IRMapping mapping;
  unsigned inner = row.back();
  auto vectorOf = [&](Type element) { return VectorType::get(width, element); };
  for (OpOperand *operand : op.getDpsInputOperands()) {
    BlockArgument arg = op.getMatchingBlockArgument(operand);
    if (!used.contains(arg))
      continue;
    Value value = operand->get();
    SmallVector<Value> at = indices(op.getMatchingIndexingMap(operand));
    if (varies(arg))
      value = vector::LoadOp::create(b, vectorOf(arg.getType()), value, at);
    else if (isa<MemRefType>(value.getType()))
      value = memref::LoadOp::create(b, value, at);
    mapping.map(arg, value);
  }
  auto widen = [&](Value value) -> Value {
    if (isa<VectorType>(value.getType()))
      return value;
    return vector::BroadcastOp::create(b, vectorOf(value.getType()), value);
  };
  for (Operation *step : steps) {
    if (auto indexOp = dyn_cast<linalg::IndexOp>(step)) {
      Value position = ivs[indexOp.getDim()];
      if (indexOp.getDim() == inner)
        position = arith::AddIOp::create(
            b, widen(position),
            vector::StepOp::create(b, vectorOf(b.getIndexType())).getResult());
      mapping.map(indexOp.getResult(), position);
      continue;
    }
    if (!varies(step->getResult(0))) {
      b.clone(*step, mapping);
      continue;
    }
    // Others may need the operand as it is.
    IRMapping vectors;
    for (Value operand : step->getOperands())
      vectors.map(operand, widen(mapping.lookupOrDefault(operand)));
    Operation *wide = b.clone(*step, vectors);
    for (auto [result, made] :
         llvm::zip_equal(step->getResults(), wide->getResults())) {
      made.setType(vectorOf(made.getType()));
      mapping.map(result, made);
    }
  }
  return widen(mapping.lookupOrDefault(fold.term));
}

/// Whether an operation on vectors is code for vectors, and not calls of a
/// function for each element.
static bool isVectorCode(Operation *op) {
  if (!OpTrait::hasElementwiseMappableTraits(op) || op->getNumRegions() != 0)
    return false;
  if (!isa<math::MathDialect>(op->getDialect()))
    return true;
  return becomesOwnMathFunction(op) ||
         isa<math::AbsFOp, math::AbsIOp, math::SqrtOp, math::CopySignOp,
             math::FmaOp, math::FloorOp, math::CeilOp, math::TruncOp,
             math::RoundEvenOp>(op);
}

bool Lowering::canBeVectors() {
  unsigned inner = row.back();
  auto isElement = [](Type type) {
    if (type.isIndex() ||
        isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(type))
      return true;
    auto integer = dyn_cast<IntegerType>(type);
    return integer && integer.getWidth() <= 64;
  };
  for (OpOperand *operand : op.getDpsInputOperands()) {
    BlockArgument arg = op.getMatchingBlockArgument(operand);
    AffineMap map = op.getMatchingIndexingMap(operand);
    if (!used.contains(arg) || !map.isFunctionOfDim(inner))
      continue;
    // Neighbours have to be neighbours in memory, in whole bytes.
    unsigned last = map.getNumResults() - 1;
    AffineExpr rest =
        map.getResult(last) - getAffineDimExpr(inner, op->getContext());
    SmallVector<int64_t> strides;
    int64_t offset;
    auto memref = cast<MemRefType>(operand->get().getType());
    if (map.dropResult(last).isFunctionOfDim(inner) ||
        simplifyAffineExpr(rest, map.getNumDims(), 0).isFunctionOfDim(inner) ||
        failed(memref.getStridesAndOffset(strides, offset)) ||
        strides.back() != 1 || !isElement(arg.getType()) ||
        (arg.getType().isIntOrFloat() &&
         arg.getType().getIntOrFloatBitWidth() % 8 != 0))
      return false;
    varying.insert(arg);
  }
  for (Operation *step : steps) {
    if (auto indexOp = dyn_cast<linalg::IndexOp>(step)) {
      if (indexOp.getDim() == inner)
        varying.insert(indexOp.getResult());
      continue;
    }
    bool isVarying = false;
    step->walk([&](Operation *nested) {
      isVarying |= llvm::any_of(nested->getOperands(),
                                [&](Value value) { return varies(value); });
    });
    if (!isVarying)
      continue;
    if (!isVectorCode(step) ||
        !llvm::all_of(step->getOperandTypes(), isElement) ||
        !llvm::all_of(step->getResultTypes(), isElement))
      return false;
    varying.insert(step->result_begin(), step->result_end());
  }
  return true;
}

void Lowering::addToResult(Value part) {
  OpOperand *out = op.getDpsInitOperand(0);
  SmallVector<Value> at = indices(op.getMatchingIndexingMap(out));
  Value before = memref::LoadOp::create(b, out->get(), at);
  memref::StoreOp::create(b, combine(before, part), out->get(), at);
}

//===----------------------------------------------------------------------===//
// Lanes
//===----------------------------------------------------------------------===//

Value Lowering::foldLanes(Value lanes) {
  for (int64_t width = kSumLanes / 2; width > 0; width /= 2) {
    auto half = [&](int64_t from) -> Value {
      return vector::ExtractStridedSliceOp::create(
          b, lanes, ArrayRef<int64_t>{from}, ArrayRef<int64_t>{width},
          ArrayRef<int64_t>{1});
    };
    Value low = half(0), high = half(width);
    lanes = combine(low, high);
  }
  return vector::ExtractOp::create(b, lanes, ArrayRef<int64_t>{0});
}

/// The terms [lower, upper) of the only loop, at most a chunk, in one.
Value Lowering::buildChunk(Value lower, Value upper, Value lanes) {
  unsigned inner = row.back();
  Value width = index(kSumLanes), sum = neutral(vectorType);
  Value whole = lower;
  if (isVector) {
    whole = sub(upper, rem(sub(upper, lower), width));
    sum = loop(lower, whole, kSumLanes, sum, [&](Value iv, Value sum) {
      ivs[inner] = iv;
      return combine(sum, terms(kSumLanes));
    });
    int64_t rest = ranges[inner] % kSumLanes;
    if (!lanes && rest != 0) {
      ivs[inner] = whole;
      Value low = vector::ExtractStridedSliceOp::create(
          b, sum, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{rest},
          ArrayRef<int64_t>{1});
      low = combine(low, terms(rest));
      sum = vector::InsertStridedSliceOp::create(
          b, low, sum, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{1});
    }
  }
  if (!lanes)
    return foldLanes(sum);
  storeLanes(sum, lanes);
  loop(whole, upper, 1, [&](Value iv) {
    ivs[inner] = iv;
    addToElement(lanes, rem(sub(iv, lower), width), term());
  });
  return foldLanes(loadLanes(lanes));
}

/// A row of one loop.
void Lowering::buildRow(Value lanes) {
  Value length = extents[row.back()];
  if (!ShapedType::isDynamic(count) && count <= kSumChunk) {
    addToResult(buildChunk(index(0), length, lanes));
    return;
  }
  loop(index(0), length, kSumChunk, [&](Value first) {
    Value last = min(add(first, index(kSumChunk)), length);
    addToResult(buildChunk(first, last, lanes));
  });
}

/// The terms [lower, upper) of the innermost loop, of which the first is at
/// `position` in the row.
void Lowering::buildSegment(Value lower, Value upper, Value position,
                            Value lanes) {
  unsigned inner = row.back();
  Value width = index(kSumLanes);
  auto oneByOne = [&](Value from, Value to) {
    loop(from, to, 1, [&](Value iv) {
      ivs[inner] = iv;
      Value lane = rem(add(position, sub(iv, lower)), width);
      addToElement(lanes, lane, term());
    });
  };
  bool isShort =
      !ShapedType::isDynamic(ranges[inner]) && ranges[inner] < 2 * kSumLanes;
  if (!isVector || isShort) {
    oneByOne(lower, upper);
    return;
  }
  // From the first lane on as vectors.
  Value missing = rem(sub(width, rem(position, width)), width);
  Value first = min(add(lower, missing), upper);
  Value whole = sub(upper, rem(sub(upper, first), width));
  oneByOne(lower, first);
  Value sum =
      loop(first, whole, kSumLanes, loadLanes(lanes), [&](Value iv, Value sum) {
        ivs[inner] = iv;
        return combine(sum, terms(kSumLanes));
      });
  storeLanes(sum, lanes);
  oneByOne(whole, upper);
}

/// A row of several loops.
void Lowering::buildSegments(Value lanes) {
  storeLanes(neutral(vectorType), lanes);
  Value length = extents[row.back()];
  {
    OpBuilder::InsertionGuard guard(b);
    Value position = index(0);
    for (unsigned dim : ArrayRef(row).drop_back()) {
      auto forOp = scf::ForOp::create(b, index(0), extents[dim], index(1));
      b.setInsertionPointToStart(forOp.getBody());
      ivs[dim] = forOp.getInductionVar();
      position = add(mul(position, extents[dim]), ivs[dim]);
    }
    position = mul(position, length);
    if (!ShapedType::isDynamic(count) && count <= kSumChunk) {
      buildSegment(index(0), length, position, lanes);
    } else {
      // What of the segment is in each chunk.
      Value chunk = index(kSumChunk), end = add(position, length);
      Value start = sub(position, rem(position, chunk));
      loop(start, end, kSumChunk, [&](Value first) {
        Value from = max(first, position);
        Value next = add(first, chunk), to = min(next, end);
        buildSegment(sub(from, position), sub(to, position), from, lanes);
        Value isFull =
            arith::CmpIOp::create(b, arith::CmpIPredicate::eq, to, next);
        auto flush = scf::IfOp::create(b, isFull, /*withElseRegion=*/false);
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToStart(flush.thenBlock());
        addToResult(foldLanes(loadLanes(lanes)));
        storeLanes(neutral(vectorType), lanes);
      });
    }
  }
  addToResult(foldLanes(loadLanes(lanes)));
}

/// Rows of a few terms, each in one piece.
void Lowering::lowerUnrolled(int64_t count, ArrayRef<unsigned> outer) {
  nest(outer, [&] {
    SmallVector<Value> parts;
    for (int64_t i = 0; i < count; ++i) {
      int64_t rest = i;
      for (unsigned dim : llvm::reverse(row)) {
        ivs[dim] = index(rest % ranges[dim]);
        rest /= ranges[dim];
      }
      parts.push_back(term());
    }
    for (size_t width = kSumLanes / 2; width > 0; width /= 2) {
      for (size_t lane = 0; lane < width && lane + width < parts.size(); ++lane)
        parts[lane] = combine(parts[lane], parts[lane + width]);
      parts.truncate(std::min(parts.size(), width));
    }
    if (!parts.empty())
      addToResult(parts.front());
  });
}

void Lowering::lowerLanes() {
  createExtents();
  isVector = canBeVectors();
  if (!ShapedType::isDynamic(count) && count <= kSumLanes &&
      count * int64_t(steps.size() + 1) <= kUnrolled) {
    SmallVector<unsigned> order(outer);
    int score = scoreInnermost(op, row.back());
    bool isAcross = false;
    if (!outer.empty()) {
      unsigned column = chooseColumn();
      isAcross = scoreInnermost(op, column) >= score;
      llvm::erase(order, column);
      order.push_back(column);
    }
    if (isAcross || !isVector || count <= 4)
      return lowerUnrolled(count, order);
  }
  bool isStatic = !ShapedType::isDynamic(count);
  bool fits = isStatic && (count <= kSumChunk || count % kSumLanes == 0);
  bool needsMemory = row.size() > 1 || !isVector || !fits;
  Value lanes;
  if (outer.empty()) {
    if (needsMemory)
      lanes = allocate(kSumLanes);
    row.size() > 1 ? buildSegments(lanes) : buildRow(lanes);
    return;
  }
  nest(outer.front(), [&] {
    if (needsMemory)
      lanes = allocate(kSumLanes);
    nest(ArrayRef(outer).drop_front(),
         [&] { row.size() > 1 ? buildSegments(lanes) : buildRow(lanes); });
  });
}

//===----------------------------------------------------------------------===//
// Columns
//===----------------------------------------------------------------------===//

/// The parallel loop along which memory is used best.
unsigned Lowering::chooseColumn() const {
  unsigned best = outer.back();
  for (unsigned dim : llvm::reverse(outer))
    if (scoreInnermost(op, dim) > scoreInnermost(op, best))
      best = dim;
  return best;
}

/// The sums of `strip` columns from `first` on; without a column, of one.
void Lowering::buildColumns(std::optional<unsigned> column, int64_t strip,
                            Value first, Value sums) {
  Value width = index(1);
  if (column)
    width = min(sub(extents[*column], first), index(strip));
  auto forEach = [&](function_ref<void(Value)> body) {
    loop(index(0), width, 1, [&](Value at) {
      if (column)
        ivs[*column] = add(first, at);
      body(at);
    });
  };
  Value total = index(1);
  for (unsigned dim : row)
    total = mul(total, extents[dim]);
  loop(index(0), total, chunk, [&](Value from) {
    Value to = min(add(from, index(chunk)), total);
    forEach(
        [&](Value at) { memref::StoreOp::create(b, neutral(type), sums, at); });
    loop(from, to, 1, [&](Value number) {
      for (unsigned dim : llvm::reverse(row)) {
        bool isOutermost = dim == row.front();
        ivs[dim] = isOutermost ? number : rem(number, extents[dim]);
        if (!isOutermost)
          number = div(number, extents[dim]);
      }
      forEach([&](Value at) { addToElement(sums, at, term()); });
    });
    forEach(
        [&](Value at) { addToResult(memref::LoadOp::create(b, sums, at)); });
  });
}

bool Lowering::lowerAscending() {
  if (!ShapedType::isDynamic(count) && count <= chunk)
    return false;
  createExtents();
  if (outer.empty()) {
    buildColumns(std::nullopt, 1, index(0), allocate(1));
    return true;
  }
  unsigned column = chooseColumn();
  int64_t columnStrip = getTarget(op).getMachine().columnStrip;
  SmallVector<unsigned> around(outer);
  llvm::erase(around, column);
  int64_t strip = ShapedType::isDynamic(ranges[column])
                      ? columnStrip
                      : std::clamp<int64_t>(ranges[column], 1, columnStrip);
  auto buildStrips = [&](Value sums) {
    loop(index(0), extents[column], strip,
         [&](Value first) { buildColumns(column, strip, first, sums); });
  };
  if (!around.empty()) {
    nest(around.front(), [&] {
      Value sums = allocate(strip);
      nest(ArrayRef(around).drop_front(), [&] { buildStrips(sums); });
    });
  } else if (isInParallel()) {
    buildStrips(allocate(strip));
  } else {
    auto parallel =
        scf::ParallelOp::create(b, index(0), extents[column], index(strip));
    b.setInsertionPointToStart(parallel.getBody());
    buildColumns(column, strip, parallel.getInductionVars()[0],
                 allocate(strip));
  }
  return true;
}

FailureOr<bool> tern::lowerOrderedReduction(OpBuilder &builder,
                                            linalg::LinalgOp op) {
  if (failed(verifySumOrder(op)))
    return failure();
  std::optional<OrderedFold> fold = getOrderedFold(op);
  if (!fold)
    return false;
  // What is made states the order by itself.
  TernDialect::OrderAttrHelper(op.getContext()).removeAttr(fold->op);
  // One term is folded in any order.
  if (op.getNumReductionLoops() == 0)
    return false;
  Lowering lowering(builder, op, *fold);
  if (fold->order != SumOrder::Lanes)
    return lowering.lowerAscending();
  lowering.lowerLanes();
  return true;
}
