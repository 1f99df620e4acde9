//===- Passes.h - From buffers to the LLVM dialect --------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LLVM_PASSES_H
#define TERN_LLVM_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace tern {
#define GEN_PASS_DECL
#include "tern/LLVM/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "tern/LLVM/Passes.h.inc"

/// buffers -> llvm: the C interface, then the LLVM dialect.
void buildBuffersToLLVMPipeline(mlir::OpPassManager &pm);
} // namespace tern

#endif // TERN_LLVM_PASSES_H
