//===- SharePrepares.cpp - One function for equal preparations ------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/IR/SymbolTable.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Tiled/Passes.h"

namespace tern {
#define GEN_PASS_DEF_TERNSHAREPREPARES
#include "tern/Tiled/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

/// The names of the parameters that a function reads and makes; null if one has
/// none, which `tern-emit-entry-points` reports.
static ArrayAttr getNames(func::FuncOp func) {
  SmallVector<Attribute> names;
  for (unsigned i = 0; i < func.getNumArguments(); ++i)
    names.push_back(func.getArgAttr(i, kParamAttrName));
  for (unsigned i = 0; i < func.getNumResults(); ++i)
    names.push_back(func.getResultAttr(i, kParamAttrName));
  return llvm::is_contained(names, nullptr)
             ? ArrayAttr()
             : ArrayAttr::get(func.getContext(), names);
}

/// All that is said of a function, of its arguments and results but their
/// names.
static Attribute getFacts(func::FuncOp func) {
  SmallVector<Attribute> facts;
  auto add = [&](DictionaryAttr attrs) {
    NamedAttrList list(attrs);
    list.erase(kParamAttrName);
    facts.push_back(list.getDictionary(func.getContext()));
  };
  for (unsigned i = 0; i < func.getNumArguments(); ++i)
    add(func.getArgAttrDict(i));
  for (unsigned i = 0; i < func.getNumResults(); ++i)
    add(func.getResultAttrDict(i));
  NamedAttrList own(func->getDiscardableAttrDictionary());
  own.erase(TernDialect::InstancesAttrHelper::getNameStr());
  facts.push_back(own.getDictionary(func.getContext()));
  facts.push_back(TypeAttr::get(func.getFunctionType()));
  return ArrayAttr::get(func.getContext(), facts);
}

namespace {
struct SharePreparesPass
    : tern::impl::TernSharePreparesBase<SharePreparesPass> {
  void runOnOperation() override {
    MLIRContext *context = &getContext();
    TernDialect::InstancesAttrHelper instances(context);
    DenseMap<Attribute, SmallVector<func::FuncOp>> known;
    llvm::DenseSet<StringAttr> used;
    if (auto uses = SymbolTable::getSymbolUses(&getOperation().getRegion()))
      for (SymbolTable::SymbolUse use : *uses)
        used.insert(use.getSymbolRef().getRootReference());
    auto functions = llvm::to_vector(getOperation().getOps<func::FuncOp>());
    for (func::FuncOp func : functions) {
      ArrayAttr own = getNames(func);
      if (!TernDialect::PrepareAttrHelper(context).isAttrPresent(func) ||
          func.isDeclaration() || !own)
        continue;
      auto &candidates = known[getFacts(func)];
      auto *same = llvm::find_if(candidates, [&](func::FuncOp other) {
        return OperationEquivalence::isRegionEquivalentTo(
            &other.getBody(), &func.getBody(),
            OperationEquivalence::Flags::IgnoreLocations);
      });
      if (same == candidates.end() || used.contains(func.getSymNameAttr())) {
        candidates.push_back(func);
        continue;
      }
      SmallVector<Attribute> names;
      if (ArrayAttr before = instances.getAttr(*same))
        llvm::append_range(names, before);
      names.push_back(own);
      if (ArrayAttr others = instances.getAttr(func))
        llvm::append_range(names, others);
      instances.setAttr(*same, ArrayAttr::get(context, names));
      func.erase();
      ++numShared;
    }
  }
};
} // namespace
