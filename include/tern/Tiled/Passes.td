//===- Passes.td - From packed to tiled --------------------*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TILED_PASSES_TD
#define TERN_TILED_PASSES_TD

include "mlir/Pass/PassBase.td"

def BoundScalarsPass : Pass<"tern-bound-scalars", "::mlir::ModuleOp"> {
  let summary = "Check scalars, and tell passes how great they can be";
  let description = [{
    For each argument of a public function that has a `tern.bound`, [least,
    greatest], puts at the function's beginning a `cf.assert` that the scalar is
    from the one to the other, and the scalar brought between them by
    `affine.max` and `affine.min`, which all `tensor.extract` of the argument
    become. So the bound of an extent that comes from the scalar is plain to
    whatever asks `ValueBoundsOpInterface`, such as `tern-plan-memory`. The
    greatest may be the name of a symbolic extent of an argument; that there is
    none of that name is an error.

    What takes the scalar as a tensor reads it as it is. Leaves functions alone
    that have their shapes function already.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::cf::ControlFlowDialect", "::mlir::tensor::TensorDialect"
  ];
  let statistics = [
    Statistic<"numBounded", "bounded", "Number of scalars with a bound">
  ];
}

def MaterializeShapesPass
    : Pass<"tern-materialize-shapes", "::mlir::ModuleOp"> {
  let summary = "Compute the extents of all results ahead of the results";
  let description = [{
    For each public function on tensors, adds
    `func.func private @<fn>_shapes(index...) -> index...`, which takes the
    function's symbolic dims (the distinct names in its arguments'
    `tern.shape`, in order) and returns every extent of every result in order,
    static ones too. The caller can so allocate results before it calls.
    Results that are new values of donated arguments (`tern.donated`) are left
    out.

    Each `cf.assert` of extents in the function's block moves there: after the
    extents the function returns 1 for each that holds and 0 for each that does
    not, and the messages become `tern.checks` of @<fn>. So a caller knows before
    it calls. Those whose conditions depend on elements of tensors become one
    more result of @<fn>, a `tensor<i32>` marked `tern.failed_check`: 0, or the
    number of the first that fails, counted from 1 in `tern.element_checks`.

    Of these, those that depend on scalars (`tern.scalar`) and extents alone can
    be answered before the function has written anything. They come first in
    `tern.element_checks`, `tern.scalar_checks` is how many they are, and
    `func.func private @<fn>_scalar_checks(index..., scalars...) -> index`, which
    takes the dims and the value of each scalar argument, in order, returns the
    number of the first that fails, or 0.

    Accepts operations on tensors that can say their results' extents
    (`ReifyRankedShapedTypeOpInterface`). Fails where an extent depends on the
    values in a tensor. Leaves functions alone that have their shapes function
    already.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::cf::ControlFlowDialect", "::mlir::memref::MemRefDialect",
    "::mlir::tensor::TensorDialect"
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

    Of matrix products, those that add along the axis of a softmax
    (attention's product with the values) are marked "chunks". Others and
    convolutions, maxima, minima and integers are left alone, and so is what is not one addition or multiplication, or adds to
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
    Statistic<"numAscending", "num-ascending", "Reductions in ascending order">,
    Statistic<"numChunks", "num-chunks", "Matrix products in chunks">
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

def TernSharePrepares : Pass<"tern-share-prepares", "::mlir::ModuleOp"> {
  let summary = "Make functions that prepare weights in the same way one";
  let description = [{
    Of the functions marked `tern.prepare` that differ in nothing but the names
    of the parameters that they read and make, the first stays. The names of the
    others go to its `tern.instances`, in the order of arguments and results: it
    runs once for each. So one layer's work is compiled, whatever their number.
  }];
  let statistics = [
    Statistic<"numShared", "num-shared", "Functions that another does for">
  ];
}

def TernOutlineLayers : Pass<"tern-outline-layers", "::mlir::ModuleOp"> {
  let summary = "Make equal layers calls of one function";
  let description = [{
    Runs of operations in a public function that do the same with other values,
    one behind the other, become calls of one private function:

    ```mlir
    %1 = tern.packed_matmul %x, %w0 ...
    %2 = linalg.generic ... ins(%1)
    %3 = tern.packed_matmul %2, %w1 ...
    %4 = linalg.generic ... ins(%3)
    // becomes
    %1 = call @main_layer0(%x, %w0, %empty0)
    %2 = call @main_layer0(%1, %w1, %empty1)
    ```

    So what is behind this pass takes the time, and makes the code, of one layer
    for any number of them. Whatever runs read of others is an argument: tensors,
    parameters among them, and integers. Constants are part of the function and
    have to be equal.

    Each result of the function takes the memory of an argument
    (`tern.donated`), an empty tensor that the caller makes; of one that is the
    new value of a donated argument of the public function, it is that argument,
    in every run.

    Operations stay in their order, so that a run can always be a call, and what
    they compute stays as it is bit for bit. It is best to come behind
    `tern-order-reductions` and `tern-fuse-elementwise`: what these make of two
    operations may depend on both being in one function. Where runs are cut
    follows from what passes from one to the next, which is least between layers.

    Leaves functions of several blocks alone, and runs without a matrix product,
    with results that are no tensors, or whose extents the caller cannot tell.
  }];
  let options = [
    Option<"minLength", "min-length", "size_t", "8",
           "Operations in a run, at least, but for constants and destinations">,
    Option<"minSaved", "min-saved", "size_t", "16",
           "Operations that a function has to save, at least">
  ];
  let statistics = [
    Statistic<"numFunctions", "num-functions", "Functions made of layers">,
    Statistic<"numCalls", "num-calls", "Layers that became calls">
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::func::FuncDialect", "::mlir::tensor::TensorDialect"
  ];
}

def UnshareDestinationsPass : Pass<"tern-unshare-destinations", "::mlir::func::FuncOp"> {
  let summary = "Give each operation a destination of its own";
  let description = [{
    A `linalg.fill` on a tensor is moved in front of who uses it, and cloned
    there if there are several; and so is a `tensor.empty`. Common subexpression
    elimination unites the zeros that sums start from; as one buffer, all but
    one would start from a copy of it. Empty tensors that are one would become
    one buffer for values that live one after the other, which then is there all
    the time between, too. In branches as well; uses in a loop are one use, and
    so are those in the branches of an `scf.if` that become one result of it. A
    value that a branch yields twice is copied to be two.
  }];
  let dependentDialects = [
    "::mlir::linalg::LinalgDialect", "::mlir::tensor::TensorDialect"
  ];
}

def SchedulePass : Pass<"tern-schedule", "::mlir::func::FuncOp"> {
  let summary = "Move operations up to where they free memory";
  let description = [{
    In a function with donated arguments (`tern.donated = i`), moves operations
    without side effects up to where their operands are known if they free more
    memory there than their results need, or need next to none: the update of a
    parameter goes right behind the operation that makes its gradient, and a
    reduction behind the one that makes what it reduces. Operations that make
    the new value of a donated argument write to the old one, so they need
    nothing, and stay behind all that reads the old value. All others keep their
    order. A dynamic extent counts as 64.

    Comes after `tern-unshare-destinations`, and before `tern-donate`, which
    fixes who reads the old values.
  }];
  let statistics = [
    Statistic<"numMoved", "num-moved", "Operations moved up">
  ];
}

def DonatePass : Pass<"tern-donate", "::mlir::ModuleOp"> {
  let summary = "Update donated arguments in place";
  let description = [{
    An argument of a public function with `tern.donated = i` gives its memory
    to result i, its new value. It becomes a memref; the operation that makes
    the new value, found through reshapes, writes to it instead of to an empty
    tensor; and the result disappears:

    ```mlir
    func.func @step(%w: tensor<4xf32> {tern.donated = 0 : i64}) -> tensor<4xf32>
    // becomes
    func.func @step(%w: memref<4xf32> {tern.donated}) {
      %old = bufferization.to_tensor %w restrict writable
      %new = linalg.generic ... outs(%old)
      bufferization.materialize_in_destination %new in restrict writable %w
    ```

    What else would write to a view of the old value (an insertion, a loop that
    begins with it) writes to a copy. Whether the update is possible without one
    is decided by bufferization, which knows who reads the old value, and
    checked by `tern-check-donation`.

    Accepts functions of one block. Fails where the result has another type
    than the argument or is the new value of two arguments.
  }];
  let statistics = [
    Statistic<"numDonated", "num-donated", "Arguments updated in place">
  ];
  let dependentDialects = [
    "::mlir::bufferization::BufferizationDialect",
    "::mlir::memref::MemRefDialect", "::mlir::tensor::TensorDialect"
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
    Option<"grain", "grain", "int64_t", /*default=*/"0",
           "Scalar operations in a tile, about; 0: as the target likes it">
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

    `whole-tensors` lowers only activations with one scale for all of a tensor:
    before tiling, since tokens do not divide them.
  }];
  let options = [
    Option<"wholeTensors", "whole-tensors", "bool", "false",
           "Only activations with one scale for all of a tensor">
  ];
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
    Lets the target's lowering (`TargetLoweringInterface`; `tern.target` of the
    function, else of the module, else `#tern.generic`) replace each
    `tern.packed_matmul`. One that it cannot is an error.

    Processors (`SimdDotInterface`) get loops over tokens, row tiles and blocks
    around `vector` operations: bytes of a row tile are loaded and unpacked by
    the layout (`SimdLayoutAttrInterface`) and meet the activations in the
    target's dot product. For float activations, codes are unpacked to memory
    with rows side by side, and meet tiles of tokens as in a float matrix
    product. The order of float sums is the operation's, so a row's value
    depends neither on its batch nor on the target.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::bufferization::BufferizationDialect",
    "::mlir::gpu::GPUDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect",
    "::mlir::ub::UBDialect", "::mlir::vector::VectorDialect",
    "::mlir::LLVM::LLVMDialect", "::tern::TernDialect"
  ];
}

#endif // TERN_TILED_PASSES_TD
