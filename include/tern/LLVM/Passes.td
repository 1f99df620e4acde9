//===- Passes.td - From buffers to the LLVM dialect --------*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LLVM_PASSES_TD
#define TERN_LLVM_PASSES_TD

include "mlir/Pass/PassBase.td"

def EmitEntryPointsPass
    : Pass<"tern-emit-entry-points", "::mlir::ModuleOp"> {
  let summary = "Wrap memref functions in the artifact's C interface";
  let description = [{
    For the entry function adds `tern_model_main_invoke`,
    `tern_model_main_shapes` and `tern_model_main_arena_sizes`, which the
    artifact's table will list; for each prepare function, `tern_<fn>` and
    `tern_<fn>_arena_sizes`. A training module (`tern.training`) may have
    several entry functions; then each `<fn>` has its `tern_model_<fn>_invoke`
    and so on. Buffers come in the order: inputs, scalars, parameters and
    optimizer state, results. Donated arguments are not promised to be
    read-only. The functions themselves become private and take raw pointers,
    which state what the interface promises (`llvm.noalias`, `llvm.nonnull`,
    `llvm.readonly`), and the host, through which calls marked `tern.parallel`
    run their callees on threads, and which launches kernels: a
    `gpu.launch_func` becomes a call of it, with a number of the kernel. The
    kernels by their numbers are left on the module as `tern.kernels`. One with
    calls marked `tern.part` takes the
    arrays of the interface in place of pointers, and loads from them what it
    uses; its parts take pointers.

    What the signature says is left on the module as `tern.interface` and
    `tern.prepares`.

    Accepts functions on dense memrefs (the output of `tern-plan-memory` and
    `tern-outline-parallel`). Leaves memref operations to the conversions to
    LLVM: descriptors are built with the LLVM dialect and casts.
  }];
  let dependentDialects = [
    "::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect",
    "::mlir::func::FuncDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect"
  ];
}

def CheckMathPass : Pass<"tern-check-math"> {
  let summary = "Refuse functions that the target does not have";
  let description = [{
    An operation of `math`, or `arith.remf`, that its target's
    `TargetLoweringInterface::getMathFunctions` does not list for the type of
    its operands is an error at the operation. Run after `tern-expand-math`, so that what is left
    is an instruction or a call of a library: without the check, a target without
    that library would get an undefined symbol from a linker or another
    function, with other bits, from a code generator. Changes nothing.
  }];
}

def LowerReshapesPass : Pass<"tern-lower-reshapes"> {
  let summary = "Lower views that several dynamic extents are made of one in";
  let description = [{
    `memref.expand_shape` that splits an extent in two or more dynamic ones
    becomes `memref.reinterpret_cast` with the extents it is given. Upstream's
    `expand-strided-metadata` computes one dynamic extent of a group itself and
    does not accept more.
  }];
  let dependentDialects = [
    "::mlir::affine::AffineDialect", "::mlir::memref::MemRefDialect"
  ];
}

def ExpandBFloatCastsPass
    : Pass<"tern-expand-bfloat-casts", "::mlir::func::FuncOp"> {
  let summary = "Cast between f64 and bf16 by way of f32";
  let description = [{
    `arith.truncf` of f64 to bf16 rounds to odd in f32 first, in integers, so
    that the result is the f64 rounded once, to even; `arith.extf` of bf16 to
    f64 goes by f32. `arith-expand` does the casts between f32 and bf16, and no
    others.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect"];
}

def BFloatsAsIntegersPass
    : Pass<"tern-bfloats-as-integers", "::mlir::ModuleOp"> {
  let summary = "Make values of bf16 those of i16 in the LLVM dialect";
  let description = [{
    Every type bf16 becomes i16, and constants their bits. What computes with
    bf16 must have been expanded into integers and f32 before
    (`arith-emulate-unsupported-floats`, `arith-expand`), else it is an error:
    only moves, choices and bit casts are left.

    Where a processor has no instruction for such a move (a select of vectors, a
    masked load), LLVM would take the elements apart, extend and round them
    again, by a function of a library (`__truncsfbf2`) that distributions which
    Tern supports lack. Upstream's `arith-expand` ends at values of bf16, and no
    type converter of the conversions to LLVM changes a memref's element type.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // TERN_LLVM_PASSES_TD
