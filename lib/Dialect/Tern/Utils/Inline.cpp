//===- Inline.cpp - Functions' bodies in place of their calls -------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/Utils/Inline.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Transforms/Inliner.h"
#include "mlir/Transforms/InliningUtils.h"

using namespace mlir;
using namespace tern;

namespace {
/// Keeps what the body returns: there need not be a call whose results it
/// replaces. Whatever stands in one block computes the same elsewhere.
struct BodyInliner : InlinerInterface {
  explicit BodyInliner(MLIRContext *context) : InlinerInterface(context) {}

  using InlinerInterface::handleTerminator;
  using InlinerInterface::isLegalToInline;
  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
  void handleTerminator(Operation *op, ValueRange) const final {
    llvm::append_range(results, op->getOperands());
  }
  bool
  allowSingleBlockOptimization(iterator_range<Region::iterator>) const final {
    return true;
  }

  mutable SmallVector<Value> results;
};
} // namespace

SmallVector<Value> tern::inlineFunction(OpBuilder &b, func::FuncOp func,
                                        ValueRange operands) {
  BodyInliner inliner(func.getContext());
  IRMapping mapping;
  mapping.map(func.getArguments(), operands);
  LogicalResult inlined =
      inlineRegion(inliner, InlinerConfig().getCloneCallback(), &func.getBody(),
                   b.getInsertionBlock(), b.getInsertionPoint(), mapping,
                   ValueRange(), func.getResultTypes());
  assert(succeeded(inlined) && "arguments are mapped and all is legal");
  (void)inlined;
  return inliner.results;
}

/// `callers`: the functions on the way from `primal` to `root`.
static void inlineCalls(Operation *root,
                        SmallVectorImpl<Operation *> &callers) {
  SmallVector<func::CallOp> calls;
  root->walk([&](func::CallOp call) { calls.push_back(call); });
  for (func::CallOp call : calls) {
    auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
        callers.front(), call.getCalleeAttr());
    if (!callee || !callee.getBody().hasOneBlock() ||
        llvm::is_contained(callers, callee.getOperation()))
      continue;
    OwningOpRef<func::FuncOp> copy = callee.clone();
    callers.push_back(callee);
    inlineCalls(*copy, callers);
    callers.pop_back();
    OpBuilder b(call);
    call.replaceAllUsesWith(inlineFunction(b, *copy, call.getOperands()));
    call.erase();
  }
}

void tern::inlineCalls(func::FuncOp func, func::FuncOp primal) {
  SmallVector<Operation *> callers = {primal};
  ::inlineCalls(func, callers);
}
