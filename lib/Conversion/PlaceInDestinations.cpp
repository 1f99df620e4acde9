//===- PlaceInDestinations.cpp - Compute where the result has to be -------===//
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
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "tern/Conversion/Passes.h"

namespace tern {
#define GEN_PASS_DEF_PLACEINDESTINATIONSPASS
#include "tern/Conversion/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// Calls `visit` with each value that may be the same memory as an operand if
/// all that may be in place is. Stops, and returns false, when it does.
bool forEachAlias(const bufferization::AnalysisState &state, OpOperand &operand,
                  function_ref<bool(Value)> visit) {
  Operation *op = operand.getOwner();
  for (bufferization::AliasingValue alias : state.getAliasingValues(operand))
    if (!visit(alias.value))
      return false;
  if (!op->hasTrait<OpTrait::IsTerminator>())
    return true;
  // What a loop or a branch yields is in its results and in what the next
  // iteration starts from.
  Operation *parent = op->getParentOp();
  if (!isa<RegionBranchOpInterface>(parent))
    return true;
  for (Value result : parent->getResults())
    if (!visit(result))
      return false;
  for (Region &region : parent->getRegions())
    for (BlockArgument arg : region.getArguments())
      if (!visit(arg))
        return false;
  return true;
}

/// Whether what starts as the result of `user` may be read when `materialize`
/// has written over it. Memory that holds what is materialized may be: it keeps
/// its elements.
bool isReadAfter(const bufferization::AnalysisState &state, Operation *user,
                 bufferization::MaterializeInDestinationOp materialize) {
  Block *block = materialize->getBlock();
  SmallVector<Value> worklist(user->getResults());
  SmallPtrSet<Value, 8> seen(worklist.begin(), worklist.end());
  auto add = [&](Value value) {
    if (isa<TensorType>(value.getType()) && seen.insert(value).second)
      worklist.push_back(value);
    return true;
  };
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    if (value == materialize.getSource())
      continue;
    for (OpOperand &use : value.getUses()) {
      Operation *here = block->findAncestorOpInBlock(*use.getOwner());
      if (!here || !here->isBeforeInBlock(materialize))
        return true;
      forEachAlias(state, use, add);
    }
  }
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

struct PlaceInDestinationsPass
    : public tern::impl::PlaceInDestinationsPassBase<PlaceInDestinationsPass> {
  void runOnOperation() override {
    func::FuncOp func = getOperation();
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
      if (!isa<BlockArgument>(materialize.getDest()) ||
          isReadAfter(state, user, materialize))
        return nullptr;
      return getTensor(b, materialize, user);
    };
    IRRewriter rewriter(&getContext());
    if (failed(
            bufferization::eliminateEmptyTensors(rewriter, func, state, place)))
      signalPassFailure();
  }
};

} // namespace
