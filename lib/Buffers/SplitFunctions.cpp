//===- SplitFunctions.cpp - Cut long functions into parts -----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CopyValues.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Transforms/RegionUtils.h"
#include "tern/Buffers/Passes.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"

namespace tern {
#define GEN_PASS_DEF_SPLITFUNCTIONSPASS
#include "tern/Buffers/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// Constants, views and index arithmetic: made again by each part that needs
/// them.
bool isRecomputed(Operation *op) {
  return op->getNumRegions() == 0 && isPure(op);
}

/// Loops, copies and fills, which become loops.
bool isLong(Operation *op) {
  return op->getNumRegions() != 0 || isa<memref::CopyOp>(op);
}

/// May become part of another function: threads and devices are the caller's to
/// wake, and memory on the stack lives as long as its function.
bool isMovable(Operation *op) {
  return !op->walk([](Operation *inner) {
              return isa<CallOpInterface, memref::AllocaOp, gpu::LaunchOp,
                         gpu::LaunchFuncOp>(inner)
                         ? WalkResult::interrupt()
                         : WalkResult::advance();
            }).wasInterrupted();
}

/// Moves operations of a block to a function of their own.
class Part {
public:
  Part(func::FuncOp func, SymbolTable &symbols, StringRef name)
      : func(func), b(func.getContext()) {
    b.setInsertionPointAfter(func);
    part =
        func::FuncOp::create(b, func.getLoc(), name, b.getFunctionType({}, {}));
    part.setPrivate();
    symbols.insert(part);
    block = part.addEntryBlock();
  }

  void take(ArrayRef<Operation *> ops);

private:
  func::FuncOp func, part;
  Block *block;
  OpBuilder b;
  IRMapping mapping;
  SmallVector<Value> captured;
};

void Part::take(ArrayRef<Operation *> ops) {
  DenseSet<Operation *> taken(ops.begin(), ops.end());
  SmallVector<Value> results;
  for (Operation *op : ops) {
    SetVector<Value> used(op->operand_begin(), op->operand_end());
    for (Region &region : op->getRegions())
      getUsedValuesDefinedAbove(region, used);
    b.setInsertionPointToEnd(block);
    for (Value value : used)
      captureValue(b, value, block, mapping, captured, isRecomputed);
    b.clone(*op, mapping);
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation *user) {
            return !taken.contains(
                func.getBody().front().findAncestorOpInBlock(*user));
          }))
        results.push_back(result);
  }
  b.setInsertionPointToEnd(block);
  SmallVector<Value> returned;
  for (Value result : results)
    returned.push_back(mapping.lookup(result));
  func::ReturnOp::create(b, func.getLoc(), returned);
  part.setFunctionType(b.getFunctionType(block->getArgumentTypes(),
                                         ValueRange(returned).getTypes()));

  b.setInsertionPointAfter(ops.back());
  auto call = func::CallOp::create(b, ops.back()->getLoc(), part, captured);
  TernDialect::PartAttrHelper(call->getContext())
      .setAttr(call, b.getUnitAttr());
  // What is computed of the results moves behind the call.
  DenseSet<Operation *> late;
  Operation *end = call;
  for (Operation *op = ops.front(); op != call.getOperation();) {
    Operation *next = op->getNextNode();
    if (!taken.contains(op) &&
        llvm::any_of(op->getOperands(), [&](Value operand) {
          Operation *source = operand.getDefiningOp();
          return source && (taken.contains(source) || late.contains(source));
        })) {
      late.insert(op);
      op->moveAfter(end);
      end = op;
    }
    op = next;
  }
  for (auto [result, replacement] : llvm::zip_equal(results, call.getResults()))
    result.replaceAllUsesWith(replacement);
  for (Operation *op : llvm::reverse(ops))
    op->erase();
}

struct SplitFunctionsPass
    : public tern::impl::SplitFunctionsPassBase<SplitFunctionsPass> {
  using SplitFunctionsPassBase::SplitFunctionsPassBase;

  void runOnOperation() override {
    if (maxLoops < 1) {
      getOperation().emitError("'max-loops' must be positive");
      return signalPassFailure();
    }
    SymbolTable symbols(getOperation());
    for (func::FuncOp func : getEntryFunctions(getOperation()))
      split(func, symbols);
  }

  void split(func::FuncOp func, SymbolTable &symbols) {
    if (!func.getBody().hasOneBlock())
      return;
    Block &body = func.getBody().front();
    // Parts take dense buffers, of which they make the views that they use.
    for (Operation &op : body)
      if (!isRecomputed(&op) &&
          llvm::any_of(op.getResultTypes(), [](Type type) {
            auto memref = dyn_cast<MemRefType>(type);
            return memref && !memref.getLayout().isIdentity();
          }))
        return;
    if (llvm::count_if(body, [](Operation &op) { return isLong(&op); }) <=
        2 * maxLoops)
      return;
    // Loops in a row, with nothing between them that has to stay.
    std::vector<SmallVector<Operation *>> runs(1);
    int64_t numLong = 0;
    for (Operation &op : body.without_terminator()) {
      if (isRecomputed(&op))
        continue;
      bool moves = isMovable(&op);
      if (!moves || numLong == maxLoops) {
        runs.emplace_back();
        numLong = 0;
      }
      if (moves) {
        runs.back().push_back(&op);
        numLong += isLong(&op);
      }
    }
    int number = 0;
    for (ArrayRef<Operation *> run : runs) {
      // A call for a few would gain nothing.
      if (llvm::count_if(run, isLong) < std::min<int64_t>(maxLoops, 8))
        continue;
      std::string name = (func.getName() + "_part" + Twine(number++)).str();
      Part(func, symbols, name).take(run);
      ++numParts;
    }
  }
};

} // namespace
