//===- Passes.td - Passes on the tern dialect --------------*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_TRANSFORMS_PASSES_TD
#define TERN_DIALECT_TERN_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def TernOrderReductions
    : Pass<"tern-order-reductions", "::mlir::func::FuncOp"> {
  let summary = "State the order in which reductions add";
  let description = [{
    Marks the `arith.addf` or `arith.mulf` by which a structured operation on
    tensors folds terms into its result with `tern.order`: "lanes" where
    the innermost axis of the operand that is reduced is one of those reduced
    (rows, windows), "ascending" where it is not (columns). The operand is the
    first that all loops index, else the one that the most do. Reduction loops
    are interchanged to stand in the order of its axes.

    Matrix products and convolutions, maxima, minima and integers are left
    alone, and so is what is not one addition or multiplication, or adds to
    elements that several iterations of parallel loops share.

    A marked operation has one result and starts from the neutral element:
    others are split, and what they started from is added afterwards. Named
    operations become `linalg.generic`.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"
  ];
  let statistics = [
    Statistic<"numLanes", "num-lanes", "Reductions in lanes">,
    Statistic<"numAscending", "num-ascending", "Reductions in ascending order">
  ];
}

def TernFuseElementwise
    : Pass<"tern-fuse-elementwise", "::mlir::func::FuncOp"> {
  let summary = "Fuse elementwise linalg operations with their only user";
  let description = [{
    Fuses an elementwise `linalg.generic` into the one `linalg.generic` that
    reads it, a reduction too. Unlike upstream's `linalg-fuse-elementwise-ops`
    it leaves reshapes where they are: moving them through elementwise code
    gives operations of higher rank with extents that no longer follow from
    the arguments in an obvious way. Nor does it fuse what together is more
    than 256 scalar operations or has more than 128 operands, so that time
    stays linear.

    What becomes a matrix product that way is one from here on: its sum loses
    its `tern.order`.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def TernTile : Pass<"tern-tile", "::mlir::func::FuncOp"> {
  let summary = "Cut work into parallel tiles";
  let description = [{
    Tiles operations with a `TilingInterface` over their parallel loops to
    `scf.forall`, so that each tile is enough work for a thread and small
    enough for its cache. Reductions are never tiled: the value of a result
    depends neither on the tiles nor on who computes them. Operations with
    less work than a tile stay as they are.

    `tern.packed_matmul` is tiled by whole row tiles of its layout.
  }];
  let options = [
    Option<"grain", "grain", "int64_t", /*default=*/"32768",
           "Scalar operations in a tile, about">
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def TernLowerQuantizers
    : Pass<"tern-lower-quantizers", "::mlir::func::FuncOp"> {
  let summary = "Lower quantizing and packing to linalg";
  let description = [{
    Rewrites `tern.quantize_weights`, `tern.quantize_activations`, `tern.pack`,
    `tern.unpack` and `tern.straight_through` to `linalg.generic` on tensors.
    Float statistics get a fixed order of reduction: means accumulate in f64
    in the order of memory, medians are found by bisection on the bits.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::math::MathDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect"
  ];
}

def TernLowerPackedMatmul
    : Pass<"tern-lower-packed-matmul", "::mlir::func::FuncOp"> {
  let summary = "Lower packed matrix products to vector microkernels";
  let description = [{
    Rewrites `tern.packed_matmul` to loops over tokens, row tiles and blocks
    around `vector` operations: bytes of a row tile are loaded and unpacked by
    the layout and meet the activations in the dot product of the target
    (`tern.target` of the function, else of the module, else `#tern.generic`).
    Sums over K are never split, so a row's value does not depend on its batch.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect",
    "::mlir::ub::UBDialect", "::mlir::vector::VectorDialect",
    "::mlir::LLVM::LLVMDialect", "::tern::TernDialect"
  ];
}

#endif // TERN_DIALECT_TERN_TRANSFORMS_PASSES_TD
