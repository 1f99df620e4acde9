//===- Weights.h - Run prepare functions, write weights ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_DRIVER_WEIGHTS_H
#define TERN_LIB_DRIVER_WEIGHTS_H

#include "Signature.h"
#include "mlir/IR/BuiltinOps.h"
#include "tern/Driver/Product.h"
#include <string>

namespace tern {

/// The weights file of an artifact.
struct PreparedWeights {
  /// runtime::hashWeights: 32 hexadecimal digits that depend on every byte.
  std::string id;
  /// Size of the file.
  uint64_t bytes = 0;
};

/// Computes the parameters among `state` with the prepare functions of a
/// module at level `llvm`, compiled for this machine, or copies them from the
/// weights file `source`, and writes them to `path`, which errors call
/// `shownPath`. State with an initial value is not in the file. One prepare
/// function runs at a time, and its results are written before the next one
/// runs. Errors are reported on the module.
llvm::LogicalResult
prepareWeights(mlir::ModuleOp module, llvm::ArrayRef<TensorInfo> state,
               llvm::StringRef source, const ProductOptions &options,
               ModelFiles &files, const std::string &path,
               llvm::StringRef shownPath, PreparedWeights &weights);

} // namespace tern

#endif // TERN_LIB_DRIVER_WEIGHTS_H
