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
#include "mlir/IR/PatternMatch.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "tern/Dialect/Tern/IR/TargetInterfaces.h"

namespace tern {
#define GEN_PASS_DECL
#include "tern/Tiled/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "tern/Tiled/Passes.h.inc"

/// Options of `tern-tiled-pipeline`, and of `ternc` by the same names.
struct TiledOptions : mlir::PassPipelineOptions<TiledOptions> {
  Option<bool> outlineLayers{
      *this, "outline-layers", llvm::cl::init(true),
      llvm::cl::desc("Make code for equal layers once (default: true); false: "
                     "for each, by whose name profiles then show it")};
};

/// Quantizers, packing and straight-through estimators to linalg.
void populateLowerQuantizersPatterns(mlir::RewritePatternSet &patterns);

/// Replaces a packed product by a microkernel on vectors of bytes: what the
/// lowering of a target with SimdDotInterface does, if its layout has
/// SimdLayoutAttrInterface. Else an error, and the operation stays.
llvm::LogicalResult lowerPackedMatmulToSimd(mlir::RewriterBase &rewriter,
                                            PackedMatmulOp op);

/// Replaces a packed product by one launch of a grid of blocks of one thread, a
/// block for each token, on the buffers that its tensors become: activations,
/// packed weights, scales (null if there are none), destination, dense and all
/// of dynamic extents. `buildKernel` builds what a block runs. For targets
/// whose device shares the host's memory.
void lowerPackedMatmulToLaunch(
    mlir::RewriterBase &rewriter, PackedMatmulOp op,
    llvm::function_ref<void(mlir::OpBuilder &b, mlir::Location loc,
                            llvm::ArrayRef<mlir::Value> buffers)>
        buildKernel);

/// packed -> tiled: parallel tiles and the target's kernels.
void buildPackedToTiledPipeline(mlir::OpPassManager &pm,
                                const LoweringOptions &options);
} // namespace tern

#endif // TERN_TILED_PASSES_H
