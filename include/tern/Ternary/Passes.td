//===- Passes.td - From graph to ternary -------------------*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TERNARY_PASSES_TD
#define TERN_TERNARY_PASSES_TD

include "mlir/Pass/PassBase.td"

def TernInlineCalls : Pass<"tern-inline-calls", "::mlir::ModuleOp"> {
  let summary = "Put private functions in place of their calls";
  let description = [{
    Calls of private functions in public ones are replaced by what the functions
    do, and those that nothing calls any more are erased. Which layers become
    ternary, and how, is decided for each by its name and that of its weights:
    two calls of one function may differ. What is equal in the end becomes calls
    of one function again (`tern-outline-layers`).

    Calls of functions of several blocks stay. A function that calls itself is an
    error.
  }];
  let statistics = [
    Statistic<"numErased", "num-erased", "Functions that nothing calls any more">
  ];
}

def TernRaiseBitLinear : Pass<"tern-raise-bitlinear", "::mlir::func::FuncOp"> {
  let summary = "Recognise ternary layers";
  let description = [{
    Rewrites linear layers whose weights are ternary in the model to
    `tern.bitlinear`: weights that go through an exported fake quantization
    (with or without a straight-through residue), float parameters whose values
    are ternary (`tern.ternary`), and codes with scales whose product is. Activations that go through an int8
    fake quantization per token, or per tensor to uint8 before an integer
    product, become the op's; others stay float. One
    quantization read by several layers is recognised for each.

    What is not exactly a quantizer of the dialect stays as it is. A remark
    (category `tern-ternary`) says for each layer what was found, or what a
    near miss failed on. docs/ternarization.md lists the patterns.

    Accepts linalg on tensors as the importer makes it; run `canonicalize` and
    `cse` before. The value of a raised layer differs from the original by
    rounding only, except that a division by a scale becomes a multiplication
    with its reciprocal, so codes can differ at ties.
  }];
  let options = [
    ListOption<"exclude", "exclude", "std::string",
               "Leave alone layers whose name, or whose parameter's name, one "
               "of these regular expressions matches">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect", "::tern::TernDialect"
  ];
  let statistics = [Statistic<"numRaised", "num-raised", "Layers raised">];
}

def TernOutlineLatents : Pass<"tern-outline-latents", "::mlir::ModuleOp"> {
  let summary = "Make parameters of dequantized weights";
  let description = [{
    Where the weights of a `tern.bitlinear` are computed from parameters that
    hold their codes and scales (the computation has `tern.ternary`), the
    function gets a float parameter in its place, and the module a prepare
    function `@initial_<n>` (`tern.initial`) that computes what it begins with.
    It is called as the codes without what tools append for quantized weights
    (`_quantized`, `_Q4`), or with `.latent`. The layer then is like any other:
    it can be named, trained and packed. Other users keep the old computation.
  }];
  let dependentDialects = ["::tern::TernDialect"];
  let statistics = [
    Statistic<"numOutlined", "num-outlined", "Parameters made">
  ];
}

def TernTernarize : Pass<"tern-ternarize", "::mlir::ModuleOp"> {
  let summary = "Make float layers ternary";
  let description = [{
    With mode `all`, rewrites linear layers (`linalg` contractions) whose
    weights are a float parameter to `tern.bitlinear` with the quantizer
    `quantizer`; with `auto`, no layer is converted; with `none`, nothing is
    done. Layers whose name, or whose parameter's name, a regular expression of
    `exclude` matches stay as they are, as do output heads, embeddings and
    positional tables by their usual names (`lm_head`, `embed`, `wte`, `wpe`).
    A regular expression that matches no layer is a warning.

    If the quantizer's scale is learned each layer gets one as a parameter of
    the function, `fc1.alpha` where the weights are `fc1.weight`, and the module
    a prepare function `@initial_<n>` (`tern.initial`) that computes what it
    begins with: the mean of the absolute values, by the same granularity.

    Activations of converted layers become int8 unless `activations` is
    `float`; `int8` quantizes those of layers that are ternary already, too.
    Convolutions (products whose rows are windows and whose weight is a tensor
    [O, C, kernel...]) stay in float unless `activations` is `int8`; then their
    inputs are quantized and dequantized with one scale for each sample.

    Layers that are left alone get an attribute `tern.float` that says why.
  }];
  let options = [
    Option<"mode", "mode", "::tern::TernarizeMode",
           /*default=*/"::tern::TernarizeMode::Auto", "Which layers to convert",
           [{::llvm::cl::values(
             clEnumValN(::tern::TernarizeMode::Auto, "auto", "None: only what is ternary already"),
             clEnumValN(::tern::TernarizeMode::All, "all", "All that are not excluded"),
             clEnumValN(::tern::TernarizeMode::None, "none", "None, and change none"))}]>,
    Option<"quantizer", "quantizer", "std::string", /*default=*/"\"absmean\"",
           "Quantizer of converted layers: a name of getQuantizerNames(), or "
           "the parameters of #tern.weight_quantizer">,
    Option<"activations", "activations", "::tern::ActivationMode",
           /*default=*/"::tern::ActivationMode::Auto", "Activations of ternary layers",
           [{::llvm::cl::values(
             clEnumValN(::tern::ActivationMode::Auto, "auto", "int8 in converted layers, else as in the model"),
             clEnumValN(::tern::ActivationMode::Int8, "int8", "int8 in all of them"),
             clEnumValN(::tern::ActivationMode::Float, "float", "Float in converted layers, else as in the model"))}]>,
    ListOption<"exclude", "exclude", "std::string",
               "Leave alone layers whose name, or whose parameter's name, one "
               "of these regular expressions matches">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::tensor::TensorDialect", "::tern::TernDialect"
  ];
  let statistics = [
    Statistic<"numConverted", "num-converted", "Layers converted">
  ];
}

#endif // TERN_TERNARY_PASSES_TD
