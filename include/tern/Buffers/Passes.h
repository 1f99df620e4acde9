//===- Passes.h - From tiled to buffers -------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_BUFFERS_PASSES_H
#define TERN_BUFFERS_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace tern {
#define GEN_PASS_DECL
#include "tern/Buffers/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "tern/Buffers/Passes.h.inc"

/// tiled -> buffers: bufferize, plan memory, outline parallel loops.
void buildTiledToBuffersPipeline(mlir::OpPassManager &pm);
} // namespace tern

#endif // TERN_BUFFERS_PASSES_H
