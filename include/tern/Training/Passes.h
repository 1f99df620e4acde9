//===- Passes.h - From a model to a training step ---------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TRAINING_PASSES_H
#define TERN_TRAINING_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace tern {
#define GEN_PASS_DECL
#include "tern/Training/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "tern/Training/Passes.h.inc"
} // namespace tern

#endif // TERN_TRAINING_PASSES_H
