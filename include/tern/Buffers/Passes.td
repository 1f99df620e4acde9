//===- Passes.td - From tiled to buffers -------------------*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_BUFFERS_PASSES_TD
#define TERN_BUFFERS_PASSES_TD

include "mlir/Pass/PassBase.td"

def ResultsToDestinationsPass
    : Pass<"tern-results-to-destinations", "::mlir::ModuleOp"> {
  let summary = "Let the caller own the memory of results";
  let description = [{
    Results of public functions become trailing memref arguments, marked
    `tern.result`, that take over the results' attributes and are written with
    `bufferization.materialize_in_destination`. All tensor arguments are marked
    `bufferization.writable = false`: weights are mapped read-only, and inputs
    are the caller's.

    Accepts functions of one block whose results are ranked tensors.
  }];
  let dependentDialects = [
    "::mlir::bufferization::BufferizationDialect",
    "::mlir::memref::MemRefDialect"
  ];
}

def PlaceInDestinationsPass
    : Pass<"tern-place-in-destinations", "::mlir::func::FuncOp"> {
  let summary = "Compute results in the memory they have to be in";
  let description = [{
    Upstream's `eliminate-empty-tensors`: a value that becomes what is
    materialized in a destination starts there instead of in a `tensor.empty`.
    One-shot bufferization does not see that `materialize_in_destination` writes
    to a memref. So here, other than there,

    - a value starts in a destination only if no part of it, nor anything that
      may be the same memory, is read at or after the materialization. What is
      materialized itself may be: it is what the memory then holds.

      ```mlir
      %a = linalg.generic ... outs(%empty)
      %b = scf.for ... iter_args(%t = %a)   // May write over %a.
      materialize_in_destination %b in restrict writable %first
      // %a must not start in %first, but may in %second.
      materialize_in_destination %a in restrict writable %second
      ```

    - nor does it start there if anything may write over what is materialized,
      in place, at or after the materialization:

      ```mlir
      %a = linalg.generic ... outs(%empty)    // Must not start in %first.
      materialize_in_destination %a in restrict writable %first
      %b = linalg.generic ... outs(%a)
      ```

    - values that start in one `tensor.empty` and become what is materialized,
      as those of the two branches of an `scf.if` do, all start in the
      destination or none does;

    - only materializations in the block that the destination is an argument of
      count: those in loops and branches may run more or less often than what
      they materialize;

    - a destination is one tensor (`bufferization.to_tensor`) at the function's
      entry, or the one that is there (of a donated argument), whatever starts
      in it. Upstream makes one each time, all of which claim to be alone.

    Who reads what in between is left to bufferization, which then sees it.

    A call (`tern-donate`) that writes to memory of its own that becomes what is
    materialized writes to the destination, if nothing else does.
  }];
  let dependentDialects = [
    "::mlir::bufferization::BufferizationDialect", "::mlir::tensor::TensorDialect"
  ];
}

def BufferizePass : Pass<"tern-bufferize", "::mlir::ModuleOp"> {
  let summary = "Upstream's one-shot bufferization as Tern configures it";
  let description = [{
    One-shot bufferization across function boundaries with dense row-major
    arguments. Operations it does not know are an error. Copies become
    `linalg.copy`, which lowers to loops: `memref.copy` of strided buffers
    would need a library. Extents of collapsed buffers become products of those
    that they were collapsed from, so that the sizes of padded tensors follow
    from the arguments'.

    Checks first that no tensor argument of a public function is writable.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::bufferization::BufferizationDialect",
    "::mlir::linalg::LinalgDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect"
  ];
}

def CheckDonationPass : Pass<"tern-check-donation", "::mlir::ModuleOp"> {
  let summary = "Refuse copies to donated arguments";
  let description = [{
    After bufferization, a copy to the whole of a donated argument means that
    its new value was computed in another buffer. That is an error with the
    argument's name. Changes nothing.
  }];
}

def ExpandMathPass : Pass<"tern-expand-math"> {
  let summary = "Compute functions on f32 in plain arithmetic";
  let description = [{
    `math.exp`, `exp2`, `expm1`, `log`, `log2`, `log10`, `log1p`, `sin`, `cos`,
    `tan`, `tanh`, `erf`, `powf` and `rsqrt` on f32, scalars or vectors of any
    shape, become `arith` operations, `math.fma` and `math.sqrt` on the same
    shape, without branches or memory. All of these are exact or rounded as IEEE
    754 says, so a function has the same bits on all targets that have a fused
    multiply-add (`MachineInfo::hasFma`), and errors below the bounds in
    docs/numerics.md on all. Where a target has none, its product and sum are in
    f64, whose result is rounded to f32: the same bits but for rare cases. NaN
    gives NaN, of unspecified payload; no operation is poison for any operand.

    `math.expm1` on f64 becomes `math.exp` and `math.log` on f64, which are the
    library's: the conversion to LLVM would make it exp(x) - 1.

    Leaves other functions, other types and tensors alone. Operations on f16 and
    bf16 are expected to be in f32 before (`math-extend-to-supported-types`).
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::tern::TernDialect"
  ];
}

def LowerContractionsPass
    : Pass<"tern-lower-contractions", "::mlir::func::FuncOp"> {
  let summary = "Give float matrix products register-tiled kernels";
  let description = [{
    Matrix products on buffers (a `linalg` operation with an f32 or f64 result
    that adds products of two operands, each perhaps converted from integers or
    narrower floats) become blocked loops around a kernel that keeps a tile of
    the result in registers; the target gives the tile's size and says whether
    it fuses multiplication and addition. Blocks of rows and columns are an
    `scf.parallel`.

    Each element's terms are added in ascending order of the reduction, or in
    chunks if `tern.order` says so, so a row's result depends neither on the
    number of rows nor on the blocks.

    Leaves alone whatever else there is: results along whose last axis memory
    is not contiguous, products without a loop of each kind (rows, columns,
    reduction), sums in another order (`tern.order`).
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect", "::tern::TernDialect"
  ];
}

def LowerLinalgPass : Pass<"tern-lower-linalg", "::mlir::func::FuncOp"> {
  let summary = "Lower linalg on buffers to loops that walk along memory";
  let description = [{
    Each linalg operation on buffers becomes a nest of loops. The innermost
    loop is the one along which most operands are contiguous or invariant. The
    order of reduction loops among each other is kept, so that each element's
    sum is formed in the order the operation states: terms one after another, or
    what `tern.order` says. An outermost loop that is
    parallel becomes `scf.parallel` unless it stands in one.

    Accepts buffer semantics only; operations on tensors are an error, and so is
    `tern.order` on what does not fold terms into the elements of an operation's
    only result.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"
  ];
}

def PlanMemoryPass : Pass<"tern-plan-memory", "::mlir::ModuleOp"> {
  let summary = "Place all buffers of a function in one arena";
  let description = [{
    Every `memref.alloc` of a public function becomes a view of one trailing
    argument `memref<?xi8>`, marked `tern.arena`; buffers that are never alive
    at once share memory. Alongside,
    `func.func private @<fn>_arena_size(index...) -> index` tells from the
    symbolic dims how many bytes the arena must have. Offsets are multiples of
    64: constants for static sizes, computed at the function's entry for
    dynamic ones. Buffers whose sizes are a constant multiple of the same
    product of extents are packed like static ones, in units of that product.

    Branches of `scf.if` outside of loops run one after another, as far as
    lifetimes go. What a condition says that is known at the function's entry
    holds for sizes in a branch: the others are 0.

    A buffer that a parallel loop's body needs for itself goes on the stack if
    it is static and small, else into a slice of the arena per iteration.

    Accepts functions of one block on dense buffers, with structured control
    flow. Guarantees that no allocation is left. Fails where a size depends on
    the values in a tensor, or an allocation is carried from one iteration of
    a loop to the next.
  }];
  let options = [
    Option<"maxStackBytes", "max-stack-bytes", "int64_t", "262144",
           "Largest buffer that a parallel loop's body keeps on the stack">
  ];
  let statistics = [
    Statistic<"numBuffers", "num-buffers", "Buffers placed in arenas">,
    Statistic<"staticBytes", "static-bytes",
              "Bytes of all buffers of static size, laid end to end">,
    Statistic<"staticArenaBytes", "static-arena-bytes",
              "Bytes of arenas that buffers of static size take">,
    Statistic<"numStackBuffers", "num-stack-buffers",
              "Buffers that parallel bodies keep on the stack">
  ];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::memref::MemRefDialect"
  ];
}

def CheckSizesPass : Pass<"tern-check-sizes", "::mlir::ModuleOp"> {
  let summary = "Say where a size does not fit in 64 bits";
  let description = [{
    In @<fn>_shapes and @<fn>_arena_size of public functions, every product,
    sum and difference of indices that a result depends on is checked. The
    shapes function returns one more check (`tern.checks`) for each location in
    either that may overflow, the largest buffer of a region among them; the
    message has the location's name. The arena's size is -1 where it overflows.
    What is not taken by an `arith.select` or `scf.if` may overflow.

    An artifact must not be invoked for dims of which a check does not hold, so
    that inside it nothing has to be checked: offsets and extents are at most
    these sizes.

    Maps in these functions become operations. Comes right behind
    `tern-plan-memory`, while every product has its location. Leaves functions
    alone that have not both. Fails where one of the two does not fit @<fn>, or
    computes in loops or by calls of others than the shapes function.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::arith::ArithDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"
  ];
}

def SkipEmptyLoopsPass
    : Pass<"tern-skip-empty-loops", "::mlir::func::FuncOp"> {
  let summary = "Do not iterate around loops without iterations";
  let description = [{
    A loop that writes nothing but what loops in it write runs only if one of
    them has iterations, as far as their bounds are known in front of it:

    ```mlir
    scf.for %i = %c0 to %m step %c1 {
      scf.for %j = %c0 to %n step %c1 { memref.store ... }
    }
    // becomes
    %some = arith.cmpi slt, %c0, %n : index
    scf.if %some { ... }
    ```

    Else a tensor without elements could keep a run busy for 2^60 iterations.
    Loops inside get a condition of their own where the outer one's does not
    say all. Leaves loops with results alone.
  }];
  let statistics = [
    Statistic<"numGuarded", "num-guarded", "Loops that run on a condition">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"
  ];
}

def OutlineParallelPass
    : Pass<"tern-outline-parallel", "::mlir::ModuleOp"> {
  let summary = "Outline parallel loops to functions over a range";
  let description = [{
    The body of each outermost `scf.parallel` becomes a private function that
    runs the iterations [begin, end) of the loop's linearised space; the loop
    becomes a call of it with the whole range, marked `tern.parallel = "label"`
    with the operation's location name. The mark says that the range may be
    split among threads, so the call means the same with and without it. Equal
    loops, such as those of equal layers, share one function.

    Dimensions are linearised from the outside in. When the body has neither
    loops nor vectors, the innermost dimension stays a loop of its own inside
    the function, so that it can be vectorized. Parallel loops inside
    become sequential, and so do loops that do less work in all than
    `min-work` scalar operations. Views, constants and index arithmetic are
    computed again in the body; the rest is passed as arguments. Buffers
    passed are marked `llvm.noalias` when nothing else passed is the same
    memory.

    Stack buffers move to their function's entry. Those that are in use at
    different times, in loops that follow each other, are views of one, so that
    the stack that a function takes does not grow with its length.

    Accepts loops without reductions.
  }];
  let options = [
    Option<"minWork", "min-work", "int64_t", "-1",
           "Scalar operations below which a loop is not worth threads; negative: "
           "as the target says">
  ];
  let statistics = [
    Statistic<"numOutlined", "num-outlined", "Loops outlined">,
    Statistic<"numShared", "num-shared",
              "Loops that share the function of an equal one">,
    Statistic<"numSequential", "num-sequential", "Loops made sequential">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::func::FuncDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect"
  ];
}

def SplitFunctionsPass : Pass<"tern-split-functions", "::mlir::ModuleOp"> {
  let summary = "Cut long entry functions into parts";
  let description = [{
    An entry function with more than twice `max-loops` loops at its top level
    gets private functions of up to `max-loops` of them each, which it calls in
    their order. LLVM takes time that grows with the square of the number of
    loops, since each asks whether extents are positive, and more memory than
    there is for some ten thousand.

    Views, constants and index arithmetic are computed again in each part; the
    rest is passed as arguments and results, by a call marked `tern.part`. Calls
    and stack buffers stay where they are. Shorter functions are left alone.
  }];
  let options = [
    Option<"maxLoops", "max-loops", "int64_t", "128",
           "Loops in a part, at most">
  ];
  let statistics = [Statistic<"numParts", "num-parts", "Parts made">];
  let dependentDialects = ["::mlir::func::FuncDialect"];
}

#endif // TERN_BUFFERS_PASSES_TD
