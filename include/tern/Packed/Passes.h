//===- Passes.h - From ternary or training to packed ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_PACKED_PASSES_H
#define TERN_PACKED_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace tern {
#define GEN_PASS_DECL
#include "tern/Packed/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "tern/Packed/Passes.h.inc"

/// tern.bitlinear to quantizers, tern.pack and tern.packed_matmul.
void populateDecomposeBitLinearPatterns(mlir::RewritePatternSet &patterns);

/// ternary or training -> packed: decompose layers, choose layouts, hoist
/// weight-only work.
void buildTernaryToPackedPipeline(mlir::OpPassManager &pm);
} // namespace tern

#endif // TERN_PACKED_PASSES_H
