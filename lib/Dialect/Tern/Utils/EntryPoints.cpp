//===- EntryPoints.cpp - Entry functions and their extents ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "mlir/IR/BuiltinTypes.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Support/UniqueNames.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

SmallVector<func::FuncOp> tern::getEntryFunctions(ModuleOp module) {
  SmallVector<func::FuncOp> result;
  for (auto func : module.getOps<func::FuncOp>())
    if (!func.isDeclaration() && func.isPublic())
      result.push_back(func);
  return result;
}

bool tern::isLayerCall(func::CallOp call) {
  return !TernDialect::ParallelAttrHelper(call->getContext())
              .isAttrPresent(call) &&
         !TernDialect::PartAttrHelper(call->getContext()).isAttrPresent(call);
}

namespace {
/// Collects what functions call, deepest first.
class CallCollector {
public:
  explicit CallCollector(ModuleOp module) : symbols(module) {}

  LogicalResult visitCallees(func::FuncOp func) {
    SmallVector<func::CallOp> calls;
    func.walk([&](func::CallOp call) {
      if (tern::isLayerCall(call))
        calls.push_back(call);
    });
    for (func::CallOp call : calls)
      if (auto callee = symbols.lookup<func::FuncOp>(call.getCallee()))
        if (!callee.isDeclaration() && callee.isPrivate() &&
            failed(visit(callee)))
          return failure();
    return success();
  }

  SmallVector<func::FuncOp> found;

private:
  LogicalResult visit(func::FuncOp func) {
    auto [it, isNew] = isDone.try_emplace(func, false);
    if (!isNew)
      return it->second ? success()
                        : func.emitError("calls itself, and would need memory "
                                         "without end");
    if (failed(visitCallees(func)))
      return failure();
    isDone[func] = true;
    found.push_back(func);
    return success();
  }

  SymbolTable symbols;
  llvm::DenseMap<Operation *, bool> isDone;
};
} // namespace

FailureOr<SmallVector<func::FuncOp>> tern::getCalledFunctions(ModuleOp module) {
  CallCollector collector(module);
  for (func::FuncOp func : getEntryFunctions(module))
    if (failed(collector.visitCallees(func)))
      return failure();
  return std::move(collector.found);
}

ModuleOp tern::getPrepareModule(ModuleOp module) {
  for (auto nested : module.getOps<ModuleOp>())
    if (TernDialect::PrepareAttrHelper(nested->getContext())
            .isAttrPresent(nested))
      return nested;
  return TernDialect::PreparesAttrHelper(module->getContext())
                 .isAttrPresent(module)
             ? module
             : nullptr;
}

StringAttr tern::getStateName(func::FuncOp func, unsigned argument) {
  if (auto name = func.getArgAttrOfType<StringAttr>(argument, kParamAttrName))
    return name;
  return func.getArgAttrOfType<StringAttr>(argument, kStateAttrName);
}

BitVector tern::getDonatedResults(func::FuncOp func) {
  BitVector donated(func.getNumResults());
  for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
    if (auto index = func.getArgAttrOfType<IntegerAttr>(i, kDonatedAttrName))
      if (index.getInt() >= 0 && index.getInt() < func.getNumResults())
        donated.set(index.getInt());
  return donated;
}

std::string tern::getLocationName(Location loc, StringRef fallback) {
  std::string name;
  loc->walk([&](Location inner) {
    auto named = dyn_cast<NameLoc>(inner);
    if (!named)
      return WalkResult::advance();
    name = named.getName().str();
    return WalkResult::interrupt();
  });
  return name.empty() ? fallback.str() : name;
}

tern::SymbolicDims::SymbolicDims(func::FuncOp func) {
  llvm::StringMap<unsigned> known;
  // Names that are made up give way to those that are given.
  UniqueNames taken;
  for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
    if (auto shape = func.getArgAttrOfType<ArrayAttr>(i, kShapeAttrName))
      for (Attribute extent : shape)
        if (auto name = dyn_cast<StringAttr>(extent))
          taken.take(name);
  auto makeName = [&](unsigned argument, unsigned axis) {
    auto name = func.getArgAttrOfType<StringAttr>(argument, kNameAttrName);
    return taken.make((name ? name.str() : "arg" + std::to_string(argument)) +
                      "." + std::to_string(axis));
  };
  for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i) {
    auto type = dyn_cast<ShapedType>(func.getArgument(i).getType());
    if (!type || !type.hasRank() || func.getArgAttr(i, kResultAttrName) ||
        func.getArgAttr(i, kArenaAttrName))
      continue;
    auto shape = func.getArgAttrOfType<ArrayAttr>(i, kShapeAttrName);
    for (unsigned axis = 0, rank = type.getRank(); axis < rank; ++axis) {
      if (!type.isDynamicDim(axis))
        continue;
      StringAttr given;
      if (shape && axis < shape.size())
        given = dyn_cast<StringAttr>(shape[axis]);
      bool isNamed = given && !given.empty();
      std::string name = isNamed ? given.str() : makeName(i, axis);
      auto [it, isNew] = known.try_emplace(name, names.size());
      if (isNew) {
        names.push_back(name);
        sources.push_back({i, axis});
      }
      symbols[{i, axis}] = it->second;
    }
  }
}

std::optional<unsigned> tern::SymbolicDims::lookup(unsigned argument,
                                                   unsigned axis) const {
  auto it = symbols.find({argument, axis});
  return it == symbols.end() ? std::nullopt : std::optional(it->second);
}

std::string tern::getShapesFunctionName(func::FuncOp func) {
  return (func.getName() + "_shapes").str();
}

std::string tern::getArenaSizeFunctionName(func::FuncOp func) {
  return (func.getName() + "_arena_size").str();
}

std::string tern::getScalarChecksFunctionName(func::FuncOp func) {
  return (func.getName() + "_scalar_checks").str();
}

SmallVector<unsigned> tern::getScalarArguments(func::FuncOp func) {
  SmallVector<unsigned> scalars;
  for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
    if (func.getArgAttr(i, kScalarAttrName))
      scalars.push_back(i);
  return scalars;
}

LogicalResult tern::verifyHelperFunction(func::FuncOp func, func::FuncOp helper,
                                         std::optional<size_t> numResults) {
  size_t numDims = SymbolicDims(func).size();
  if (!helper.isDeclaration() && helper.getBody().hasOneBlock() &&
      helper.getNumArguments() == numDims &&
      helper.getNumResults() == numResults.value_or(helper.getNumResults()) &&
      llvm::all_of(helper.getArgumentTypes(), llvm::IsaPred<IndexType>) &&
      llvm::all_of(helper.getResultTypes(), llvm::IsaPred<IndexType>))
    return success();
  InFlightDiagnostic error = helper.emitError("expected a function from ")
                             << numDims << " extents, those of '"
                             << func.getName() << "', to ";
  if (numResults)
    error << *numResults << " ";
  return error << "indices";
}

/// How many extents of the first `numArguments` arguments the shapes function
/// returns.
static size_t countResultExtents(func::FuncOp func, unsigned numArguments) {
  size_t count = 0;
  for (unsigned i = 0; i < numArguments; ++i) {
    auto type = dyn_cast<ShapedType>(func.getArgument(i).getType());
    if (type && type.hasRank() && func.getArgAttr(i, tern::kResultAttrName) &&
        !func.getArgAttr(i, tern::kFailedCheckAttrName))
      count += type.getRank();
  }
  return count;
}

std::optional<unsigned> tern::findSymbol(func::FuncOp func,
                                         const SymbolicDims &dims,
                                         unsigned argument, unsigned axis) {
  if (std::optional<unsigned> symbol = dims.lookup(argument, axis))
    return symbol;
  if (!func.getArgAttr(argument, kResultAttrName) ||
      func.getArgAttr(argument, kFailedCheckAttrName))
    return std::nullopt;
  auto shapes = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
      func, StringAttr::get(func.getContext(), getShapesFunctionName(func)));
  if (!shapes || !shapes.getBody().hasOneBlock())
    return std::nullopt;
  Operation *ret = shapes.getBody().front().getTerminator();
  size_t position = countResultExtents(func, argument) + axis;
  if (position >= ret->getNumOperands())
    return std::nullopt;
  auto extent = dyn_cast<BlockArgument>(ret->getOperand(position));
  return extent && extent.getArgNumber() < dims.size()
             ? std::optional(extent.getArgNumber())
             : std::nullopt;
}

size_t tern::getNumShapesResults(func::FuncOp func) {
  size_t count = countResultExtents(func, func.getNumArguments());
  if (auto checks =
          TernDialect::ChecksAttrHelper(func->getContext()).getAttr(func))
    count += checks.size();
  return count;
}
