//===- Passes.h - From packed to tiled --------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TILED_PASSES_H
#define TERN_TILED_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace tern {
#define GEN_PASS_DECL
#include "tern/Tiled/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "tern/Tiled/Passes.h.inc"

/// Quantizers, packing and straight-through estimators to linalg.
void populateLowerQuantizersPatterns(mlir::RewritePatternSet &patterns);

/// packed -> tiled: parallel tiles and vector kernels.
void buildPackedToTiledPipeline(mlir::OpPassManager &pm);
} // namespace tern

#endif // TERN_TILED_PASSES_H
