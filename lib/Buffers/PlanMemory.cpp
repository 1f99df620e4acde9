//===- PlanMemory.cpp - All buffers of a function in one arena ------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ArenaLayout.h"
#include "CopyValues.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/Transforms/BufferViewFlowAnalysis.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"
#include "tern/Buffers/Passes.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "llvm/Support/MathExtras.h"

namespace tern {
#define GEN_PASS_DEF_PLANMEMORYPASS
#include "tern/Buffers/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// Computes index values at the entry of a function, without repeating
/// equivalent operations, so that equal sizes are equal values.
class EntryBuilder {
public:
  explicit EntryBuilder(func::FuncOp func)
      : dims(func), body(func.getBody().front()),
        b(func.getLoc(), OpBuilder::atBlockBegin(&body)) {
    made.push_back(arith::ConstantIndexOp::create(b, 0));
  }

  const SymbolicDims &getDims() const { return dims; }
  Block &getBody() const { return body; }
  /// What is computed from here on is for this location.
  void setLoc(Location loc) { b.setLoc(loc); }

  Value constant(int64_t value) {
    b.setInsertionPointAfter(made.back());
    return unique(arith::ConstantIndexOp::create(b, value));
  }
  Value add(Value lhs, Value rhs) { return fold<arith::AddIOp>(lhs, rhs); }
  Value sub(Value lhs, Value rhs) { return fold<arith::SubIOp>(lhs, rhs); }
  Value mul(Value lhs, Value rhs) { return fold<arith::MulIOp>(lhs, rhs); }
  Value div(Value lhs, Value rhs) { return fold<arith::DivSIOp>(lhs, rhs); }
  Value max(Value lhs, Value rhs) { return fold<arith::MaxSIOp>(lhs, rhs); }
  /// The value, an extent, where the condition is as wanted, else 0.
  Value onlyIf(Value condition, bool wanted, Value value) {
    Value zero = constant(0);
    b.setInsertionPointAfter(made.back());
    return unique(arith::SelectOp::create(b, condition, wanted ? value : zero,
                                          wanted ? zero : value));
  }

  /// The same value computed at the entry, or failure with the operation in
  /// the way in `offender`.
  FailureOr<Value> hoist(Value value, Operation *&offender) {
    if (Value known = hoisted.lookup(value))
      return known;
    if (isa<BlockArgument>(value)) {
      if (value.getParentBlock() == &body)
        return value;
      offender = value.getParentBlock()->getParentOp();
      return failure();
    }
    Operation *op = value.getDefiningOp();
    if (auto dim = dyn_cast<memref::DimOp>(op))
      if (FailureOr<Value> extent = hoistDim(dim, offender); succeeded(extent))
        return hoisted[value] = *extent;
    // What may trap, such as a division, runs earlier but not more often.
    bool movable = isMemoryEffectFree(op) && op->getNumRegions() == 0 &&
                   (isSpeculatable(op) || op->getBlock() == &body) &&
                   llvm::none_of(op->getOperandTypes(), [](Type type) {
                     return isa<ShapedType>(type);
                   });
    if (!movable) {
      offender = op;
      return failure();
    }
    IRMapping mapping;
    for (Value operand : op->getOperands()) {
      FailureOr<Value> moved = hoist(operand, offender);
      if (failed(moved))
        return failure();
      mapping.map(operand, *moved);
    }
    b.setInsertionPointAfter(made.back());
    Operation *clone = b.clone(*op, mapping);
    clone->setLoc(b.getLoc());
    unsigned index = cast<OpResult>(value).getResultNumber();
    return hoisted[value] = uniqueOp(clone)->getResult(index);
  }

  /// What the value, an extent, is at most, computed at the entry: of one that
  /// a loop's position says, as that of the last tile of many.
  FailureOr<Value> hoistBound(Value value) {
    AffineMap map;
    ValueDimList operands;
    // What is read from memory, such as a scalar's value, is not known there.
    auto isAtEntry = [&](Value operand, std::optional<int64_t> dim,
                         ValueBoundsConstraintSet &) {
      Operation *offender = nullptr;
      return operand != value && operand.getParentBlock() == &body &&
             (dim || succeeded(hoist(operand, offender)));
    };
    if (failed(ValueBoundsConstraintSet::computeBound(
            map, operands, presburger::BoundType::UB, value, isAtEntry,
            /*closedUB=*/true)))
      return failure();
    SmallVector<Value> hoistedOperands;
    Operation *offender = nullptr;
    for (auto [operand, dim] : operands) {
      FailureOr<Value> moved =
          dim ? hoistExtent(operand, *dim, offender) : hoist(operand, offender);
      if (failed(moved))
        return failure();
      hoistedOperands.push_back(*moved);
    }
    affine::canonicalizeMapAndOperands(&map, &hoistedOperands);
    if (map.isSingleConstant())
      return constant(std::max<int64_t>(map.getSingleConstantResult(), 0));
    b.setInsertionPointAfter(made.back());
    Value bound =
        unique(affine::AffineApplyOp::create(b, map, hoistedOperands));
    return max(bound, constant(0)); // Of a loop that does not run.
  }

  /// Removes what turned out not to be used.
  void eraseDead() {
    for (Operation *op : llvm::reverse(made))
      if (isOpTriviallyDead(op))
        op->erase();
  }

private:
  FailureOr<Value> hoistDim(memref::DimOp dim, Operation *&offender) {
    std::optional<int64_t> axis = dim.getConstantIndex();
    if (!axis)
      return failure();
    return hoistExtent(dim.getSource(), *axis, offender);
  }

  /// The extent of a buffer, or of a view of one.
  FailureOr<Value> hoistExtent(Value source, int64_t axis,
                               Operation *&offender) {
    auto type = cast<MemRefType>(source.getType());
    if (!type.isDynamicDim(axis))
      return constant(type.getDimSize(axis));
    unsigned dynamicIndex = type.getDynamicDimIndex(axis);
    if (auto alloc = source.getDefiningOp<memref::AllocOp>())
      return hoist(alloc.getDynamicSizes()[dynamicIndex], offender);
    if (auto expand = source.getDefiningOp<memref::ExpandShapeOp>())
      return hoist(expand.getOutputShape()[dynamicIndex], offender);
    if (auto collapse = source.getDefiningOp<memref::CollapseShapeOp>()) {
      Value product;
      ReassociationIndices group = collapse.getReassociationIndices()[axis];
      for (int64_t from : group) {
        FailureOr<Value> extent =
            hoistExtent(collapse.getSrc(), from, offender);
        if (failed(extent))
          return failure();
        product = product ? mul(product, *extent) : *extent;
      }
      return product;
    }
    auto arg = dyn_cast<BlockArgument>(source);
    if (!arg || arg.getOwner() != &body)
      return failure();
    unsigned index = arg.getArgNumber();
    // One value per symbol, whichever argument was asked.
    if (auto symbol = dims.lookup(index, axis))
      std::tie(index, axis) = dims.getSource(*symbol);
    Value axisValue = constant(axis);
    b.setInsertionPointAfter(made.back());
    return unique(memref::DimOp::create(b, body.getArgument(index), axisValue));
  }

  template <typename OpTy> Value fold(Value lhs, Value rhs) {
    SmallVector<Value> results;
    b.setInsertionPointAfter(made.back());
    auto op = OpTy::create(b, lhs, rhs);
    // A fold in place, such as of the operands' order, has no results.
    if (succeeded(b.tryFold(op, results)) && !results.empty()) {
      Value folded = results.front();
      op->erase();
      if (Operation *def = folded.getDefiningOp())
        return uniqueOp(def)->getResult(0);
      return folded;
    }
    return unique(op);
  }

  Value unique(Operation *op) { return uniqueOp(op)->getResult(0); }
  Operation *uniqueOp(Operation *op) {
    for (Operation *known : made)
      if (known == op || OperationEquivalence::isEquivalentTo(
                             known, op, OperationEquivalence::exactValueMatch,
                             /*markEquivalent=*/nullptr,
                             OperationEquivalence::IgnoreLocations)) {
        if (known != op)
          op->erase();
        return known;
      }
    made.push_back(op);
    return op;
  }

  SymbolicDims dims;
  Block &body;
  ImplicitLocOpBuilder b;
  DenseMap<Value, Value> hoisted;
  /// In the order they stand in. Others come and go around them, so every new
  /// operation is put after the last of these.
  SmallVector<Operation *> made;
};

/// Bytes of a buffer: `unit * product of factors`, where the factors are
/// values at the function's entry.
struct Buffer {
  memref::AllocOp alloc;
  /// The parallel loop each iteration of which has its own slice, if any.
  scf::ParallelOp perIteration;
  SmallVector<Value> sizes;
  /// What they are at most: values at the function's entry.
  SmallVector<Value> bounds;
  SmallVector<Value> factors;
  /// Constant factor of the bytes that one iteration needs.
  int64_t sliceUnit = 0;
  ArenaSlot slot;
};

/// Buffers whose sizes have the same factors.
struct Region {
  SmallVector<Buffer *> buffers;
  int64_t size = 0;
  /// Set while emitting.
  Value unit, base;
};

class FunctionPlanner {
public:
  FunctionPlanner(func::FuncOp func, int64_t maxStackBytes)
      : func(func), entry(func), layout(DataLayout::closest(func)),
        maxStackBytes(maxStackBytes) {}

  /// Gives the function an argument for its arena. `planners` has those of the
  /// functions that it calls, which get theirs inside of it.
  using Planners =
      llvm::MapVector<Operation *, std::unique_ptr<FunctionPlanner>>;
  LogicalResult run(SymbolTable &symbols, const Planners &planners);

  /// For an entry function: makes the function that tells the arena's size.
  LogicalResult emitArenaSize(SymbolTable &symbols);

  /// The size of the arena in bytes, a multiple of 64, computed where `b`
  /// stands for a call of the function.
  Value computeSize(OpBuilder &b, func::CallOp call) const;

  /// Removes what turned out not to be used, such as the size.
  void finish() { entry.eraseDead(); }

  int64_t numBuffers = 0, staticBytes = 0, staticArenaBytes = 0;
  int64_t numStackBuffers = 0;

private:
  void allocateArena(func::CallOp call, const FunctionPlanner &callee);
  LogicalResult collect(memref::AllocOp alloc);
  LogicalResult computeSize(Buffer &buffer);
  void number(Block &block, int64_t &next);
  int64_t getNumber(Operation *op) const;
  void findConditions(Operation *op,
                      SmallVectorImpl<std::pair<Value, bool>> &conditions);
  LogicalResult computeLifetime(Buffer &buffer);
  void toStack(memref::AllocOp alloc);
  LogicalResult emit();
  void replaceByView(Buffer &buffer, Value arena, Value offset);
  Value iterationNumber(OpBuilder &b, scf::ParallelOp loop);

  func::FuncOp func;
  /// Bytes of the arena, a value at the function's entry.
  Value total;
  EntryBuilder entry;
  DataLayout layout;
  int64_t maxStackBytes;
  DenseMap<Operation *, int64_t> order;
  std::optional<BufferViewFlowAnalysis> aliases;
  std::vector<std::unique_ptr<Buffer>> buffers;
  llvm::MapVector<ArrayRef<Value>, Region> regions;
};

scf::ParallelOp outermostParallel(Operation *op) {
  scf::ParallelOp result;
  for (auto loop = op->getParentOfType<scf::ParallelOp>(); loop;
       loop = loop->getParentOfType<scf::ParallelOp>())
    result = loop;
  return result;
}

/// A buffer that is there while the callee runs, whatever its other arguments
/// are.
void FunctionPlanner::allocateArena(func::CallOp call,
                                    const FunctionPlanner &callee) {
  ImplicitLocOpBuilder b(call.getLoc(), call);
  Type arenaType = MemRefType::get({ShapedType::kDynamic}, b.getI8Type());
  Value size = callee.computeSize(b, call), arena;
  if (auto bytes = getConstantIntValue(size)) {
    arena =
        memref::AllocOp::create(b, MemRefType::get({*bytes}, b.getI8Type()));
    arena = memref::CastOp::create(b, arenaType, arena);
  } else {
    // In units of the alignment, as all sizes are.
    Value unit = arith::ConstantIndexOp::create(b, kArenaAlignment);
    Value units = arith::DivSIOp::create(b, size, unit);
    auto type =
        MemRefType::get({ShapedType::kDynamic, kArenaAlignment}, b.getI8Type());
    arena = memref::AllocOp::create(b, type, units);
    arena = memref::CollapseShapeOp::create(
        b, arena, ArrayRef<ReassociationIndices>{{0, 1}});
  }
  call->insertOperands(call->getNumOperands(), arena);
}

LogicalResult FunctionPlanner::run(SymbolTable &symbols,
                                   const Planners &planners) {
  if (!func.getBody().hasOneBlock())
    return func.emitError("expected a function of one block with structured "
                          "control flow");
  SmallVector<func::CallOp> calls;
  func.walk([&](func::CallOp call) { calls.push_back(call); });
  for (func::CallOp call : calls)
    if (auto it = planners.find(symbols.lookup(call.getCallee()));
        it != planners.end()) {
      if (outermostParallel(call))
        return call.emitError("a function with memory of its own cannot be "
                              "called in a parallel loop");
      allocateArena(call, *it->second);
    }
  SmallVector<memref::AllocOp> allocs;
  func.walk([&](Operation *op) {
    if (auto alloc = dyn_cast<memref::AllocOp>(op))
      allocs.push_back(alloc);
    if (isa<memref::DeallocOp>(op))
      op->erase();
  });
  int64_t next = 0;
  number(func.getBody().front(), next);
  aliases.emplace(func);

  for (memref::AllocOp alloc : allocs)
    if (failed(collect(alloc)))
      return failure();
  // Static buffers first: their offsets are constants.
  regions[ArrayRef<Value>()];
  for (auto &buffer : buffers)
    regions[buffer->factors].buffers.push_back(buffer.get());
  for (auto &[factors, region] : regions) {
    SmallVector<ArenaSlot> slots;
    int64_t sum = 0;
    for (Buffer *buffer : region.buffers) {
      slots.push_back(buffer->slot);
      if (llvm::AddOverflow(sum, buffer->slot.size, sum))
        return buffer->alloc.emitError("the size of all buffers overflows");
    }
    region.size = layOutArena(slots);
    for (auto [buffer, slot] : llvm::zip_equal(region.buffers, slots))
      buffer->slot = slot;
    if (factors.empty())
      staticArenaBytes = region.size;
  }
  return emit();
}

/// The order in which operations run: those of branches too, which run at most
/// once; a loop is one operation.
void FunctionPlanner::number(Block &block, int64_t &next) {
  for (Operation &op : block) {
    order[&op] = next++;
    if (isa<scf::IfOp>(op))
      for (mlir::Region &region : op.getRegions())
        for (Block &inner : region)
          number(inner, next);
  }
}

int64_t FunctionPlanner::getNumber(Operation *op) const {
  while (true) {
    if (auto known = order.find(op); known != order.end())
      return known->second;
    op = op->getParentOp();
  }
}

/// What is known at the function's entry to hold, or not to, where `op` runs.
void FunctionPlanner::findConditions(
    Operation *op, SmallVectorImpl<std::pair<Value, bool>> &conditions) {
  for (Operation *child = op; child != func; child = child->getParentOp()) {
    auto branch = dyn_cast<scf::IfOp>(child->getParentOp());
    if (!branch)
      continue;
    bool isThen = child->getParentRegion() == &branch.getThenRegion();
    SmallVector<Value> parts = {branch.getCondition()};
    while (!parts.empty()) {
      Value part = parts.pop_back_val();
      Operation *offender = nullptr;
      if (FailureOr<Value> hoisted = entry.hoist(part, offender);
          succeeded(hoisted))
        conditions.emplace_back(*hoisted, isThen);
      else if (auto both = part.getDefiningOp<arith::AndIOp>(); both && isThen)
        parts.append({both.getLhs(), both.getRhs()});
      else if (auto one = part.getDefiningOp<arith::OrIOp>(); one && !isThen)
        parts.append({one.getLhs(), one.getRhs()});
    }
  }
}

LogicalResult FunctionPlanner::collect(memref::AllocOp alloc) {
  if (!alloc.getType().getLayout().isIdentity())
    return alloc.emitError("expected a dense row-major buffer");
  scf::ParallelOp parallel = outermostParallel(alloc);
  auto buffer = std::make_unique<Buffer>();
  buffer->alloc = alloc;
  buffer->perIteration = parallel;
  if (failed(computeLifetime(*buffer)) || failed(computeSize(*buffer)))
    return failure();
  bool isStatic = alloc.getType().hasStaticShape();
  if (parallel && isStatic && buffer->slot.size <= maxStackBytes) {
    toStack(alloc);
    return success();
  }
  ++numBuffers;
  if (buffer->factors.empty())
    staticBytes += buffer->slot.size;
  buffers.push_back(std::move(buffer));
  return success();
}

void FunctionPlanner::toStack(memref::AllocOp alloc) {
  OpBuilder b(alloc);
  auto alloca = memref::AllocaOp::create(b, alloc.getLoc(), alloc.getType(),
                                         b.getI64IntegerAttr(kArenaAlignment));
  alloc.replaceAllUsesWith(alloca.getResult());
  alloc.erase();
  ++numStackBuffers;
}

LogicalResult FunctionPlanner::computeSize(Buffer &buffer) {
  memref::AllocOp alloc = buffer.alloc;
  entry.setLoc(alloc.getLoc());
  auto fail = [&](Operation *offender) {
    InFlightDiagnostic diag =
        alloc.emitError("the size of this buffer depends on data: it must "
                        "follow from the extents of the arguments");
    if (offender)
      diag.attachNote(offender->getLoc()) << "computed here";
    return diag;
  };
  int64_t unit = layout.getTypeSize(alloc.getType().getElementType());
  for (int64_t extent : alloc.getType().getShape())
    if (!ShapedType::isDynamic(extent) && llvm::MulOverflow(unit, extent, unit))
      return alloc.emitError("the size of this buffer overflows");
  bool overflows = false;
  auto addFactor = [&](Value factor) {
    if (auto value = getConstantIntValue(factor))
      overflows |= llvm::MulOverflow(unit, *value, unit);
    else
      buffer.factors.push_back(factor);
  };
  Operation *offender = nullptr;
  // A branch that does not run for such extents needs no memory, and what is
  // computed for it may be anything.
  SmallVector<std::pair<Value, bool>> conditions;
  if (!alloc.getDynamicSizes().empty())
    findConditions(alloc, conditions);
  for (Value size : alloc.getDynamicSizes()) {
    FailureOr<Value> bound = entry.hoist(size, offender);
    buffer.sizes.push_back(succeeded(bound) ? *bound : size);
    if (failed(bound))
      bound = entry.hoistBound(size);
    if (failed(bound))
      return fail(offender);
    for (auto [condition, wanted] : conditions)
      if (!getConstantIntValue(*bound))
        bound = entry.onlyIf(condition, wanted, *bound);
    buffer.bounds.push_back(*bound);
    addFactor(*bound);
  }
  if (overflows || unit > std::numeric_limits<int64_t>::max() - kArenaAlignment)
    return alloc.emitError("the size of this buffer overflows");
  unit = llvm::alignTo(std::max<int64_t>(unit, 1), kArenaAlignment);
  // Stack buffers need no slices; only static ones go there.
  bool onStack =
      buffer.perIteration && buffer.factors.empty() && unit <= maxStackBytes;
  buffer.sliceUnit = unit;
  if (buffer.perIteration && !onStack) {
    scf::ParallelOp loop = buffer.perIteration;
    for (auto [lb, ub, step] : llvm::zip_equal(
             loop.getLowerBound(), loop.getUpperBound(), loop.getStep())) {
      FailureOr<Value> from = entry.hoist(lb, offender);
      FailureOr<Value> to = entry.hoist(ub, offender);
      if (failed(to))
        to = entry.hoistBound(ub);
      FailureOr<Value> by = entry.hoist(step, offender);
      if (failed(from) || failed(to) || failed(by))
        return fail(offender);
      Value span =
          entry.add(entry.sub(*to, *from), entry.sub(*by, entry.constant(1)));
      addFactor(entry.max(entry.div(span, *by), entry.constant(0)));
    }
  }
  if (overflows)
    return alloc.emitError("the size of this buffer overflows");
  // Products commute: the same factors in any order are one region.
  llvm::sort(buffer.factors, [](Value a, Value b) {
    auto argA = dyn_cast<BlockArgument>(a), argB = dyn_cast<BlockArgument>(b);
    if (argA && argB)
      return argA.getArgNumber() < argB.getArgNumber();
    if (argA || argB)
      return !!argA;
    return a != b && a.getDefiningOp()->isBeforeInBlock(b.getDefiningOp());
  });
  buffer.slot.size = unit;
  return success();
}

LogicalResult FunctionPlanner::computeLifetime(Buffer &buffer) {
  // From the first use, not from the allocation, which may stand far ahead.
  buffer.slot.first = order.size();
  buffer.slot.last = -1;
  SmallPtrSet<Operation *, 4> loops;
  for (Operation *op = buffer.alloc->getParentOp(); op != func;
       op = op->getParentOp())
    if (isa<LoopLikeOpInterface>(op))
      loops.insert(op);
  for (Value alias : aliases->resolve(buffer.alloc.getResult())) {
    for (Operation *user : alias.getUsers()) {
      if (user->hasTrait<OpTrait::IsTerminator>() &&
          loops.contains(user->getParentOp()))
        return buffer.alloc.emitError(
            "this buffer is carried from one iteration of a loop to the next; "
            "allocate it outside the loop");
      int64_t here = getNumber(user);
      buffer.slot.first = std::min(buffer.slot.first, here);
      buffer.slot.last = std::max(buffer.slot.last, here);
    }
  }
  return success();
}

LogicalResult FunctionPlanner::emit() {
  MLIRContext *context = func.getContext();
  auto arenaType =
      MemRefType::get({ShapedType::kDynamic}, IntegerType::get(context, 8));
  unsigned index = func.getNumArguments();
  auto attrs = DictionaryAttr::get(
      context, NamedAttribute(StringAttr::get(context, kArenaAttrName),
                              UnitAttr::get(context)));
  if (failed(func.insertArgument(index, arenaType, attrs, func.getLoc())))
    return failure();
  Value arena = func.getArgument(index);

  total = entry.constant(0);
  for (auto &[factors, region] : regions) {
    // Where it overflows, that is said of the largest of them.
    auto largest = llvm::max_element(region.buffers, [](Buffer *a, Buffer *b) {
      return a->slot.size < b->slot.size;
    });
    if (largest != region.buffers.end())
      entry.setLoc((*largest)->alloc.getLoc());
    region.unit = entry.constant(1);
    for (Value factor : factors)
      region.unit = entry.mul(region.unit, factor);
    region.base = total;
    Value bytes = entry.mul(entry.constant(region.size), region.unit);
    entry.setLoc(func.getLoc());
    total = entry.add(total, bytes);
  }
  for (auto &[factors, region] : regions)
    for (Buffer *buffer : region.buffers)
      replaceByView(
          *buffer, arena,
          entry.add(region.base, entry.mul(entry.constant(buffer->slot.offset),
                                           region.unit)));
  return success();
}

Value FunctionPlanner::computeSize(OpBuilder &b, func::CallOp call) const {
  IRMapping mapping;
  for (auto [operand, arg] :
       llvm::zip(call.getOperands(), entry.getBody().getArguments()))
    mapping.map(arg, operand);
  std::function<Value(Value)> copy = [&](Value value) -> Value {
    if (Value known = mapping.lookupOrNull(value))
      return known;
    return cloneProducer(b, value, mapping, copy);
  };
  return copy(total);
}

/// The number of the iteration that `loop` is in, counted in row-major order.
Value FunctionPlanner::iterationNumber(OpBuilder &b, scf::ParallelOp loop) {
  ImplicitLocOpBuilder lb(loop.getLoc(), b);
  Value number;
  for (auto [iv, from, to, by] :
       llvm::zip_equal(loop.getInductionVars(), loop.getLowerBound(),
                       loop.getUpperBound(), loop.getStep())) {
    Value span = lb.createOrFold<arith::SubIOp>(to, from);
    Value one = arith::ConstantIndexOp::create(lb, 1);
    Value trips = lb.createOrFold<arith::DivSIOp>(
        lb.createOrFold<arith::AddIOp>(span,
                                       lb.createOrFold<arith::SubIOp>(by, one)),
        by);
    Value here = lb.createOrFold<arith::DivSIOp>(
        lb.createOrFold<arith::SubIOp>(iv, from), by);
    number = number ? lb.createOrFold<arith::AddIOp>(
                          lb.createOrFold<arith::MulIOp>(number, trips), here)
                    : here;
  }
  return number;
}

void FunctionPlanner::replaceByView(Buffer &buffer, Value arena, Value offset) {
  memref::AllocOp alloc = buffer.alloc;
  OpBuilder b(alloc);
  if (buffer.perIteration) {
    // Slices of one buffer lie side by side: its place in the region is
    // `unit * trips` long, and iteration i has the i-th part.
    ImplicitLocOpBuilder lb(alloc.getLoc(), b);
    Value slice = arith::ConstantIndexOp::create(lb, buffer.sliceUnit);
    for (Value size : buffer.bounds)
      if (!getConstantIntValue(size))
        slice = lb.createOrFold<arith::MulIOp>(slice, size);
    offset = lb.createOrFold<arith::AddIOp>(
        offset, lb.createOrFold<arith::MulIOp>(
                    iterationNumber(lb, buffer.perIteration), slice));
  }
  auto view = memref::ViewOp::create(b, alloc.getLoc(), alloc.getType(), arena,
                                     offset, buffer.sizes);
  alloc.replaceAllUsesWith(view.getResult());
  alloc.erase();
}

LogicalResult FunctionPlanner::emitArenaSize(SymbolTable &symbols) {
  ImplicitLocOpBuilder b(func.getLoc(), func.getContext());
  const SymbolicDims &dims = entry.getDims();
  SmallVector<Type> inputs(dims.size(), b.getIndexType());
  auto size = func::FuncOp::create(b, getArenaSizeFunctionName(func),
                                   b.getFunctionType(inputs, b.getIndexType()));
  size.setPrivate();
  symbols.insert(size, std::next(Block::iterator(func)));
  Block *body = size.addEntryBlock();
  b.setInsertionPointToStart(body);

  auto shapes = symbols.lookup<func::FuncOp>(getShapesFunctionName(func));
  if (shapes &&
      failed(verifyHelperFunction(func, shapes, getNumShapesResults(func))))
    return failure();
  func::CallOp extents;
  IRMapping mapping;
  std::function<Value(Value)> copy = [&](Value value) -> Value {
    if (Value known = mapping.lookupOrNull(value))
      return known;
    Operation *op = value.getDefiningOp();
    if (auto dim = dyn_cast<memref::DimOp>(op)) {
      unsigned arg = cast<BlockArgument>(dim.getSource()).getArgNumber();
      unsigned axis = *dim.getConstantIndex();
      if (auto symbol = dims.lookup(arg, axis))
        return body->getArgument(*symbol);
      // An extent of a result.
      if (!shapes)
        return nullptr;
      if (!extents)
        extents = func::CallOp::create(b, shapes, body->getArguments());
      unsigned index = axis;
      for (unsigned i = 0; i < arg; ++i)
        if (func.getArgAttr(i, kResultAttrName))
          index += cast<MemRefType>(func.getArgument(i).getType()).getRank();
      return extents.getResult(index);
    }
    return cloneProducer(b, value, mapping, copy);
  };
  Value copied = copy(total);
  if (!copied)
    return func.emitError("a buffer's size depends on the extents of a result, "
                          "and there is no function '")
           << getShapesFunctionName(func) << "'";
  func::ReturnOp::create(b, copied);
  return success();
}

struct PlanMemoryPass : public tern::impl::PlanMemoryPassBase<PlanMemoryPass> {
  using PlanMemoryPassBase::PlanMemoryPassBase;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    FailureOr<SmallVector<func::FuncOp>> functions =
        getCalledFunctions(getOperation());
    if (failed(functions))
      return signalPassFailure();
    llvm::append_range(*functions, getEntryFunctions(getOperation()));
    FunctionPlanner::Planners planners;
    for (func::FuncOp func : *functions) {
      // One without memory stays as it is.
      if (func.isPrivate() && !needsMemory(func, planners, symbols))
        continue;
      auto planner = std::make_unique<FunctionPlanner>(func, maxStackBytes);
      if (failed(planner->run(symbols, planners)) ||
          (func.isPublic() && failed(planner->emitArenaSize(symbols))))
        return signalPassFailure();
      numBuffers += planner->numBuffers;
      staticBytes += planner->staticBytes;
      staticArenaBytes += planner->staticArenaBytes;
      numStackBuffers += planner->numStackBuffers;
      planners[func] = std::move(planner);
    }
    for (auto &[func, planner] : planners)
      planner->finish();
    WalkResult left = getOperation()->walk([](memref::AllocOp alloc) {
      alloc.emitError("allocation outside the public functions and those that "
                      "they call, which alone have an arena");
      return WalkResult::interrupt();
    });
    if (left.wasInterrupted())
      signalPassFailure();
  }

private:
  static bool needsMemory(func::FuncOp func,
                          const FunctionPlanner::Planners &planners,
                          SymbolTable &symbols) {
    WalkResult result = func.walk([&](Operation *op) {
      auto call = dyn_cast<func::CallOp>(op);
      bool needs =
          isa<memref::AllocOp>(op) ||
          (call && planners.contains(symbols.lookup(call.getCallee())));
      return needs ? WalkResult::interrupt() : WalkResult::advance();
    });
    return result.wasInterrupted();
  }
};

} // namespace
