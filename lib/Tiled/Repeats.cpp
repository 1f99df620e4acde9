//===- Repeats.cpp - Equal runs of operations in a block ------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Repeats.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/Interfaces/CallInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/MapVector.h"
#include <functional>

using namespace mlir;
using namespace tern;

/// Distances that are tried, at most: the time for one is that of a walk.
static constexpr size_t kMaxSpacings = 256;

/// Sorts an operation behind those that it reads.
void RunSequence::classify(Operation &op) {
  if (op.hasTrait<OpTrait::ConstantLike>()) {
    madeAgain.insert(&op);
    return;
  }
  bool isKnown = llvm::all_of(op.getOperands(), [&](Value value) {
    Operation *source = value.getDefiningOp();
    return !source || madeAgain.contains(source) || atEntry.contains(source);
  });
  auto fill = dyn_cast<linalg::FillOp>(op);
  if (fill)
    isKnown &= fill.hasPureTensorSemantics() &&
               madeAgain.contains(fill.getOutputs()[0].getDefiningOp()) &&
               madeAgain.contains(fill.getInputs()[0].getDefiningOp());
  if (isKnown && (fill || isa<tensor::EmptyOp>(op)))
    madeAgain.insert(&op);
  else if (isKnown && op.getNumResults() > 0 && op.getNumRegions() == 0 &&
           isPure(&op) && llvm::all_of(op.getResultTypes(), [](Type type) {
             return type.isIntOrIndex();
           }))
    atEntry.insert(&op);
}

/// Whether the code of the two is equal but for what they read.
static bool isEqual(Operation *a, Operation *b) {
  DenseMap<Value, Value> inner;
  auto check = [&](Value x, Value y) -> LogicalResult {
    if (auto it = inner.find(x); it != inner.end())
      return success(it->second == y);
    return success(x.getType() == y.getType());
  };
  auto mark = [&](Value x, Value y) { inner[x] = y; };
  return OperationEquivalence::isEquivalentTo(
      a, b, check, mark, OperationEquivalence::Flags::IgnoreLocations);
}

SmallVector<OpOperand *> tern::getReads(Operation *op) {
  SmallVector<OpOperand *> reads;
  op->walk<WalkOrder::PreOrder>([&](Operation *inner) {
    for (OpOperand &operand : inner->getOpOperands())
      if (!op->isAncestor(operand.get().getParentBlock()->getParentOp()))
        reads.push_back(&operand);
  });
  return reads;
}

/// Whether it computes a value from values and has no other part in the
/// program.
static bool canMove(Operation *op) {
  return op->getNumResults() > 0 &&
         (isMemoryEffectFree(op) || isa<tensor::EmptyOp>(op)) &&
         !isa<CallOpInterface>(op);
}

RunSequence::RunSequence(Block &block) {
  // By name and types, then one by one.
  DenseMap<llvm::hash_code, SmallVector<std::pair<Operation *, unsigned>>>
      known;
  unsigned next = 0;
  for (Operation &op : block.without_terminator()) {
    classify(op);
    if (madeAgain.contains(&op) || atEntry.contains(&op))
      continue;
    positions[&op] = ops.size();
    ops.push_back(&op);
    if (!canMove(&op)) {
      kinds.push_back(next++);
      continue;
    }
    llvm::hash_code hash = llvm::hash_combine(
        op.getName(),
        llvm::hash_combine_range(op.result_type_begin(), op.result_type_end()),
        llvm::hash_combine_range(op.operand_type_begin(),
                                 op.operand_type_end()));
    auto &bucket = known[hash];
    auto *same = llvm::find_if(
        bucket, [&](const auto &entry) { return isEqual(entry.first, &op); });
    if (same != bucket.end()) {
      kinds.push_back(same->second);
      continue;
    }
    bucket.push_back({&op, next});
    kinds.push_back(next++);
  }
  for (Operation *op : ops)
    for (Value result : op->getResults()) {
      size_t &last = lastUses[result];
      for (Operation *user : result.getUsers()) {
        auto position = getPosition(block.findAncestorOpInBlock(*user));
        last = std::max(last, position.value_or(ops.size()));
      }
    }
}

std::optional<size_t> RunSequence::getPosition(Operation *op) const {
  auto it = positions.find(op);
  return it == positions.end() ? std::nullopt : std::optional(it->second);
}

SmallVector<Repeat> RunSequence::find(size_t shortest, size_t least) const {
  size_t n = kinds.size();
  // A run that comes again does so at the distance of equal neighbours.
  llvm::MapVector<size_t, size_t> spacings;
  DenseMap<unsigned, size_t> previous;
  for (auto [i, kind] : llvm::enumerate(kinds)) {
    auto [it, isNew] = previous.try_emplace(kind, i);
    if (!isNew && i - it->second >= shortest)
      ++spacings[i - it->second];
    it->second = i;
  }
  auto sorted = spacings.takeVector();
  llvm::sort(sorted, [](const auto &a, const auto &b) {
    return std::tuple(b.second, a.first) < std::tuple(a.second, b.first);
  });
  if (sorted.size() > kMaxSpacings)
    sorted.resize(kMaxSpacings);

  SmallVector<Repeat> found;
  for (auto [spacing, times] : sorted) {
    auto comesAgain = [&, spacing = spacing](size_t i) {
      return i + spacing < n && kinds[i] == kinds[i + spacing];
    };
    for (size_t i = 0; i + spacing < n; ++i) {
      if (!comesAgain(i))
        continue;
      size_t end = i;
      while (comesAgain(end))
        ++end;
      Repeat repeat;
      repeat.start = i;
      repeat.spacing = spacing;
      repeat.length = std::min(end - i, spacing);
      repeat.count = 2;
      auto isThereAgain = [&] {
        size_t from = repeat.getFirst(repeat.count - 1);
        for (size_t at = from; at < from + repeat.length; ++at)
          if (!comesAgain(at))
            return false;
        return true;
      };
      while (isThereAgain())
        ++repeat.count;
      if (repeat.length >= shortest && repeat.getSaved() >= least)
        found.push_back(repeat);
      i = end;
    }
  }
  llvm::sort(found, [](const Repeat &a, const Repeat &b) {
    return std::tuple(b.getSaved(), a.length, a.start) <
           std::tuple(a.getSaved(), b.length, b.start);
  });
  return found;
}

SmallVector<RunSequence::ResultNumber>
RunSequence::getLiveOut(size_t first, size_t length) const {
  SmallVector<ResultNumber> live;
  for (size_t i = 0; i < length; ++i)
    for (OpResult result : ops[first + i]->getResults())
      if (lastUses.lookup(result) >= first + length)
        live.push_back({i, result.getResultNumber()});
  return live;
}

Repeat RunSequence::cutBest(const Repeat &repeat) const {
  if (repeat.length < repeat.spacing)
    return repeat;
  // How far the last run could begin later.
  size_t end = repeat.getFirst(repeat.count - 1) + repeat.length;
  while (end < kinds.size() && kinds[end] == kinds[end - repeat.spacing])
    ++end;
  Repeat best;
  std::tuple<size_t, size_t> bestCost;
  for (size_t shift = 0; shift < repeat.spacing; ++shift) {
    Repeat shifted = repeat;
    shifted.start += shift;
    shifted.count = (end - shifted.start) / repeat.spacing;
    if (shifted.count < 2)
      break;
    // The last run is seen by what is behind all runs, the others by the next.
    size_t model = (shifted.count - 1) / 2;
    std::tuple<size_t, size_t> cost(
        getLiveOut(shifted.getFirst(model), repeat.length).size(),
        repeat.count + 1 - shifted.count);
    if (best.count == 0 || cost < bestCost) {
      best = shifted;
      bestCost = cost;
    }
  }
  return best.count == 0 ? repeat : best;
}

bool RunSequence::match(const Repeat &repeat, size_t model, size_t run,
                        SmallVectorImpl<ValuePair> &outer) const {
  size_t from = repeat.getFirst(model), to = repeat.getFirst(run);
  auto inRun = [&](Value value, size_t first) -> std::optional<size_t> {
    Operation *source = value.getDefiningOp();
    auto position = source ? getPosition(source) : std::nullopt;
    return position && *position >= first && *position < first + repeat.length
               ? std::optional(*position - first)
               : std::nullopt;
  };
  std::function<bool(Value, Value)> read;
  auto isSame = [&](Operation *a, Operation *b) {
    return isEqual(a, b) &&
           llvm::equal(getReads(a), getReads(b),
                       [&](OpOperand *ofModel, OpOperand *ofThis) {
                         return read(ofModel->get(), ofThis->get());
                       });
  };
  read = [&](Value a, Value b) {
    auto inModel = inRun(a, from), inThis = inRun(b, to);
    if (inModel || inThis)
      return inModel == inThis && cast<OpResult>(a).getResultNumber() ==
                                      cast<OpResult>(b).getResultNumber();
    if (isMadeAgain(a) != isMadeAgain(b))
      return false;
    if (!isMadeAgain(a)) {
      outer.push_back({a, b});
      return true;
    }
    return isSame(a.getDefiningOp(), b.getDefiningOp());
  };
  for (size_t i = 0; i < repeat.length; ++i)
    if (!canMove(ops[to + i]) || !isSame(ops[from + i], ops[to + i]))
      return false;
  return true;
}
