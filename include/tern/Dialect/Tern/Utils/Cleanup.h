//===- Cleanup.h - What pipelines run between passes ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_UTILS_CLEANUP_H
#define TERN_DIALECT_TERN_UTILS_CLEANUP_H

#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"

namespace tern {

/// One form of what is equal, and once what is computed twice.
inline void addCleanup(mlir::OpPassManager &pm) {
  pm.addPass(mlir::createCanonicalizerPass());
  pm.addPass(mlir::createCSEPass());
}

} // namespace tern

#endif // TERN_DIALECT_TERN_UTILS_CLEANUP_H
