//===- Schedule.cpp - Move operations up to where they free memory --------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "tern/Dialect/Tern/Utils/Storage.h"
#include "tern/Tiled/Passes.h"
#include "llvm/ADT/SetVector.h"

namespace tern {
#define GEN_PASS_DEF_SCHEDULEPASS
#include "tern/Tiled/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// Results that are this much smaller than what is read hold next to nothing.
constexpr int64_t kSmallPart = 16;

class Scheduler {
public:
  explicit Scheduler(func::FuncOp func);
  void run();

  /// How many operations that write to tensors were moved.
  int64_t numMoved = 0;

private:
  void moveUp(SetVector<Operation *> candidates);
  void addAffected(Operation *op, SetVector<Operation *> &candidates);
  void place(Operation *op);
  bool isPlaced(Value value) const;
  bool isReady(Operation *op);
  bool isWorthwhile(Operation *op);
  /// Whether all others that read a root are placed.
  bool isLastReader(Operation *op, Value root);

  Block &body;
  /// The values that an operation reads, its regions included, and what they
  /// are views of.
  DenseMap<Operation *, SetVector<Value>> reads, roots;
  /// The other way: operations by the value they read, and those that are no
  /// views by what they read is a view of.
  DenseMap<Value, SetVector<Operation *>> users, readers;
  /// Donated arguments that an operation writes to.
  DenseMap<Operation *, SmallVector<Value>> overwrites;
  DenseMap<Value, Operation *> overwriter;
  /// The original order.
  DenseMap<Operation *, int64_t> position;
  DenseSet<Operation *> placed;
  Operation *last = nullptr;
};
} // namespace

Scheduler::Scheduler(func::FuncOp func) : body(func.getBody().front()) {
  for (Operation &op : body) {
    SetVector<Value> &values = reads[&op];
    values.insert(op.operand_begin(), op.operand_end());
    for (Region &region : op.getRegions())
      getUsedValuesDefinedAbove(region, values);
    for (Value value : values) {
      users[value].insert(&op);
      if (isView(&op))
        continue;
      Value root = getViewedValue(value);
      roots[&op].insert(root);
      readers[root].insert(&op);
    }
  }
  Operation *ret = body.getTerminator();
  for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i) {
    auto index = func.getArgAttrOfType<IntegerAttr>(i, kDonatedAttrName);
    // `tern-donate` reports what is wrong.
    if (!index || index.getInt() < 0 || index.getInt() >= ret->getNumOperands())
      continue;
    Value value = getViewedValue(ret->getOperand(index.getInt()));
    if (Operation *op = value.getDefiningOp()) {
      overwrites[op].push_back(func.getArgument(i));
      overwriter[func.getArgument(i)] = op;
    }
  }
}

bool Scheduler::isLastReader(Operation *op, Value root) {
  return llvm::all_of(readers[root], [&](Operation *reader) {
    return reader == op || placed.contains(reader);
  });
}

bool Scheduler::isPlaced(Value value) const {
  Operation *producer = value.getDefiningOp();
  return !producer || placed.contains(producer);
}

/// A fill comes with the operation that writes to it.
bool Scheduler::isReady(Operation *op) {
  for (Value value : reads[op])
    if (!isPlaced(value) &&
        !(value.getDefiningOp<linalg::FillOp>() &&
          llvm::all_of(value.getDefiningOp()->getOperands(),
                       [&](Value operand) { return isPlaced(operand); })))
      return false;
  return llvm::all_of(overwrites.lookup(op),
                      [&](Value arg) { return isLastReader(op, arg); });
}

/// Whether there is less memory in use if an operation comes now, or next to no
/// more.
bool Scheduler::isWorthwhile(Operation *op) {
  int64_t held = 0, freed = 0, most = 0;
  if (!isView(op) && !isa<tensor::EmptyOp>(op) && !overwrites.contains(op))
    for (Value result : op->getResults())
      held += estimateBytes(result);
  for (Value root : roots[op]) {
    Operation *producer = root.getDefiningOp();
    if (!producer || !placed.contains(producer) ||
        producer->hasTrait<OpTrait::ConstantLike>() ||
        isa<tensor::EmptyOp>(producer))
      continue;
    most = std::max(most, estimateBytes(root));
    // A destination too: what is written there takes its place.
    if (isLastReader(op, root))
      freed += estimateBytes(root);
  }
  return held < freed || held * kSmallPart <= most;
}

void Scheduler::place(Operation *op) {
  for (Value value : reads[op])
    if (!isPlaced(value))
      place(value.getDefiningOp());
  if (last)
    op->moveAfter(last);
  else
    op->moveBefore(&body, body.begin());
  last = op;
  placed.insert(op);
}

/// Places all that can be, after what has just been placed.
void Scheduler::moveUp(SetVector<Operation *> candidates) {
  while (!candidates.empty()) {
    SmallVector<Operation *> sorted = candidates.takeVector();
    llvm::sort(sorted, [&](Operation *a, Operation *b) {
      return position[a] < position[b];
    });
    for (Operation *op : sorted) {
      if (placed.contains(op) || op->hasTrait<OpTrait::IsTerminator>() ||
          !isMemoryEffectFree(op) || !isReady(op) || !isWorthwhile(op))
        continue;
      place(op);
      numMoved += isa<DestinationStyleOpInterface>(op);
      addAffected(op, candidates);
    }
  }
}

/// Adds those for whom something is different now that `op` is placed.
void Scheduler::addAffected(Operation *op, SetVector<Operation *> &candidates) {
  for (Value result : op->getResults())
    candidates.insert_range(users[result]);
  for (Value root : roots[op]) {
    candidates.insert_range(readers[root]);
    if (Operation *writer = overwriter.lookup(root))
      candidates.insert(writer);
  }
}

void Scheduler::run() {
  SmallVector<Operation *> order(llvm::make_pointer_range(body));
  SetVector<Operation *> candidates;
  for (auto [i, op] : llvm::enumerate(order)) {
    position[op] = i;
    // Nothing has to come first.
    if (llvm::all_of(reads[op],
                     [](Value value) { return isa<BlockArgument>(value); }))
      candidates.insert(op);
  }
  moveUp(std::move(candidates));
  for (Operation *next : order) {
    if (placed.contains(next))
      continue;
    place(next);
    SetVector<Operation *> affected;
    addAffected(next, affected);
    moveUp(std::move(affected));
  }
}

namespace {
struct SchedulePass : tern::impl::SchedulePassBase<SchedulePass> {
  void runOnOperation() override {
    func::FuncOp func = getOperation();
    if (!func.getBody().hasOneBlock())
      return;
    for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i) {
      if (!func.getArgAttr(i, kDonatedAttrName))
        continue;
      Scheduler scheduler(func);
      scheduler.run();
      numMoved += scheduler.numMoved;
      return;
    }
  }
};
} // namespace
