//===- OptimizerFile.h - Optimizers as MLIR files ---------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TRAINING_OPTIMIZERFILE_H
#define TERN_LIB_TRAINING_OPTIMIZERFILE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <string>
#include <vector>

namespace tern {

/// A file of `optimizers/`, or the user's.
struct OptimizerFile {
  std::string text;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  /// What the file has; the others are null. Their leading arguments are the
  /// parameter, if there is one, and the gradient; the others are states and
  /// scalars. They return the new parameter (gradient) and the new states.
  mlir::func::FuncOp update, updateMatrix, filter;
};

/// Reads the files of a chain of optimizers, `filter+...+update`, each the name
/// of a file of Tern or the path of one that ends in `.mlir`. Errors are
/// reported.
llvm::FailureOr<std::vector<OptimizerFile>>
loadOptimizers(llvm::StringRef chain, mlir::MLIRContext *context);

} // namespace tern

#endif // TERN_LIB_TRAINING_OPTIMIZERFILE_H
