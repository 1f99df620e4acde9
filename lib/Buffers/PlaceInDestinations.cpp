//===- PlaceInDestinations.cpp - Compute results in their memory ----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/Transforms.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Dominance.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "tern/Buffers/Passes.h"

namespace tern {
#define GEN_PASS_DEF_PLACEINDESTINATIONSPASS
#include "tern/Buffers/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// Calls `visit` with each value that may be the same memory as an operand if
/// all that may be in place is.
void forEachAlias(const bufferization::AnalysisState &state, OpOperand &operand,
                  function_ref<void(Value)> visit) {
  Operation *op = operand.getOwner();
  for (bufferization::AliasingValue alias : state.getAliasingValues(operand))
    visit(alias.value);
  if (!op->hasTrait<OpTrait::IsTerminator>())
    return;
  // What a loop or a branch yields is in its results and in what the next
  // iteration starts from.
  Operation *parent = op->getParentOp();
  if (!isa<RegionBranchOpInterface>(parent))
    return;
  for (Value result : parent->getResults())
    visit(result);
  for (Region &region : parent->getRegions())
    for (BlockArgument arg : region.getArguments())
      visit(arg);
}

/// Everything that may be the same memory as one of `values`, themselves
/// included, but for what comes of `stop`.
llvm::SetVector<Value> getAliases(const bufferization::AnalysisState &state,
                                  ValueRange values, Value stop = nullptr) {
  llvm::SetVector<Value> aliases(values.begin(), values.end());
  for (size_t next = 0; next < aliases.size(); ++next) {
    if (aliases[next] == stop)
      continue;
    for (OpOperand &use : aliases[next].getUses())
      forEachAlias(state, use, [&](Value value) {
        if (isa<TensorType>(value.getType()))
          aliases.insert(value);
      });
  }
  return aliases;
}

/// Whether `materialize`, were what starts as the result of `user` in its
/// destination, would not be the end of it: another part or an older value of
/// the memory is read later, or what is materialized is written over. It may be
/// read: it is what the memory then holds.
bool isUsedAfter(const bufferization::AnalysisState &state, Operation *user,
                 bufferization::MaterializeInDestinationOp materialize) {
  Block *block = materialize->getBlock();
  auto isAfter = [&](OpOperand &use) {
    Operation *here = block->findAncestorOpInBlock(*use.getOwner());
    return !here ||
           (here != materialize && !here->isBeforeInBlock(materialize));
  };
  Value source = materialize.getSource();
  llvm::SetVector<Value> held = getAliases(state, source);
  for (Value value : held)
    for (OpOperand &use : value.getUses())
      if (isAfter(use) && state.bufferizesToMemoryWrite(use))
        return true;
  for (Value value : getAliases(state, user->getResults(), source))
    if (value != source && llvm::any_of(value.getUses(), isAfter))
      return true;
  return false;
}

/// The one tensor that stands for a destination, so that the analysis sees all
/// that is written to it; none if it comes after `user`.
Value getTensor(RewriterBase &b,
                bufferization::MaterializeInDestinationOp materialize,
                Operation *user) {
  auto dest = cast<BlockArgument>(materialize.getDest());
  Block *entry = dest.getOwner();
  for (Operation *known : dest.getUsers())
    if (auto tensor = dyn_cast<bufferization::ToTensorOp>(known))
      return tensor->getBlock() == entry &&
                     tensor->isBeforeInBlock(
                         entry->findAncestorOpInBlock(*user))
                 ? tensor.getResult()
                 : nullptr;
  b.setInsertionPointToStart(entry);
  auto type = memref::getTensorTypeFromMemRefType(dest.getType());
  materialize.setRestrict(false);
  return bufferization::ToTensorOp::create(b, materialize.getLoc(), type, dest,
                                           /*restrict=*/true,
                                           /*writable=*/true);
}

/// The other uses of `empty` that become what is materialized: a branch that is
/// not taken writes to what the other does. None if one of them must not start
/// in the destination.
std::optional<SmallVector<OpOperand *>>
getOtherUses(const bufferization::AnalysisState &state, tensor::EmptyOp empty,
             Operation *user,
             bufferization::MaterializeInDestinationOp materialize) {
  SmallVector<OpOperand *> others;
  for (OpOperand &use : empty->getUses()) {
    Operation *other = use.getOwner();
    if (other == user || !getAliases(state, other->getResults())
                              .contains(materialize.getSource()))
      continue;
    if (isUsedAfter(state, other, materialize))
      return std::nullopt;
    others.push_back(&use);
  }
  return others;
}

/// Where memory of its own was made for a call to write a result to that is
/// materialized in a destination, and nothing else has to do with that: lets
/// the call write to the destination. What it wrote may be read later, but not
/// written over.
void placeCallResults(func::FuncOp func) {
  SmallVector<bufferization::MaterializeInDestinationOp> ops(
      func.getBody()
          .front()
          .getOps<bufferization::MaterializeInDestinationOp>());
  for (bufferization::MaterializeInDestinationOp op : ops) {
    auto dest = dyn_cast<BlockArgument>(op.getDest());
    auto value = op.getSource().getDefiningOp<bufferization::ToTensorOp>();
    auto memory =
        value ? value.getBuffer().getDefiningOp<bufferization::ToBufferOp>()
              : bufferization::ToBufferOp();
    auto made =
        memory
            ? memory.getTensor().getDefiningOp<bufferization::AllocTensorOp>()
            : bufferization::AllocTensorOp();
    if (!made || made.getCopy() || !made->hasOneUse() || !dest ||
        !dest.hasOneUse() || dest.getType() != memory.getType())
      continue;
    memory.replaceAllUsesWith(Value(dest));
    value.setWritable(false);
    op.erase();
    memory.erase();
    made.erase();
  }
}

struct PlaceInDestinationsPass
    : public tern::impl::PlaceInDestinationsPassBase<PlaceInDestinationsPass> {
  void runOnOperation() override {
    func::FuncOp func = getOperation();
    if (!func.isDeclaration())
      placeCallResults(func);
    bufferization::OneShotBufferizationOptions options;
    options.allowReturnAllocsFromLoops = true;
    bufferization::OneShotAnalysisState state(func, options);
    if (failed(bufferization::analyzeOp(func, state)))
      return signalPassFailure();
    auto place = [&](RewriterBase &b, SubsetInsertionOpInterface op,
                     tensor::EmptyOp empty, Operation *user) -> Value {
      auto materialize = dyn_cast<bufferization::MaterializeInDestinationOp>(
          op.getOperation());
      if (!materialize || isa<TensorType>(materialize.getDest().getType()))
        return bufferization::buildSubsetExtraction(b, op, empty, user);
      // Elsewhere it may run more or less often than what it materializes.
      auto dest = dyn_cast<BlockArgument>(materialize.getDest());
      if (!dest || dest.getOwner() != materialize->getBlock() ||
          isUsedAfter(state, user, materialize))
        return nullptr;
      auto others = getOtherUses(state, empty, user, materialize);
      if (!others)
        return nullptr;
      Value tensor = getTensor(b, materialize, user);
      if (!tensor)
        return nullptr;
      DominanceInfo dominance;
      for (OpOperand *other : *others)
        if (!dominance.dominates(tensor, other->getOwner()))
          return nullptr;
      for (OpOperand *other : *others) {
        b.setInsertionPoint(other->getOwner());
        Value start = tensor;
        if (start.getType() != empty.getType())
          start = tensor::CastOp::create(b, empty.getLoc(), empty.getType(),
                                         tensor);
        b.modifyOpInPlace(other->getOwner(), [&] { other->set(start); });
      }
      return tensor;
    };
    IRRewriter rewriter(&getContext());
    if (failed(
            bufferization::eliminateEmptyTensors(rewriter, func, state, place)))
      signalPassFailure();
  }
};

} // namespace
