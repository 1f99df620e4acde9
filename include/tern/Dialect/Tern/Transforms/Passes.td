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

def TernDecomposeBitLinear
    : Pass<"tern-decompose-bitlinear", "::mlir::func::FuncOp"> {
  let summary = "Split ternary layers into quantize, pack, multiply, rescale";
  let description = [{
    Rewrites every `tern.bitlinear` to `tern.quantize_weights`, `tern.pack` in
    the portable layout, `tern.quantize_activations` (or a zero pad, when the
    activations stay float), `tern.packed_matmul`, and one elementwise
    `linalg.generic` that applies the scales and the bias. Activations of rank
    other than two are collapsed to [tokens, K] and the result expanded back.

    After it no `tern.bitlinear` is left.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"
  ];
}

def TernSelectLayout : Pass<"tern-select-layout", "::mlir::func::FuncOp"> {
  let summary = "Pack weights the way the target prefers";
  let description = [{
    Asks the target (`tern.target` of the function, else of the module, else
    `#tern.generic`) for its preferred layout of each `tern.pack` whose users
    are all `tern.packed_matmul`, and rewrites both to it, padding the
    activations to the layout's block. A target's layout that does not fit
    (lanes that do not divide the group) is an error.

    Functions marked `tern.prepare` are left alone.
  }];
  let options = [
    Option<"layout", "layout", "std::string", /*default=*/"",
           "Use this layout attribute instead of the target's preference; its "
           "lanes are reduced where a scale group demands it">
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::tensor::TensorDialect", "::tern::TernDialect"
  ];
  let statistics = [
    Statistic<"numSelected", "num-selected", "Packed matrices given a layout">
  ];
}

def TernShareQuantizers
    : Pass<"tern-share-quantizers", "::mlir::func::FuncOp"> {
  let summary = "Quantize the same activations once";
  let description = [{
    Of the `tern.quantize_activations` of one tensor by one quantizer in one
    block, keeps that with the widest codes; others become slices of them. So
    what a layer's forward pass has padded for its packed product is what its
    backward pass reads.
  }];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
  let statistics = [
    Statistic<"numShared", "num-shared", "Quantizers left out">
  ];
}

def TernHoistWeightWork
    : Pass<"tern-hoist-weight-work", "::mlir::ModuleOp"> {
  let summary = "Move what depends on parameters alone into prepare functions";
  let description = [{
    In every public function with `tern.param` arguments, operations without
    side effects that depend on parameters and constants alone move to new
    functions `@prepare_<n>`, marked `tern.prepare` and targeted at
    `#tern.generic`. Their results become parameters of the function in place
    of the originals. One prepare function holds the values that share work,
    so the originals can be processed one after another. Such operations of
    static shape leave branches of `scf.if` first.

    Values stay where they are if they are views of a parameter, if their type
    is dynamic, or if they are more than eight times larger than what they are
    made of (broadcasts): storing them would cost more than computing them.
    Prepared values are read-only, so what a
    `bufferization.materialize_in_destination` writes over stays too.

    The new parameters are named after the first original: `w.packed`,
    `w.scale`, `w.prepared`.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect", "::tern::TernDialect"];
  let statistics = [
    Statistic<"numFunctions", "num-functions", "Prepare functions made">
  ];
}

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
