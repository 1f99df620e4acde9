//===- Rematerialize.cpp - Recompute cheap values for gradients -----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which values are kept from the forward to the backward part is a cut of the
// graph (Chen et al., "Training deep nets with sublinear memory cost",
// arXiv:1604.06174, recompute what is cheap; later work finds the least cut).
// Here a value at a time, from the last to the first, is dropped if the cut
// becomes smaller: chains of elementwise operations leave little to choose.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/Contraction.h"
#include "tern/Dialect/Tern/Utils/Storage.h"
#include "tern/Packed/Passes.h"
#include "llvm/ADT/SetVector.h"

namespace tern {
#define GEN_PASS_DEF_TERNREMATERIALIZE
#include "tern/Packed/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// Less is kept without a thought.
constexpr int64_t kSmallBytes = 16384;
/// Operands this much smaller than the value are kept rather than recomputed.
constexpr int64_t kSmallPart = 16;

/// Whether an operation only computes elements of its results from elements of
/// its operands.
bool isElementwise(Operation *op) {
  auto linalgOp = dyn_cast_or_null<linalg::LinalgOp>(op);
  if (!linalgOp || !linalgOp.hasPureTensorSemantics() ||
      linalgOp.getNumParallelLoops() != linalgOp.getNumLoops())
    return false;
  for (OpOperand &init : linalgOp.getDpsInitsMutable())
    if (linalgOp.payloadUsesValueFromOperand(&init) ||
        !init.get().getDefiningOp<tensor::EmptyOp>())
      return false;
  // A body that reads other tensors gathers.
  for (Region &region : op->getRegions()) {
    SetVector<Value> captured;
    getUsedValuesDefinedAbove(region, captured);
    if (llvm::any_of(captured, [](Value value) {
          return isa<ShapedType>(value.getType());
        }))
      return false;
  }
  return true;
}

class Rematerializer {
public:
  Rematerializer(func::FuncOp func, unsigned result);
  int64_t run();

private:
  Operation *getTopLevel(Operation *op) const {
    return body.findAncestorOpInBlock(*op);
  }
  bool isForward(Operation *op) const { return forward.contains(op); }
  void collectForward(Value result);
  /// Uses by operations that are not views, here or through views.
  void forEachUse(Value value, function_ref<void(OpOperand &)> visit) const;
  bool isKept(Value value) const;
  /// Adds to `leaves` what recomputing `op` needs to be kept beyond what is;
  /// fails if it can't be recomputed.
  LogicalResult addLeaves(Operation *op, int64_t limit,
                          SetVector<Value> &leaves,
                          SmallPtrSetImpl<Operation *> &seen);
  bool drop(Value value);
  /// The value computed again before `b`'s insertion point.
  Value recompute(OpBuilder &b, Value value, IRMapping &mapping);
  void replaceUses(Value value);

  func::FuncOp func;
  Block &body;
  DenseSet<Operation *> forward;
  /// Roots that are there for the backward part, and those dropped.
  DenseSet<Value> kept, dropped;
  int64_t nextNumber = 0;
};
} // namespace

Rematerializer::Rematerializer(func::FuncOp func, unsigned result)
    : func(func), body(func.getBody().front()) {
  collectForward(body.getTerminator()->getOperand(result));
}

void Rematerializer::collectForward(Value result) {
  SmallVector<Value> todo = {result};
  while (!todo.empty()) {
    Operation *op = todo.pop_back_val().getDefiningOp();
    if (!op || !(op = getTopLevel(op)) || !forward.insert(op).second)
      continue;
    op->walk([&](Operation *nested) {
      llvm::append_range(todo, nested->getOperands());
    });
  }
}

void Rematerializer::forEachUse(Value value,
                                function_ref<void(OpOperand &)> visit) const {
  for (OpOperand &use : value.getUses()) {
    if (isView(use.getOwner()))
      forEachUse(use.getOwner()->getResult(0), visit);
    else
      visit(use);
  }
}

bool Rematerializer::isKept(Value value) const {
  bool result = false;
  forEachUse(value, [&](OpOperand &use) {
    result |= !isForward(getTopLevel(use.getOwner()));
  });
  return result;
}

LogicalResult Rematerializer::addLeaves(Operation *op, int64_t limit,
                                        SetVector<Value> &leaves,
                                        SmallPtrSetImpl<Operation *> &seen) {
  if (!seen.insert(op).second)
    return success();
  for (Value operand : cast<linalg::LinalgOp>(op).getDpsInputs()) {
    Value root = getViewedValue(operand);
    if (auto arg = dyn_cast<BlockArgument>(root)) {
      if (func.getArgAttr(arg.getArgNumber(), kDonatedAttrName))
        return failure();
      continue;
    }
    Operation *producer = root.getDefiningOp();
    if (!isa<ShapedType>(root.getType()) ||
        isa<arith::ConstantOp, tensor::EmptyOp>(producer) ||
        kept.contains(root))
      continue;
    if (isElementwise(producer) &&
        (dropped.contains(root) || estimateBytes(root) * kSmallPart > limit)) {
      if (failed(addLeaves(producer, limit, leaves, seen)))
        return failure();
      continue;
    }
    leaves.insert(root);
  }
  return success();
}

/// Whether it is better not to keep a value.
bool Rematerializer::drop(Value value) {
  Operation *op = value.getDefiningOp();
  int64_t bytes = estimateBytes(value);
  if (bytes < kSmallBytes || !isElementwise(op))
    return false;
  SetVector<Value> leaves;
  SmallPtrSet<Operation *, 8> seen;
  if (failed(addLeaves(op, bytes, leaves, seen)))
    return false;
  int64_t more = 0;
  for (Value leaf : leaves)
    more += estimateBytes(leaf);
  if (more >= bytes)
    return false;
  kept.erase(value);
  kept.insert(leaves.begin(), leaves.end());
  dropped.insert(value);
  return true;
}

Value Rematerializer::recompute(OpBuilder &b, Value value, IRMapping &mapping) {
  if (Value known = mapping.lookupOrNull(value))
    return known;
  Operation *op = value.getDefiningOp();
  Value root = getViewedValue(value);
  if (!op || isa<BlockArgument>(root) || kept.contains(root) ||
      !isa<ShapedType>(root.getType()) || !isElementwise(root.getDefiningOp()))
    return value;
  SmallVector<Value> operands(op->getOperands());
  if (isView(op)) {
    operands[0] = recompute(b, operands[0], mapping);
  } else {
    unsigned inputs = cast<linalg::LinalgOp>(op).getNumDpsInputs();
    for (Value &operand : MutableArrayRef(operands).take_front(inputs))
      operand = recompute(b, operand, mapping);
  }
  Operation *copy = b.clone(*op);
  copy->setOperands(operands);
  if (!isView(op))
    TernDialect::RecomputedAttrHelper(copy->getContext())
        .setAttr(copy, b.getI64IntegerAttr(nextNumber++));
  mapping.map(op->getResults(), copy->getResults());
  return mapping.lookup(value);
}

/// Lets the backward part read what is computed once more: each operation that
/// a copy can be fused into reads one of its own, all others the same one.
void Rematerializer::replaceUses(Value value) {
  SmallVector<OpOperand *> shared;
  SmallVector<std::pair<Value, OpOperand *>> own;
  Operation *first = nullptr;
  forEachUse(value, [&](OpOperand &use) {
    Operation *user = use.getOwner();
    Operation *top = getTopLevel(user);
    if (isForward(top))
      return;
    auto consumer = dyn_cast<linalg::GenericOp>(user);
    if (consumer && user == top && use.get() == value &&
        consumer.isDpsInput(&use) && !matchContraction(consumer) &&
        consumer.getMatchingIndexingMap(&use).isProjectedPermutation()) {
      own.push_back({use.get(), &use});
      return;
    }
    shared.push_back(&use);
    if (!first || top->isBeforeInBlock(first))
      first = top;
  });
  for (auto [read, use] : own) {
    OpBuilder b(use->getOwner());
    IRMapping mapping;
    use->set(recompute(b, read, mapping));
  }
  if (shared.empty())
    return;
  OpBuilder b(first);
  IRMapping mapping;
  for (OpOperand *use : shared)
    use->set(recompute(b, use->get(), mapping));
}

int64_t Rematerializer::run() {
  SmallVector<Value> candidates;
  for (Operation &op : body) {
    if (!isForward(&op) || isView(&op))
      continue;
    for (Value result : op.getResults()) {
      if (!isa<RankedTensorType>(result.getType()) || !isKept(result))
        continue;
      kept.insert(result);
      bool isReturned = false;
      forEachUse(result, [&](OpOperand &use) {
        isReturned |= use.getOwner() == body.getTerminator();
      });
      if (!isReturned)
        candidates.push_back(result);
    }
  }
  SmallVector<Value> chosen;
  for (Value value : llvm::reverse(candidates))
    if (drop(value))
      chosen.push_back(value);
  for (Value value : chosen)
    replaceUses(value);
  return chosen.size();
}

namespace {
struct RematerializePass
    : tern::impl::TernRematerializeBase<RematerializePass> {
  void runOnOperation() override {
    func::FuncOp func = getOperation();
    TernDialect::RecomputeAttrHelper recompute(&getContext());
    auto result = recompute.getAttr(func);
    if (!result)
      return;
    if (!func.getBody().hasOneBlock() || result.getInt() < 0 ||
        result.getInt() >= func.getNumResults()) {
      func.emitError() << "'" << recompute.getNameStr()
                       << "' is the index of a result of a function of one "
                          "block";
      return signalPassFailure();
    }
    numRecomputed += Rematerializer(func, result.getInt()).run();
    recompute.removeAttr(func);
  }
};
} // namespace
