//===- Passes.h - From packed to llvm, by target ----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TARGETS_PASSES_H
#define TERN_TARGETS_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace tern {
/// The levels that a target's pipelines end at.
enum class LoweredLevel { Tiled, Buffers, LLVM };

#define GEN_PASS_DECL
#include "tern/Targets/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "tern/Targets/Passes.h.inc"
} // namespace tern

#endif // TERN_TARGETS_PASSES_H
