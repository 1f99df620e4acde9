//===- FuzzContext.h - The contexts of harnesses -----------------*- C++
//-*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_FUZZ_FUZZCONTEXT_H
#define TERN_FUZZ_FUZZCONTEXT_H

#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"

/// A context for the next run. It keeps every type and attribute that it ever
/// made, so it is another one every `lifetime` runs.
inline mlir::MLIRContext &
getContext(unsigned lifetime,
           void (*registerDialects)(mlir::DialectRegistry &) = nullptr) {
  static std::unique_ptr<mlir::MLIRContext> context;
  static unsigned numRuns = 0;
  if (numRuns++ % lifetime == 0) {
    mlir::DialectRegistry registry;
    if (registerDialects)
      registerDialects(registry);
    context = std::make_unique<mlir::MLIRContext>(
        registry, mlir::MLIRContext::Threading::DISABLED);
  }
  return *context;
}

#endif // TERN_FUZZ_FUZZCONTEXT_H
