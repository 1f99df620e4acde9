//===- OutlineParallel.cpp - Parallel loops to functions ------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ArenaLayout.h"
#include "CopyValues.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/DataLayoutInterfaces.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "tern/Buffers/Passes.h"
#include "tern/Dialect/Tern/IR/TernAttributes.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"

namespace tern {
#define GEN_PASS_DEF_OUTLINEPARALLELPASS
#include "tern/Buffers/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// Assumed of a loop whose trip count is not known.
constexpr uint64_t kUnknownTrips = 64;

/// A rough count of scalar operations, vectors counted by their elements.
uint64_t estimateWork(Operation *op) {
  uint64_t work = 1;
  for (Type type : op->getResultTypes())
    if (auto vector = dyn_cast<VectorType>(type))
      work = std::max<uint64_t>(work, vector.getNumElements());
  uint64_t inside = 0;
  for (Region &region : op->getRegions())
    for (Block &block : region)
      for (Operation &nested : block)
        inside = llvm::SaturatingAdd(inside, estimateWork(&nested));
  uint64_t trips = 1;
  auto multiply = [&](OpFoldResult lb, OpFoldResult ub, OpFoldResult step) {
    auto from = getConstantIntValue(lb), to = getConstantIntValue(ub);
    auto by = getConstantIntValue(step);
    trips = llvm::SaturatingMultiply(
        trips,
        from && to && by && *by > 0
            ? uint64_t(std::max<int64_t>(0, (*to - *from + *by - 1) / *by))
            : kUnknownTrips);
  };
  if (auto loop = dyn_cast<scf::ForOp>(op))
    multiply(loop.getLowerBound(), loop.getUpperBound(), loop.getStep());
  if (auto loop = dyn_cast<scf::ParallelOp>(op))
    for (auto [lb, ub, step] : llvm::zip_equal(
             loop.getLowerBound(), loop.getUpperBound(), loop.getStep()))
      multiply(lb, ub, step);
  return llvm::SaturatingAdd(work, llvm::SaturatingMultiply(trips, inside));
}

/// Whether an iteration is more than a few scalar operations.
bool isHeavy(scf::ParallelOp loop) {
  return loop.getBody()
      ->walk([](Operation *op) {
        bool heavy =
            isa<LoopLikeOpInterface>(op) ||
            llvm::any_of(op->getResultTypes(), llvm::IsaPred<VectorType>);
        return heavy ? WalkResult::interrupt() : WalkResult::advance();
      })
      .wasInterrupted();
}

LogicalResult makeSequential(RewriterBase &rewriter, scf::ParallelOp loop) {
  if (loop.getNumReductions() != 0)
    return loop.emitError("parallel loops with reductions are not supported");
  rewriter.setInsertionPoint(loop);
  SmallVector<Value> ivs;
  for (auto [lb, ub, step] : llvm::zip_equal(
           loop.getLowerBound(), loop.getUpperBound(), loop.getStep())) {
    auto inner = scf::ForOp::create(rewriter, loop.getLoc(), lb, ub, step);
    ivs.push_back(inner.getInductionVar());
    rewriter.setInsertionPointToStart(inner.getBody());
  }
  rewriter.eraseOp(loop.getBody()->getTerminator());
  rewriter.inlineBlockBefore(loop.getBody(), rewriter.getInsertionBlock(),
                             rewriter.getInsertionPoint(), ivs);
  rewriter.eraseOp(loop);
  return success();
}

/// Cheap to compute again where it is used, and no memory of its own.
bool isRecomputed(Operation *op) {
  return !isa<memref::DimOp, memref::ViewOp, memref::AllocaOp>(op) &&
         op->getNumRegions() == 0 && isPure(op);
}

/// Whether two different values of this kind are never the same memory: the
/// interface promises it of arguments, the planner of views of the arena (but
/// not of the arena itself).
bool isOwnMemory(Value value) {
  if (auto arg = dyn_cast<BlockArgument>(value)) {
    auto func = dyn_cast<func::FuncOp>(arg.getOwner()->getParentOp());
    return func && !func.getArgAttr(arg.getArgNumber(), kArenaAttrName);
  }
  return isa<memref::ViewOp, memref::AllocaOp>(value.getDefiningOp());
}

class Outliner {
public:
  Outliner(scf::ParallelOp loop, func::FuncOp func, std::string name)
      : loop(loop), func(func), name(std::move(name)), b(loop.getLoc(), loop) {}

  /// The function and the call of it that replaced the loop.
  std::pair<func::FuncOp, func::CallOp> run();

private:
  Value countTrips(OpBuilder &builder, unsigned dim);
  void buildLoops();

  scf::ParallelOp loop;
  func::FuncOp func;
  std::string name;
  ImplicitLocOpBuilder b;
  func::FuncOp body;
  Block *block = nullptr;
  /// Values of the caller and what stands for them in the body.
  IRMapping mapping;
  /// Values of the caller that are passed.
  SmallVector<Value> captured;
  /// How many dimensions, from the outside, are linearised.
  unsigned numLinear = 0;
};

/// Trip count of a dimension, computed where `builder` stands.
Value Outliner::countTrips(OpBuilder &builder, unsigned dim) {
  Location loc = loop.getLoc();
  auto here = [&](Value value) { return mapping.lookupOrDefault(value); };
  Value lb = here(loop.getLowerBound()[dim]);
  Value ub = here(loop.getUpperBound()[dim]);
  Value step = here(loop.getStep()[dim]);
  Value span = builder.createOrFold<arith::SubIOp>(loc, ub, lb);
  Value trips = builder.createOrFold<arith::CeilDivSIOp>(loc, span, step);
  Value zero = arith::ConstantIndexOp::create(builder, loc, 0);
  return builder.createOrFold<arith::MaxSIOp>(loc, trips, zero);
}

void Outliner::buildLoops() {
  SmallVector<Value> trips;
  for (unsigned dim = 0; dim < numLinear; ++dim)
    trips.push_back(countTrips(b, dim));
  Value one = arith::ConstantIndexOp::create(b, 1);
  auto outer =
      scf::ForOp::create(b, block->getArgument(0), block->getArgument(1), one);
  b.setInsertionPointToStart(outer.getBody());

  unsigned rank = loop.getNumLoops();
  SmallVector<Value> ivs(rank);
  Value rest = outer.getInductionVar();
  for (unsigned dim = numLinear; dim-- > 0;) {
    Value number = rest;
    if (dim > 0) {
      number = b.createOrFold<arith::RemSIOp>(rest, trips[dim]);
      rest = b.createOrFold<arith::DivSIOp>(rest, trips[dim]);
    }
    Value lb = mapping.lookup(loop.getLowerBound()[dim]);
    Value step = mapping.lookup(loop.getStep()[dim]);
    ivs[dim] = b.createOrFold<arith::AddIOp>(
        lb, b.createOrFold<arith::MulIOp>(number, step));
  }
  for (unsigned dim = numLinear; dim < rank; ++dim) {
    auto inner =
        scf::ForOp::create(b, mapping.lookup(loop.getLowerBound()[dim]),
                           mapping.lookup(loop.getUpperBound()[dim]),
                           mapping.lookup(loop.getStep()[dim]));
    ivs[dim] = inner.getInductionVar();
    b.setInsertionPointToStart(inner.getBody());
  }
  mapping.map(loop.getInductionVars(), ivs);
  for (Operation &op : loop.getBody()->without_terminator())
    b.clone(op, mapping);
  b.setInsertionPointToEnd(block);
  func::ReturnOp::create(b);
}

std::pair<func::FuncOp, func::CallOp> Outliner::run() {
  unsigned rank = loop.getNumLoops();
  numLinear = rank > 1 && !isHeavy(loop) ? rank - 1 : rank;

  Type index = b.getIndexType();
  b.setInsertionPointAfter(func);
  body = func::FuncOp::create(b, name, b.getFunctionType({index, index}, {}));
  body.setPrivate();
  block = body.addEntryBlock();
  b.setInsertionPointToStart(block);

  SetVector<Value> used;
  getUsedValuesDefinedAbove(loop.getRegion(), used);
  for (ValueRange bounds :
       {loop.getLowerBound(), loop.getUpperBound(), loop.getStep()})
    used.insert(bounds.begin(), bounds.end());
  for (Value value : used)
    captureValue(b, value, block, mapping, captured, isRecomputed);
  buildLoops();

  body.setFunctionType(b.getFunctionType(block->getArgumentTypes(), {}));
  auto isBuffer = [](Value value) { return isa<MemRefType>(value.getType()); };
  bool distinct = llvm::all_of(captured, [&](Value value) {
    return !isBuffer(value) || isOwnMemory(value);
  });
  if (distinct)
    for (auto [i, value] : llvm::enumerate(captured))
      if (isBuffer(value))
        body.setArgAttr(i + 2, LLVM::LLVMDialect::getNoAliasAttrName(),
                        b.getUnitAttr());

  // The call, with the whole range.
  b.setInsertionPoint(loop);
  IRMapping inBody = std::exchange(mapping, IRMapping());
  Value total;
  for (unsigned dim = 0; dim < numLinear; ++dim) {
    Value trips = countTrips(b, dim);
    total = total ? b.createOrFold<arith::MulIOp>(total, trips) : trips;
  }
  SmallVector<Value> operands = {arith::ConstantIndexOp::create(b, 0), total};
  llvm::append_range(operands, captured);
  auto call = func::CallOp::create(b, body, operands);
  TernDialect::ParallelAttrHelper(call->getContext())
      .setAttr(call, b.getStringAttr(getLocationName(loop.getLoc(), name)));
  loop.erase();
  return {body, call};
}

/// Stack buffers that may be in one place, since no two of them are in use at
/// a time.
struct StackSlot {
  SmallVector<memref::AllocaOp> buffers;
  int64_t bytes = 0;
};

/// Below it, LLVM may keep a buffer in registers, which a shared one prevents.
constexpr int64_t kSmallestShared = 256;

/// The last operation of the buffer's block that uses it, or a view of it; none
/// if what a branch or loop yields, a pointer, or memory without a rank may be
/// the buffer, too.
Operation *findLastUser(memref::AllocaOp alloca) {
  Block *block = alloca->getBlock();
  Operation *last = alloca;
  llvm::SetVector<Value> views;
  views.insert(alloca.getResult());
  for (size_t next = 0; next < views.size(); ++next)
    for (Operation *user : views[next].getUsers()) {
      if (user->hasTrait<OpTrait::IsTerminator>() ||
          isa<memref::ExtractAlignedPointerAsIndexOp>(user))
        return nullptr;
      for (Value result : user->getResults()) {
        if (isa<MemRefType>(result.getType()))
          views.insert(result);
        else if (!result.getType().isIntOrIndexOrFloat() &&
                 !isa<VectorType>(result.getType()))
          return nullptr;
      }
      Operation *ancestor = block->findAncestorOpInBlock(*user);
      if (ancestor && last->isBeforeInBlock(ancestor))
        last = ancestor;
    }
  return last;
}

/// Whether it is a plain array of memory, aligned as all are.
bool canShareStack(memref::AllocaOp alloca) {
  MemRefType type = alloca.getType();
  return type.hasStaticShape() && type.getLayout().isIdentity() &&
         !type.getMemorySpace() &&
         alloca.getAlignment().value_or(0) <= kArenaAlignment;
}

/// Gives each stack buffer of a block a slot that is not `taken`. Operations of
/// a block run one after the other, so that a slot is free behind the last
/// that uses its buffer. Buffers in use at a time have slots of their own:
/// LLVM knows then that they are different.
void placeStackBuffers(Block &block, BitVector taken, const DataLayout &layout,
                       SmallVectorImpl<StackSlot> &slots) {
  DenseMap<Operation *, SmallVector<unsigned>> released;
  for (Operation &op : block) {
    auto alloca = dyn_cast<memref::AllocaOp>(op);
    if (alloca && canShareStack(alloca)) {
      MemRefType type = alloca.getType();
      int64_t bytes = type.getNumElements() *
                      layout.getTypeSize(type.getElementType()).getFixedValue();
      Operation *last = findLastUser(alloca);
      if (bytes < kSmallestShared || !last)
        continue;
      int slot = taken.find_first_unset();
      if (slot < 0) {
        slot = taken.size();
        taken.resize(slot + 1);
      }
      taken.set(slot);
      if (slot >= static_cast<int>(slots.size()))
        slots.resize(slot + 1);
      slots[slot].buffers.push_back(alloca);
      slots[slot].bytes = std::max(slots[slot].bytes, bytes);
      released[last].push_back(slot);
      continue;
    }
    for (Region &region : op.getRegions())
      for (Block &inner : region)
        placeStackBuffers(inner, taken, layout, slots);
    for (unsigned slot : released.lookup(&op))
      taken.reset(slot);
  }
}

/// Stack buffers move to the entry of their function: within a loop each
/// iteration would take more stack. Those that are in use at different times
/// are in one place: those of a long function would not fit on a thread's
/// stack.
void hoistStackBuffers(func::FuncOp func) {
  Block &entry = func.getBody().front();
  SmallVector<StackSlot> slots;
  placeStackBuffers(entry, BitVector(), DataLayout::closest(func), slots);
  OpBuilder b = OpBuilder::atBlockBegin(&entry);
  for (StackSlot &slot : slots) {
    if (slot.buffers.size() < 2)
      continue;
    Location loc = func.getLoc();
    Value shared = memref::AllocaOp::create(
        b, loc, MemRefType::get({slot.bytes}, b.getI8Type()),
        b.getI64IntegerAttr(kArenaAlignment));
    Value zero = arith::ConstantIndexOp::create(b, loc, 0);
    for (memref::AllocaOp alloca : slot.buffers) {
      auto view = memref::ViewOp::create(b, alloca.getLoc(), alloca.getType(),
                                         shared, zero, ValueRange());
      alloca.replaceAllUsesWith(view.getResult());
      alloca.erase();
    }
  }
  func.walk([&](memref::AllocaOp alloca) {
    if (alloca.getType().hasStaticShape() && alloca->getBlock() != &entry)
      alloca->moveBefore(&entry, entry.begin());
  });
}

struct OutlineParallelPass
    : public tern::impl::OutlineParallelPassBase<OutlineParallelPass> {
  using OutlineParallelPassBase::OutlineParallelPassBase;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    FailureOr<SmallVector<func::FuncOp>> functions =
        getCalledFunctions(getOperation());
    if (failed(functions))
      return signalPassFailure();
    llvm::append_range(*functions, getEntryFunctions(getOperation()));
    for (func::FuncOp func : *functions)
      if (failed(outline(func, symbols)))
        return signalPassFailure();
    for (auto func : getOperation().getOps<func::FuncOp>())
      if (!func.isDeclaration())
        hoistStackBuffers(func);
  }

  LogicalResult outline(func::FuncOp func, SymbolTable &symbols) {
    IRRewriter rewriter(&getContext());
    SmallVector<scf::ParallelOp> nested, outermost;
    func.walk([&](scf::ParallelOp loop) {
      (loop->getParentOfType<scf::ParallelOp>() ? nested : outermost)
          .push_back(loop);
    });
    for (scf::ParallelOp loop : nested)
      if (failed(makeSequential(rewriter, loop)))
        return failure();
    int number = 0;
    uint64_t least =
        minWork >= 0 ? minWork : getTarget(func).getMachine().threadWork;
    for (scf::ParallelOp loop : outermost) {
      if (loop.getNumReductions() != 0 || estimateWork(loop) < least) {
        ++numSequential;
        if (failed(makeSequential(rewriter, loop)))
          return failure();
        continue;
      }
      ++numOutlined;
      std::string name =
          (func.getName() + "_par" + std::to_string(number++)).str();
      auto [body, call] = Outliner(loop, func, name).run();
      if (func::FuncOp same = findEqual(body)) {
        ++numShared;
        call.setCallee(same.getName());
        body.erase();
        continue;
      }
      symbols.insert(body);
      call.setCallee(body.getName());
      bodies[body.getFunctionType()].push_back(body);
    }
    return success();
  }

  /// Layers of one shape have equal loops, which need code only once.
  func::FuncOp findEqual(func::FuncOp body) {
    for (func::FuncOp other : bodies.lookup(body.getFunctionType()))
      if (other.getAllArgAttrs() == body.getAllArgAttrs() &&
          OperationEquivalence::isRegionEquivalentTo(
              &other.getBody(), &body.getBody(),
              OperationEquivalence::Flags::IgnoreLocations))
        return other;
    return {};
  }

  DenseMap<Type, SmallVector<func::FuncOp>> bodies;
};

} // namespace
