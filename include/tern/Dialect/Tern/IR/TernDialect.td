//===- TernDialect.td - The tern dialect -------------------*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_TERNDIALECT_TD
#define TERN_DIALECT_TERN_IR_TERNDIALECT_TD

include "mlir/IR/OpBase.td"

def Tern_Dialect : Dialect {
  let name = "tern";
  let cppNamespace = "::tern";
  let summary = "Ternary-weight neural networks";
  let description = [{
    The `tern` dialect says what linalg cannot: linear layers whose weights are
    ternarized (BitNet b1.58), the quantizers that do it, and matrix products
    on packed ternary weights. Everything else in a model stays in upstream
    dialects. The numerics follow docs/numerics.md.

    Discardable attributes of this dialect; there are no others:

    | attribute | on | meaning |
    |---|---|---|
    | `tern.name` | arguments and results of `@main` | name of a run-time tensor |
    | `tern.param` | arguments of `@main`, arguments and results of prepare functions | the tensor is the parameter of this name |
    | `tern.shape` | arguments and results of `@main` | extents: an integer, or the name of a symbolic one; equal names are equal extents |
    | `tern.dtype` | arguments and results of `@main` | element type where signless integers lose it, e.g. `"u8"` |
    | `tern.ternary` | float parameters | the importer has seen that the values are {-s, 0, s}, with one s per `"tensor"`, `"row"` or `"group:G"`: zeros exactly, magnitudes within 2^-18 of s, as an exporter that folds `w + (q - w)` leaves them |
    | `tern.ternary` | `linalg` operations on parameters | the same of what they dequantize (or of integers), with one s per `"tensor"`, `"axis:A"` (index of that axis of the result) or `"group:G:A"` (G adjacent positions along axis A, and index of the others) |
    | `tern.use` | parameters | whether training may change it and why, as `{learned = "..."}`, `{optional = "..."}` (if the user names it) or `{constant = "..."}` |
    | `tern.prepare` | functions, and the module of them from level `packed` on | depends on parameters alone and runs ahead of time |
    | `tern.initial` | prepare functions | makes what parameters begin with, unless a weights file has them |
    | `tern.target` | modules and functions | the target the code is generated for |
    | `tern.weights`, `tern.model` | modules | the file that holds the parameters; the model's name |
    | `tern.conversion` | modules | by which options layers were made ternary |
    | `tern.level` | modules | the level of IR the module is at, where `ternc` continues |
    | `tern.origin` | `tern.bitlinear` | `"raised"` from the model or `"converted"` on request |
    | `tern.float` | matrix products | why the layer was not made ternary |
    | `tern.unquantized` | operations | why a ternary layer takes the result in float although something quantizes it |
    | `tern.detached` | `linalg` operations | has no derivative: what depends on it does so in a way that cancels, like a maximum that is subtracted and added again |
    | `tern.sorted` | `linalg` operations | `"ascending"` or `"descending"`: the result is the first elements of the last input in that order |
    | `tern.order` | `arith.addf`, `arith.mulf` in bodies of reductions | `"lanes"` or `"ascending"`: in which order terms are added or multiplied, see docs/numerics.md |
    | `tern.parallel` | calls | the callee's range may be split over threads; the label for profiles |
    | `tern.training` | modules | a training artifact of several public functions: its `loss`, `optimizer`, `fingerprint` |
    | `tern.state`, `tern.init` | arguments | optimizer state of this name, and what its elements begin with |
    | `tern.fan_in` | float parameters, in training | how many inputs each output of the layer has, whose weights it is |
    | `tern.buffer` | parameters | a running statistic, which no gradient trains |
    | `tern.update` | results of a loss | what the parameter of this name is after the step |
    | `tern.scalar`, `tern.default` | arguments | a 0-d run-time scalar of this name, and its value if none is given |
    | `tern.donated` | arguments | updated in place: the number of the result that is the new value; unit from level `tiled` on |
    | `tern.recompute` | functions | what the rest needs of the computation of this result is computed once more where that is cheap |
    | `tern.recomputed` | operations | computes once more what another did, as the one of this number |
    | `tern.result` | arguments, from level `buffers` on | the buffer is a result |
    | `tern.arena` | the last argument, from level `buffers` on | the function's scratch memory |
    | `tern.checks` | functions | messages of what the shapes function checks after the extents |
    | `tern.element_checks`, `tern.failed_check` | functions, results and arguments | messages of what is checked of elements, and the number of the first that fails |
    | `tern.interface`, `tern.prepares` | modules, at level `llvm` | what the artifact's signature says |
  }];
  // The generated parser takes whatever stands in brackets behind a name.
  let useDefaultAttributePrinterParser = 0;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::tensor::TensorDialect",
    "::mlir::vector::VectorDialect", "::mlir::LLVM::LLVMDialect"
  ];
  let extraClassDeclaration = [{
    void registerAttributes();
    void registerOps();

    ::mlir::Attribute parseAttribute(::mlir::DialectAsmParser &parser,
                                     ::mlir::Type type) const override;
    void printAttribute(::mlir::Attribute attribute,
                        ::mlir::DialectAsmPrinter &printer) const override;

    static constexpr llvm::StringLiteral getNameAttrName() { return "tern.name"; }
    static constexpr llvm::StringLiteral getParamAttrName() { return "tern.param"; }
    static constexpr llvm::StringLiteral getShapeAttrName() { return "tern.shape"; }
    static constexpr llvm::StringLiteral getDtypeAttrName() { return "tern.dtype"; }
    static constexpr llvm::StringLiteral getTernaryAttrName() { return "tern.ternary"; }
    static constexpr llvm::StringLiteral getPrepareAttrName() { return "tern.prepare"; }
    static constexpr llvm::StringLiteral getTargetAttrName() { return "tern.target"; }
    static constexpr llvm::StringLiteral getWeightsAttrName() { return "tern.weights"; }
    static constexpr llvm::StringLiteral getModelAttrName() { return "tern.model"; }
  }];
}

#endif // TERN_DIALECT_TERN_IR_TERNDIALECT_TD
