//===- Passes.h - The pass tern-differentiate -------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_AUTODIFF_PASSES_H
#define TERN_AUTODIFF_PASSES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "tern/Autodiff/Differentiate.h"

namespace tern {
#define GEN_PASS_DECL
#include "tern/Autodiff/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "tern/Autodiff/Passes.h.inc"
} // namespace tern

#endif // TERN_AUTODIFF_PASSES_H
