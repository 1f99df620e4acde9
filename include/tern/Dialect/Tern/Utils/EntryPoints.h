//===- EntryPoints.h - Entry functions and their extents --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What the passes from tensors to LLVM share: which functions the artifact
// exports, and which integer stands behind each dynamic extent.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_UTILS_ENTRYPOINTS_H
#define TERN_DIALECT_TERN_UTILS_ENTRYPOINTS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/MapVector.h"
#include <optional>
#include <string>

namespace tern {

/// Functions the artifact exports: defined and public.
llvm::SmallVector<mlir::func::FuncOp> getEntryFunctions(mlir::ModuleOp module);

/// Private functions with a body that entry functions call, or that these call,
/// each behind those that it calls: equal layers. Not those that calls marked
/// `tern.parallel` or `tern.part` run, which were cut out of their callers.
/// Fails with an error at a function that calls itself.
llvm::FailureOr<llvm::SmallVector<mlir::func::FuncOp>>
getCalledFunctions(mlir::ModuleOp module);

/// Whether a call is of such a function.
bool isLayerCall(mlir::func::CallOp call);

/// The nested module of the functions that run as the model is compiled; null
/// if there is none. Of what began as a file of Tern 0.1.0 at level `packed` or
/// later, it is the model's own.
mlir::ModuleOp getPrepareModule(mlir::ModuleOp module);

/// The name of a parameter or of optimizer state; null for other arguments.
mlir::StringAttr getStateName(mlir::func::FuncOp func, unsigned argument);

/// Which results are new values of donated arguments.
llvm::BitVector getDonatedResults(mlir::func::FuncOp func);

/// The name under which profiles and messages show an operation: its name
/// location, or `fallback`.
std::string getLocationName(mlir::Location loc, llvm::StringRef fallback);

/// The symbolic extents ("dims") of an entry function: one per distinct name
/// in the `tern.shape` of its arguments, in order of appearance. A dynamic
/// extent without a name gets one of its own, `<argument>.<axis>`. Arguments
/// made of results have none: the shapes function computes theirs.
class SymbolicDims {
public:
  explicit SymbolicDims(mlir::func::FuncOp func);

  /// Names in the order in which the artifact takes the values.
  llvm::ArrayRef<std::string> getNames() const { return names; }
  size_t size() const { return names.size(); }
  /// The symbol of an argument's extent, if it is dynamic.
  std::optional<unsigned> lookup(unsigned argument, unsigned axis) const;
  /// An argument and axis whose extent is the symbol.
  std::pair<unsigned, unsigned> getSource(unsigned symbol) const {
    return sources[symbol];
  }

private:
  llvm::SmallVector<std::string> names;
  llvm::SmallVector<std::pair<unsigned, unsigned>> sources;
  llvm::DenseMap<std::pair<unsigned, unsigned>, unsigned> symbols;
};

/// Name of the function `@<fn>_shapes(dims) -> extents`.
std::string getShapesFunctionName(mlir::func::FuncOp func);
/// Name of the function `@<fn>_arena_size(dims) -> bytes`.
std::string getArenaSizeFunctionName(mlir::func::FuncOp func);

/// Name of the function `@<fn>_scalar_checks(dims, scalars) -> index`.
std::string getScalarChecksFunctionName(mlir::func::FuncOp func);

/// The arguments that are scalars.
llvm::SmallVector<unsigned> getScalarArguments(mlir::func::FuncOp func);

/// Fails with an error at `helper` unless it is a function of one block from
/// the dims of `func` to indices, as many if a number is given.
llvm::LogicalResult
verifyHelperFunction(mlir::func::FuncOp func, mlir::func::FuncOp helper,
                     std::optional<size_t> numResults = std::nullopt);

/// The symbol that a dynamic extent of an argument is. Of an argument made of
/// a result it is one if the shapes function returns just that, whatever the
/// result's `tern.shape` says.
std::optional<unsigned> findSymbol(mlir::func::FuncOp func,
                                   const SymbolicDims &dims, unsigned argument,
                                   unsigned axis);

/// How many extents and checks the shapes function of `func` returns. The
/// function's results are marked arguments.
size_t getNumShapesResults(mlir::func::FuncOp func);

} // namespace tern

#endif // TERN_DIALECT_TERN_UTILS_ENTRYPOINTS_H
