//===- ImportContext.h - The context of fuzzed imports ----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_FUZZ_IMPORTCONTEXT_H
#define TERN_FUZZ_IMPORTCONTEXT_H

#include "mlir/IR/MLIRContext.h"

/// A context for the next run. It keeps every type and attribute that it ever
/// made, so it is another one now and then.
inline mlir::MLIRContext &getImportContext() {
  static std::unique_ptr<mlir::MLIRContext> context;
  static unsigned numRuns = 0;
  if (numRuns++ % 1000 == 0)
    context = std::make_unique<mlir::MLIRContext>(
        mlir::MLIRContext::Threading::DISABLED);
  return *context;
}

#endif // TERN_FUZZ_IMPORTCONTEXT_H
