//===- Passes.td - From ternary or training to packed ------*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_PACKED_PASSES_TD
#define TERN_PACKED_PASSES_TD

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
    `w.scale`, `w.prepared`. What several functions need, the same of the same
    parameters, is one prepare function and has one name in all of them.
  }];
  let dependentDialects = ["::mlir::func::FuncDialect", "::tern::TernDialect"];
  let statistics = [
    Statistic<"numFunctions", "num-functions", "Prepare functions made">
  ];
}

def TernNestPrepare : Pass<"tern-nest-prepare", "::mlir::ModuleOp"> {
  let summary = "Give functions that prepare weights a module of their own";
  let description = [{
    Moves the functions marked `tern.prepare` to a nested module, which is marked
    so, too, and is for `#tern.generic`: they run as the model is compiled, on
    the machine that compiles it, whatever the model's target is. What they
    call is copied. A module without such functions stays as it is.

    From here on each module is lowered by its own target
    (`tern-lower-modules`).
  }];
}

def TernRematerialize : Pass<"tern-rematerialize", "::mlir::func::FuncOp"> {
  let summary = "Recompute cheap values rather than keep them for gradients";
  let description = [{
    In a function with `tern.recompute = i` all that result i (the loss) needs
    is the forward part, and what the rest (the gradients) reads of it is kept
    from the one to the other. An elementwise `linalg` operation of the forward
    part is repeated right before those who read it instead, if the bytes that
    must be kept become fewer: its operands are kept already, are arguments, can
    be recomputed themselves, or are smaller. A dynamic extent counts as 64.

    Repeated operations have a number, `tern.recomputed`, which keeps CSE from
    undoing this. Donated arguments are never read again: they may have changed.
    The attribute `tern.recompute` is removed. Results are bit for bit the same.

    Wants quantizers to be operations of their own (level `packed`): what they
    return is small and is kept.
  }];
  let statistics = [
    Statistic<"numRecomputed", "num-recomputed",
              "Values recomputed rather than kept">
  ];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
}

#endif // TERN_PACKED_PASSES_TD
