//===- TargetInterfaces.td - How code is lowered to targets -*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_TARGETINTERFACES_TD
#define TERN_DIALECT_TERN_IR_TARGETINTERFACES_TD

include "mlir/IR/OpBase.td"

def Tern_TargetLoweringInterface : AttrInterface<"TargetLoweringInterface"> {
  let cppNamespace = "::tern";
  let description = [{
    How a module becomes code for its target. A target attribute does not have
    to know: whoever can lower to it attaches a model (`attachInterface`), as
    upstream does for `#nvvm.target`. `docs/adding-a-target.md` walks through one.

    The pipelines run on the target's own module and see no other. Each takes it
    from one level to the next, as `docs/architecture.md` says of levels. Dialects
    that they create operations of, beyond those that Tern's own pipelines do,
    are dependent dialects of the attribute's.
  }];
  let methods = [
    InterfaceMethod<"Packed to tiled.",
      "void", "buildTilePipeline",
      (ins "::mlir::OpPassManager &":$pm,
           "const ::tern::LoweringOptions &":$options)>,
    InterfaceMethod<"Tiled to buffers.",
      "void", "buildBufferPipeline",
      (ins "::mlir::OpPassManager &":$pm,
           "const ::tern::LoweringOptions &":$options)>,
    InterfaceMethod<"Buffers to the LLVM dialect.",
      "void", "buildMachinePipeline",
      (ins "::mlir::OpPassManager &":$pm,
           "const ::tern::LoweringOptions &":$options)>,
    InterfaceMethod<[{
        Replaces a packed product, part of a tile, by what computes it. The
        rewriter stands before it. Fails with an error on the operation, which
        is left as it was, if there is no kernel for it: its layout is another
        target's, say, or scales have groups.
      }], "::llvm::LogicalResult", "lowerPackedMatmul",
      (ins "::mlir::RewriterBase &":$rewriter, "::tern::PackedMatmulOp":$op)>,
    InterfaceMethod<[{
        What code may leave to the code generator beside the functions on f32
        that Tern expands itself. Anything else is an error at the operation
        (`tern-check-math`). By default C's library, as processors have it.
      }], "::llvm::ArrayRef<::tern::MathFunction>", "getMathFunctions", (ins), "",
      "return ::tern::getLibraryMath();">,
    InterfaceMethod<[{
        The host's code of a module at level `llvm`: what the options ask for.
        Errors are reported on the module.
      }], "::llvm::FailureOr<::tern::CodeObject>", "serialize",
      (ins "::mlir::ModuleOp":$module, "const ::tern::EmitOptions &":$options)>,
    InterfaceMethod<[{
        The code of the `gpu.module`s of a module at level `llvm`, at least one
        object for each, which the artifact's device table holds. A target
        without a device has none. Errors are reported on the module.
      }], "::llvm::FailureOr<::llvm::SmallVector<::tern::CodeObject>>",
      "serializeKernels", (ins "::mlir::ModuleOp":$module), "",
      "return ::llvm::SmallVector<::tern::CodeObject>();">,
  ];
}

def Tern_SimdDotInterface : AttrInterface<"SimdDotInterface"> {
  let cppNamespace = "::tern";
  let description = [{
    A target whose processors have vectors of bytes: what Tern's generators of
    microkernels ask it (`lowerPackedMatmulToSimd`, `tern-lower-contractions`).
  }];
  let methods = [
    InterfaceMethod<[{
        Accumulator for `buildDot` on vectors of `lanes` bytes: a vector of
        i32 whose sum is the dot product.
      }], "::mlir::VectorType", "getAccumulatorType",
      (ins "int64_t":$lanes)>,
    InterfaceMethod<[{
        acc + sum over i of codes[i] * activations[i], exact for codes 0..2
        (unsigned) and any i8 activations, folded to the accumulator's type in
        an order of the target's choice. At most 16 pairs a call.
      }], "::mlir::Value", "buildDot",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::Location":$loc,
           "::mlir::ValueRange":$codes, "::mlir::ValueRange":$activations,
           "::mlir::Value":$acc)>,
    InterfaceMethod<"The shape of kernels of packed products.",
      "::tern::PackedKernel", "getPackedKernel", (ins), "", "return {};">,
    InterfaceMethod<[{
        The shape of kernels of float matrix products whose sums are of type
        `element`, f32 or f64. Results do not depend on it.
      }], "::tern::MatmulKernel", "getMatmulKernel",
      (ins "::mlir::Type":$element), "", "return {};">,
  ];
}

#endif // TERN_DIALECT_TERN_IR_TARGETINTERFACES_TD
