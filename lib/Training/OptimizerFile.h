//===- OptimizerFile.h - Optimizers as MLIR files ---------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TRAINING_OPTIMIZERFILE_H
#define TERN_LIB_TRAINING_OPTIMIZERFILE_H

#include "FunctionFile.h"

namespace tern {

/// A file of `optimizers/`, or the user's.
struct OptimizerFile {
  /// As it was given.
  std::string name;
  FunctionFile file;
  /// What the file has; the others are null. Their leading arguments are
  ///
  ///   update, updateMatrix           the parameter, the direction
  ///   direction, directionMatrix     the gradient
  ///   filter                         the gradient, or the direction
  ///
  /// and the others states and scalars. They return the first anew, or what
  /// goes on in its place, and the new states. Matrices are of rank 2, all
  /// others of rank 1.
  mlir::func::FuncOp update, updateMatrix, direction, directionMatrix, filter;
};

/// Filters, an optimizer, and filters of its direction.
struct OptimizerChain {
  std::vector<OptimizerFile> files;
  /// Which of them.
  size_t optimizer = 0;

  const OptimizerFile &getOptimizer() const { return files[optimizer]; }
  llvm::ArrayRef<OptimizerFile> getBefore() const {
    return llvm::ArrayRef(files).take_front(optimizer);
  }
  llvm::ArrayRef<OptimizerFile> getBehind() const {
    return llvm::ArrayRef(files).drop_front(optimizer + 1);
  }
};

/// Reads the files of a chain, `filter+...+optimizer+filter+...`, each the name
/// of a file of Tern or the path of one that ends in `.mlir`. The optimizer is
/// the last with an update. Errors are reported.
llvm::FailureOr<OptimizerChain> loadOptimizers(llvm::StringRef text,
                                               mlir::MLIRContext *context);

} // namespace tern

#endif // TERN_LIB_TRAINING_OPTIMIZERFILE_H
