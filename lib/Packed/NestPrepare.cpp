//===- NestPrepare.cpp - A module for functions that prepare weights ------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Packed/Passes.h"

namespace tern {
#define GEN_PASS_DEF_TERNNESTPREPARE
#include "tern/Packed/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {
struct NestPreparePass : tern::impl::TernNestPrepareBase<NestPreparePass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<func::FuncOp> prepares;
    for (auto function : module.getOps<func::FuncOp>())
      if (TernDialect::PrepareAttrHelper(function->getContext())
              .isAttrPresent(function))
        prepares.push_back(function);
    if (prepares.empty())
      return;

    MLIRContext *context = &getContext();
    auto nested = ModuleOp::create(module.getLoc(), "prepare");
    TernDialect::PrepareAttrHelper(context).setAttr(nested,
                                                    UnitAttr::get(context));
    TernDialect::TargetAttrHelper(context).setAttr(
        nested, GenericTargetAttr::get(context));
    SymbolTable symbols(module);
    symbols.insert(nested);
    for (func::FuncOp function : prepares) {
      function->removeDiscardableAttr(
          TernDialect::TargetAttrHelper::getNameStr());
      function->remove();
      nested.push_back(function);
    }
    // What they call stays for others, who may call it, too.
    SymbolTable inner(nested);
    for (func::FuncOp function : prepares)
      copyUsed(function, symbols, inner);
  }

private:
  void copyUsed(Operation *op, SymbolTable &from, SymbolTable &to) {
    std::optional<SymbolTable::UseRange> uses = SymbolTable::getSymbolUses(op);
    if (!uses)
      return;
    for (SymbolTable::SymbolUse use : *uses) {
      StringAttr name = use.getSymbolRef().getRootReference();
      Operation *used = from.lookup(name);
      if (!used || to.lookup(name))
        continue;
      Operation *copy = used->clone();
      to.insert(copy);
      copyUsed(copy, from, to);
    }
  }
};
} // namespace
