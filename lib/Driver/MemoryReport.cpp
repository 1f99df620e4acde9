//===- MemoryReport.cpp - Memory of a run, for --stats --------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MemoryReport.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace tern;

/// Runs a function of index arithmetic, operation by operation, as folding
/// does. Nothing if one of them does not fold.
static std::optional<SmallVector<Attribute>> run(func::FuncOp func,
                                                 ArrayRef<Attribute> args) {
  DenseMap<Value, Attribute> values;
  for (auto [arg, value] : llvm::zip_equal(func.getArguments(), args))
    values[arg] = value;
  for (Operation &op : func.getBody().front().without_terminator()) {
    SmallVector<Attribute> operands;
    for (Value operand : op.getOperands())
      operands.push_back(values.lookup(operand));
    if (auto call = dyn_cast<func::CallOp>(op)) {
      auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
          call, call.getCalleeAttr());
      auto results = run(callee, operands);
      if (!results)
        return std::nullopt;
      for (auto [result, value] : llvm::zip_equal(op.getResults(), *results))
        values[result] = value;
      continue;
    }
    SmallVector<OpFoldResult> folded;
    if (failed(op.fold(operands, folded)) ||
        folded.size() != op.getNumResults())
      return std::nullopt;
    for (auto [result, value] : llvm::zip_equal(op.getResults(), folded))
      values[result] = isa<Attribute>(value)
                           ? cast<Attribute>(value)
                           : values.lookup(cast<Value>(value));
  }
  SmallVector<Attribute> results;
  for (Value value : func.getBody().front().getTerminator()->getOperands())
    results.push_back(values.lookup(value));
  return results;
}

/// Of an argument, whose symbolic extents `dims` has.
static int64_t getBytes(func::FuncOp func, unsigned arg,
                        const SymbolicDims &symbols,
                        const std::map<std::string, int64_t> &dims) {
  auto shaped = cast<ShapedType>(func.getArgumentTypes()[arg]);
  if (!shaped.hasRank() || !shaped.getElementType().isIntOrFloat())
    return 0;
  int64_t bytes = llvm::divideCeil(shaped.getElementTypeBitWidth(), 8);
  for (int64_t axis = 0; axis < shaped.getRank(); ++axis) {
    std::optional<unsigned> symbol = symbols.lookup(arg, axis);
    bytes *=
        symbol ? dims.at(symbols.getNames()[*symbol]) : shaped.getDimSize(axis);
  }
  return bytes;
}

void MemoryReport::read(ModuleOp module) {
  hasRead = true;
  SymbolTable symbols(module);
  Builder b(module.getContext());
  for (func::FuncOp func : getEntryFunctions(module)) {
    SmallVector<Attribute> values;
    SymbolicDims symbolicDims(func);
    for (const std::string &name : symbolicDims.getNames()) {
      auto it = given.find(name);
      int64_t value = it == given.end() ? 1 : it->second;
      dims[name] = value;
      values.push_back(b.getIndexAttr(value));
    }
    for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
      if (StringAttr name = getStateName(func, i))
        (func.getArgAttr(i, kStateAttrName) ? states
                                            : params)[name.getValue()] =
            getBytes(func, i, symbolicDims, dims);
    std::optional<int64_t> &arena = arenas[func.getName().str()];
    if (auto size =
            symbols.lookup<func::FuncOp>(getArenaSizeFunctionName(func)))
      if (auto result = run(size, values))
        if (auto bytes = dyn_cast_or_null<IntegerAttr>(result->front()))
          arena = bytes.getInt();
  }
}

std::string MemoryReport::checkDims() const {
  std::vector<std::string> known;
  known.reserve(dims.size());
  for (const auto &[name, value] : dims)
    known.push_back(name);
  for (const auto &entry : given)
    if (!dims.count(entry.getKey().str()))
      return "--stats-dim: there is no dimension " +
             runtime::quote(entry.getKey()) + "; " +
             (known.empty() ? "all are static"
                            : "there are: " + llvm::join(known, ", ") +
                                  runtime::suggest(entry.getKey(), known));
  return "";
}

void MemoryReport::print(llvm::json::OStream &out) const {
  auto total = [](const llvm::StringMap<int64_t> &sizes) {
    int64_t sum = 0;
    for (const auto &entry : sizes)
      sum += entry.second;
    return sum;
  };
  if (!hasRead) {
    out.attribute("memory", nullptr);
    return;
  }
  out.attributeObject("memory", [&] {
    out.attribute("parameters", total(params));
    out.attribute("optimizer_state", total(states));
    out.attributeObject("dims", [&] {
      for (const auto &[name, value] : dims)
        out.attribute(llvm::json::fixUTF8(name), value);
    });
    out.attributeObject("arenas", [&] {
      for (const auto &[name, bytes] : arenas)
        out.attribute(name, bytes ? llvm::json::Value(*bytes)
                                  : llvm::json::Value(nullptr));
    });
  });
}
