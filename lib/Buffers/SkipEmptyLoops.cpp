//===- SkipEmptyLoops.cpp - Skip loops around empty loops -----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CopyValues.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "tern/Buffers/Passes.h"

namespace tern {
#define GEN_PASS_DEF_SKIPEMPTYLOOPSPASS
#include "tern/Buffers/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// When operations write, as far as that is known in front of a loop.
struct Effect {
  /// True wherever they write. Null: they may always.
  Value condition;
  /// Whether the bounds of all loops among them are part of it.
  bool isComplete = false;
  /// Whether those of the loops inside these are, so that there is nothing to
  /// guard in them.
  bool isCompleteInside = false;
};

class Guard {
public:
  /// Conditions are computed in front of `loop`.
  explicit Guard(LoopLikeOpInterface loop) : loop(loop), b(loop) {}

  /// When an iteration writes.
  Effect getEffect(Block &body);

private:
  bool addEffects(Block &body, SmallVectorImpl<Effect> &effects);
  Effect getEffect(LoopLikeOpInterface inner);
  Value isEntered(LoopLikeOpInterface inner, bool &isComplete);
  Value hoist(OpFoldResult value);
  Value hoist(Value value);

  LoopLikeOpInterface loop;
  OpBuilder b;
  IRMapping hoisted;
};

/// Whether it makes a difference that the operation runs. Memory that is read
/// or that it has for itself makes none.
bool mayWrite(Operation *op) {
  auto effects = getEffectsRecursively(op);
  return !effects ||
         llvm::any_of(
             *effects, [](const MemoryEffects::EffectInstance &effect) {
               return !isa<MemoryEffects::Read, MemoryEffects::Allocate>(
                   effect.getEffect());
             });
}

bool hasLoop(Region &region) {
  return region
      .walk([](LoopLikeOpInterface) { return WalkResult::interrupt(); })
      .wasInterrupted();
}

/// Adds what writes in an iteration. False: something may always.
bool Guard::addEffects(Block &body, SmallVectorImpl<Effect> &effects) {
  for (Operation &op : body.without_terminator()) {
    if (!mayWrite(&op))
      continue;
    if (auto inner = dyn_cast<LoopLikeOpInterface>(op)) {
      Effect effect = getEffect(inner);
      if (!effect.condition)
        return false;
      effects.push_back(effect);
    } else if (isa<scf::IfOp>(op)) {
      // Each side that is taken counts as if it always were.
      for (Region &side : op.getRegions())
        if (!side.empty() && !addEffects(side.front(), effects))
          return false;
    } else {
      return false;
    }
  }
  return true;
}

Effect Guard::getEffect(Block &body) {
  SmallVector<Effect> effects;
  if (!addEffects(body, effects))
    return {};
  if (effects.size() == 1)
    return effects.front();
  // Each of several may be empty while another is not.
  Effect any;
  for (const Effect &effect : effects)
    any.condition = any.condition
                        ? b.createOrFold<arith::OrIOp>(
                              loop.getLoc(), any.condition, effect.condition)
                        : effect.condition;
  return any;
}

Effect Guard::getEffect(LoopLikeOpInterface inner) {
  if (inner->getNumRegions() != 1 || !inner->getRegion(0).hasOneBlock())
    return {};
  Effect body = getEffect(inner->getRegion(0).front());
  Effect effect;
  bool isEnteredComplete = true;
  effect.condition = isEntered(inner, isEnteredComplete);
  effect.isCompleteInside = body.isComplete || !hasLoop(inner->getRegion(0));
  effect.isComplete = effect.isCompleteInside && isEnteredComplete;
  if (!effect.condition)
    effect.condition = body.condition;
  else if (body.condition)
    effect.condition = b.createOrFold<arith::AndIOp>(
        inner.getLoc(), effect.condition, body.condition);
  return effect;
}

/// Whether the loop has iterations, by those of its bounds that are known in
/// front of the loop around it; null if none is.
Value Guard::isEntered(LoopLikeOpInterface inner, bool &isComplete) {
  auto lowers = inner.getLoopLowerBounds();
  auto uppers = inner.getLoopUpperBounds();
  if (!lowers || !uppers) {
    isComplete = false;
    return nullptr;
  }
  auto forOp = dyn_cast<scf::ForOp>(inner.getOperation());
  auto predicate = forOp && forOp.getUnsignedCmp() ? arith::CmpIPredicate::ult
                                                   : arith::CmpIPredicate::slt;
  Value all;
  for (auto [lower, upper] : llvm::zip_equal(*lowers, *uppers)) {
    Value from = hoist(lower), to = from ? hoist(upper) : nullptr;
    if (!to) {
      isComplete = false;
      continue;
    }
    Value some =
        b.createOrFold<arith::CmpIOp>(inner.getLoc(), predicate, from, to);
    all = all ? b.createOrFold<arith::AndIOp>(inner.getLoc(), all, some) : some;
  }
  return all;
}

Value Guard::hoist(OpFoldResult value) {
  if (auto known = dyn_cast<Value>(value))
    return hoist(known);
  return arith::ConstantIndexOp::create(b, loop.getLoc(),
                                        *getConstantIntValue(value));
}

/// The same value in front of the loop; null if there is none.
Value Guard::hoist(Value value) {
  if (!loop->isAncestor(value.getParentBlock()->getParentOp()))
    return value;
  if (Value known = hoisted.lookupOrNull(value))
    return known;
  Operation *op = value.getDefiningOp();
  if (!op || op->getNumRegions() != 0 || !isPure(op))
    return nullptr;
  return cloneProducer(b, value, hoisted,
                       [&](Value operand) { return hoist(operand); });
}

struct SkipEmptyLoopsPass
    : public tern::impl::SkipEmptyLoopsPassBase<SkipEmptyLoopsPass> {
  void runOnOperation() override { guardLoops(getOperation().getBody()); }

  void guardLoops(Region &region) {
    SmallVector<Operation *> ops;
    for (Block &block : region)
      for (Operation &op : block)
        if (op.getNumRegions() != 0)
          ops.push_back(&op);
    for (Operation *op : ops) {
      auto loop = dyn_cast<LoopLikeOpInterface>(op);
      if (loop && guard(loop))
        continue;
      for (Region &inner : op->getRegions())
        guardLoops(inner);
    }
  }

  /// Runs the loop only if an iteration writes. Returns whether there is
  /// nothing to guard inside.
  bool guard(LoopLikeOpInterface loop) {
    if (loop->getNumRegions() != 1 || !loop->getRegion(0).hasOneBlock() ||
        loop->getNumResults() != 0)
      return false;
    Effect effect = Guard(loop).getEffect(loop->getRegion(0).front());
    if (!effect.condition || matchPattern(effect.condition, m_One()))
      return effect.isCompleteInside;
    OpBuilder b(loop);
    auto check = scf::IfOp::create(b, loop.getLoc(), effect.condition,
                                   /*withElseRegion=*/false);
    loop->moveBefore(check.thenBlock()->getTerminator());
    ++numGuarded;
    return effect.isCompleteInside;
  }
};

} // namespace
