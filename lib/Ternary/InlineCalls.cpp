//===- InlineCalls.cpp - A model's functions in place of their calls ------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "tern/Dialect/Tern/Utils/Inline.h"
#include "tern/Ternary/Passes.h"

namespace tern {
#define GEN_PASS_DEF_TERNINLINECALLS
#include "tern/Ternary/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {
struct InlineCallsPass : tern::impl::TernInlineCallsBase<InlineCallsPass> {
  void runOnOperation() override {
    FailureOr<SmallVector<func::FuncOp>> called =
        getCalledFunctions(getOperation());
    if (failed(called))
      return signalPassFailure();
    for (func::FuncOp func : getEntryFunctions(getOperation()))
      inlineCalls(func, func);
    // From callers to callees.
    for (func::FuncOp func : llvm::reverse(*called))
      if (SymbolTable::symbolKnownUseEmpty(func, getOperation())) {
        func.erase();
        ++numErased;
      }
  }
};
} // namespace
