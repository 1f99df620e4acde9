//===- OptimizerFile.cpp - Optimizers as MLIR files -----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OptimizerFile.h"
#include "mlir/IR/BuiltinTypes.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"

using namespace mlir;
using namespace tern;

/// Checks a function's type and its arguments' roles. `numLeading` arguments
/// are of the parameter's shape, of which the first is returned anew.
static LogicalResult check(func::FuncOp func, unsigned numLeading,
                           int64_t rank) {
  SmallVector<int64_t> dynamic(rank, ShapedType::kDynamic);
  Type shaped =
      RankedTensorType::get(dynamic, Float32Type::get(func.getContext()));
  SmallVector<Type> leading(numLeading, shaped), results = {shaped};
  auto checkState = [&](unsigned i, StringRef name) -> LogicalResult {
    results.push_back(shaped);
    if (func.getArgument(i).getType() != shaped)
      return func.emitError("state '")
             << name << "' must be of type " << shaped;
    if (!func.getArgAttrOfType<FloatAttr>(i, kInitAttrName))
      return func.emitError("state '")
             << name << "' has no '" << kInitAttrName << "' of a float";
    return success();
  };
  if (failed(checkArguments(func, "an optimizer", leading, kStateAttrName,
                            "state", checkState)))
    return failure();
  if (func.getFunctionType().getResults() != ArrayRef(results))
    return func.emitError("expected results ")
           << results << ": what is updated, then the states in order";
  return success();
}

static LogicalResult load(StringRef name, MLIRContext *context,
                          OptimizerFile &optimizer) {
  auto file = loadFunctionFile({"optimizer", "optimizers"}, name, context);
  if (failed(file))
    return failure();
  optimizer.name = name.str();
  optimizer.file = std::move(*file);
  struct {
    StringRef name;
    func::FuncOp &function;
    unsigned numLeading;
    int64_t rank;
  } functions[] = {{"update", optimizer.update, 2, 1},
                   {"update_matrix", optimizer.updateMatrix, 2, 2},
                   {"direction", optimizer.direction, 1, 1},
                   {"direction_matrix", optimizer.directionMatrix, 1, 2},
                   {"filter", optimizer.filter, 1, 1}};
  for (auto &[function, found, numLeading, rank] : functions) {
    FailureOr<func::FuncOp> known = optimizer.file.find(function);
    if (failed(known) || (*known && failed(check(*known, numLeading, rank))))
      return failure();
    found = *known;
  }
  return success();
}

FailureOr<OptimizerChain> tern::loadOptimizers(StringRef text,
                                               MLIRContext *context) {
  auto error = [&](const Twine &text) -> LogicalResult {
    return emitError(UnknownLoc::get(context), text);
  };
  SmallVector<StringRef> names;
  text.split(names, '+');
  OptimizerChain chain;
  std::optional<size_t> last;
  for (StringRef name : names) {
    OptimizerFile &file = chain.files.emplace_back();
    if (failed(load(name.trim(), context, file)))
      return failure();
    if (file.update)
      last = chain.files.size() - 1;
  }
  if (!last)
    return error("optimizer '" + chain.files.back().name +
                 "' has no function 'update'");
  chain.optimizer = *last;
  const OptimizerFile &optimizer = chain.getOptimizer();
  if (optimizer.directionMatrix && !optimizer.updateMatrix)
    return error("optimizer '" + optimizer.name +
                 "' has a function 'direction_matrix', but no 'update_matrix'");
  for (const OptimizerFile &file : chain.getBefore())
    if (!file.filter)
      return error("'" + file.name +
                   "' stands before another optimizer, but has no function "
                   "'filter'");
  for (const OptimizerFile &file : chain.getBehind()) {
    if (!file.filter)
      return error("'" + file.name + "' stands behind the optimizer '" +
                   optimizer.name + "', but has no function 'filter'");
    if (!optimizer.direction && !optimizer.directionMatrix)
      return error("'" + file.name + "' stands behind the optimizer '" +
                   optimizer.name +
                   "', which has no function 'direction' that a filter could "
                   "run after; put it before");
  }
  return chain;
}
