//===- TernOps.td - Operations of the tern dialect ---------*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_TERNOPS_TD
#define TERN_DIALECT_TERN_IR_TERNOPS_TD

include "mlir/Interfaces/DestinationStyleOpInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/TilingInterface.td"
include "tern/Dialect/Tern/IR/TernAttributes.td"
include "tern/Dialect/Tern/IR/TileOpInterface.td"

class Tern_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tern_Dialect, mnemonic, traits>;

def Tern_FloatTensor : RankedTensorOf<[F32]>;
def Tern_FloatMatrix : TensorRankOf<[F32], [2]>;
def Tern_FloatVector : TensorRankOf<[F32], [1]>;
def Tern_FloatScalar : TensorRankOf<[F32], [0]>;
def Tern_CodeMatrix : TensorRankOf<[I8], [2]>;
def Tern_PackedTensor : RankedTensorOf<[I8]>;

def Tern_BitLinearOp : Tern_Op<"bitlinear", [
    Pure, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<InferTypeOpInterface, ["inferReturnTypes"]>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "linear layer with ternary weights";
  let description = [{
    `y = x^ . w^T (+ bias)`, where `w^` [N, K] are the latent weights ternarized
    by `weights` and `x^` [..., K] the activations quantized by `activations`;
    without `activations` they stay float. With both,
    `y = (q . codes) * scale(x) * scale(w) + bias`, the inner product exact in
    i32.

    The layer of BitNet b1.58 (arXiv:2402.17764), without its inner norm.
    Gradients, where they are taken, pass straight through both quantizers.

    - (C1) x has rank >= 1 and its last extent is w's K.
    - (C2) bias has N elements.
    - (C3) alpha, the learned scale, is present if and only if the statistic
      is `learned`, and has the shape of the scales.
    - (C4) activations with a zero point (`dynamic_u8_tensor`) need weights
      whose scales are not in groups.

    ```mlir
    %y = tern.bitlinear %x, %w bias %b
           weights <statistic = absmean> activations <>
         : (tensor<?x784xf32>, tensor<256x784xf32>, tensor<256xf32>)
           -> tensor<?x256xf32>
    ```
  }];
  let arguments = (ins
    Tern_FloatTensor:$x, Tern_FloatMatrix:$weight,
    Optional<Tern_FloatVector>:$bias, Optional<Tern_FloatTensor>:$alpha,
    Tern_WeightQuantizerAttr:$weights,
    OptionalAttr<Tern_ActivationQuantizerAttr>:$activations);
  let results = (outs Tern_FloatTensor:$result);
  let assemblyFormat = [{
    $x `,` $weight (`bias` $bias^)? (`alpha` $alpha^)? `weights` $weights
    (`activations` $activations^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Tern_QuantizeWeightsOp : Tern_Op<"quantize_weights", [
    Pure,
    DeclareOpInterfaceMethods<InferTypeOpInterface, ["inferReturnTypes"]>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "ternarize latent weights";
  let description = [{
    Codes -1, 0, 1 and scales of w [N, K]; see `#tern.weight_quantizer`.
    The scale is a scalar, [N], or [N, ceil(K/group)], by granularity.

    - (C1) alpha, the learned scale, is present if and only if the statistic
      is `learned`, and has the shape of the scales.

    ```mlir
    %codes, %scale = tern.quantize_weights %w <statistic = absmean>
      : (tensor<256x784xf32>) -> (tensor<256x784xi8>, tensor<f32>)
    ```
  }];
  let arguments = (ins Tern_FloatMatrix:$weight, Optional<Tern_FloatTensor>:$alpha,
                       Tern_WeightQuantizerAttr:$quantizer);
  let results = (outs Tern_CodeMatrix:$codes, Tern_FloatTensor:$scale);
  let assemblyFormat = [{
    $weight (`alpha` $alpha^)? $quantizer attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Tern_QuantizeActivationsOp : Tern_Op<"quantize_activations", [
    Pure,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>,
    DeclareOpInterfaceMethods<Tern_TileOpInterface>,
    DeclareOpInterfaceMethods<TilingInterface,
      ["getLoopIteratorTypes", "getIterationDomain", "getTiledImplementation",
       "getResultTilePosition", "generateResultTileValue"]>]> {
  let summary = "quantize activations to int8";
  let description = [{
    Codes and scales of x [..., K]; see `#tern.activation_quantizer`.
    `absmax_token` has a scale for each position of all axes but the last.
    `dynamic_u8_tensor` has one for all of x, and a zero point, what codes of
    0.0 are: codes stand for `(q - zero) * scale`.

    The codes may be wider than x: a packed layout works on whole blocks.
    Columns past K are zero. `padded_to` is the block the width is rounded up to.

    - (C1) q has x's shape, but its last extent is x's rounded up to a
      multiple of `padded_to`.
    - (C2) scale has x's shape without the last extent, and of
      `dynamic_u8_tensor` rank 0.
    - (C3) there is a zero point if and only if the scheme is
      `dynamic_u8_tensor`; it has rank 0.

    ```mlir
    %q, %scale = tern.quantize_activations %x <> padded_to 128
      : tensor<?x784xf32> -> tensor<?x896xi8>, tensor<?xf32>
    %u, %s, %zero = tern.quantize_activations %x <scheme = dynamic_u8_tensor>
      : tensor<?x784xf32> -> tensor<?x784xi8>, tensor<f32>, tensor<i32>
    ```
  }];
  let arguments = (ins Tern_FloatTensor:$x, Tern_ActivationQuantizerAttr:$quantizer,
                       DefaultValuedAttr<I64Attr, "1">:$padded_to);
  let results = (outs RankedTensorOf<[I8]>:$q, Tern_FloatTensor:$scale,
                      Optional<RankedTensorOf<[I32]>>:$zero);
  let assemblyFormat = [{
    $x $quantizer (`padded_to` $padded_to^)? attr-dict
    `:` type($x) `->` type($q) `,` type($scale) (`,` type($zero)^)?
  }];
  let builders = [
    OpBuilder<(ins "::mlir::Value":$x, "::tern::ActivationQuantizerAttr":$quantizer,
                   CArg<"int64_t", "1">:$paddedTo)>
  ];
  let hasVerifier = 1;
}

def Tern_StraightThroughOp : Tern_Op<"straight_through", [
    Pure, AllTypesMatch<["x", "quantized", "result"]>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "value of the quantized operand, gradient of the other";
  let description = [{
    `x + lambda * (quantized - x)` with the bracket detached: its gradient goes
    to `x` unchanged (the straight-through estimator, arXiv:1308.3432). Without
    lambda, or at lambda = 1, the value is `quantized` bit for bit.

    ```mlir
    %y = tern.straight_through %x, %xq lambda %l
       : tensor<?x784xf32>, tensor<f32>
    ```
  }];
  let arguments = (ins Tern_FloatTensor:$x, Tern_FloatTensor:$quantized,
                       Optional<Tern_FloatScalar>:$lambda);
  let results = (outs Tern_FloatTensor:$result);
  let assemblyFormat = [{
    $x `,` $quantized (`lambda` $lambda^)? attr-dict `:` type($x) (`,` type($lambda)^)?
  }];
  let hasFolder = 1;
}

def Tern_SurrogateOp : Tern_Op<"surrogate", [
    Pure, AllTypesMatch<["value", "result"]>]> {
  let summary = "value of one scalar, derivative of another";
  let description = [{
    `value` as it is; its derivative is that of `function`, a surrogate for the
    one that it has not, or is not to have (arXiv:1308.3432, arXiv:1901.09948).
    Without `function` it is a constant.

    It stands in the body of an operation that quantizes, on what that yields,
    so that the derivative of a quantizer is part of it, whatever is done to the
    operation. The codes may be integers, or the bits of floats: their
    cotangents are f32. `--tern-drop-training` replaces it by its value.

    ```mlir
    %q = tern.surrogate %code derivative %clipped : i8, f32
    %s = tern.surrogate %scale : f32
    ```
  }];
  let arguments = (ins AnyTypeOf<[AnyFloat, AnySignlessInteger]>:$value,
                       Optional<AnyFloat>:$function);
  let results = (outs AnyTypeOf<[AnyFloat, AnySignlessInteger]>:$result);
  let assemblyFormat = [{
    $value (`derivative` $function^)? attr-dict `:` type($value) (`,` type($function)^)?
  }];
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// What a model does in training only
//===----------------------------------------------------------------------===//

def Tern_InTrainingOp : Tern_Op<"in_training", [
    Pure, AllTypesMatch<["training", "otherwise", "result"]>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "one value in training, another elsewhere";
  let description = [{
    The first operand in the forward pass of a training step, the second in
    inference and validation. `--tern-attach-loss` decides it for the functions
    that it makes, `--tern-drop-training` for a model that is not trained.

    ```mlir
    %m = tern.in_training %batch_mean else %running_mean : tensor<64xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$training, AnyRankedTensor:$otherwise);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = [{
    $training `else` $otherwise attr-dict `:` type($result)
  }];
  let hasFolder = 1;
}

def Tern_UpdateParameterOp : Tern_Op<"update_parameter", [
    MemoryEffects<[MemWrite]>, AllTypesMatch<["parameter", "value"]>]> {
  let summary = "what a parameter is after a step of training";
  let description = [{
    A running statistic changes with each step though no gradient reaches it.
    In inference and validation the operation does nothing. Reading the
    parameter gives its old value, before and after the operation.

    - (C1) the parameter is an argument of the function, with `tern.param`.

    ```mlir
    tern.update_parameter %running_mean to %new : tensor<64xf32>
    ```
  }];
  let arguments = (ins AnyRankedTensor:$parameter, AnyRankedTensor:$value);
  let assemblyFormat = [{
    $parameter `to` $value attr-dict `:` type($parameter)
  }];
  let hasVerifier = 1;
}

def Tern_KeepMaskOp : Tern_Op<"keep_mask", [
    Pure,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "the elements that dropout keeps";
  let description = [{
    Each element is true with probability `1 - ratio`, independently of all
    others, drawn anew in each step of training. It is a function of the step's
    seed, the number of the step, `stream` and the element's place in row-major
    order; docs/training.md has it. Operations with equal streams (and
    ratios) have equal masks.

    - (C1) one operand per dynamic extent of the result.
    - (C2) 0 <= ratio < 1.

    ```mlir
    %keep = tern.keep_mask(%n) ratio 0.1 stream 3 : tensor<?x128xi1>
    ```
  }];
  let arguments = (ins Variadic<Index>:$extents, F64Attr:$ratio, I64Attr:$stream);
  let results = (outs RankedTensorOf<[I1]>:$result);
  let assemblyFormat = [{
    `(` $extents `)` `ratio` $ratio `stream` $stream attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def Tern_PackOp : Tern_Op<"pack", [
    Pure,
    DeclareOpInterfaceMethods<InferTypeOpInterface, ["inferReturnTypes"]>,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "pack ternary codes to bytes in a layout";
  let description = [{
    codes [N, K], each -1, 0 or 1, in the layout's packed shape, such as
    `[ceil(N/rows), ceil(K/block), rows, lanes]`. Positions past N or K are
    packed as code 0. Other values than -1, 0 and 1 are undefined behaviour.

    ```mlir
    %p = tern.pack #tern.bits2<rows = 4, lanes = 32> %codes
       : (tensor<256x784xi8>) -> tensor<64x7x4x32xi8>
    ```
  }];
  let arguments = (ins Tern_CodeMatrix:$codes, Tern_LayoutAttrInterface:$layout);
  let results = (outs Tern_PackedTensor:$packed);
  let assemblyFormat = [{
    $layout $codes attr-dict `:` functional-type(operands, results)
  }];
}

def Tern_UnpackOp : Tern_Op<"unpack", [
    Pure, DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>]> {
  let summary = "codes of a packed ternary matrix";
  let description = [{
    The inverse of `tern.pack`: codes [N, K] of a packed tensor. Dynamic
    extents of the result are given as operands, since packing rounds them up.

    - (C1) one operand per dynamic extent of the result.
    - (C2) the packed type is the layout's for an N x K matrix.

    ```mlir
    %codes = tern.unpack #tern.bits2<rows = 4, lanes = 32> %p
           : tensor<64x7x4x32xi8> -> tensor<256x784xi8>
    ```
  }];
  let arguments = (ins Tern_PackedTensor:$packed, Variadic<Index>:$extents,
                       Tern_LayoutAttrInterface:$layout);
  let results = (outs Tern_CodeMatrix:$codes);
  let assemblyFormat = [{
    $layout $packed (`[` $extents^ `]`)? attr-dict `:` type($packed) `->` type($codes)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Tern_PackedMatmulOp : Tern_Op<"packed_matmul", [
    Pure, DestinationStyleOpInterface,
    DeclareOpInterfaceMethods<ReifyRankedShapedTypeOpInterface, ["reifyResultShapes"]>,
    DeclareOpInterfaceMethods<Tern_TileOpInterface>,
    DeclareOpInterfaceMethods<TilingInterface,
      ["getLoopIteratorTypes", "getIterationDomain", "getTiledImplementation",
       "getResultTilePosition", "generateResultTileValue"]>]> {
  let summary = "activations times packed ternary weights, transposed";
  let description = [{
    `out[m, n] = sum over k of activations[m, k] * code[n, k]`. The destination
    gives the shape and is overwritten, not read.

    - i8 activations: exact. Into i32 without scales; into f32 with them.
    - f32 activations: into f32, in an order that no layout changes. Chunks of
      128 positions (of a group, or of K) start from 0 and add their terms in
      ascending order, in f32; then chunks are added in ascending order, in f32.
      The products are exact, those of NaN and infinities with code 0 NaN.
    - With `scales` [N, G], `group` K-positions share a scale:
      `acc = fma(f32(sum over k in g), scales[n, g], acc)` in f32 from 0, g
      ascending. `group` 0 means G = 1.

    The activations' K must be a multiple of the layout's tile: positions past
    the matrix's K are zero in the activations (`tern.quantize_activations
    padded_to`, `tensor.pad`).

    - (C1) activations [M, K], K a multiple of the layout's tile.
    - (C2) the packed type is the layout's for an N x K matrix.
    - (C3) element types: i8 to i32 without scales, i8 to f32 with scales,
      f32 to f32.
    - (C4) `group` needs scales, and the layout fits it.

    ```mlir
    %y = tern.packed_matmul #tern.bits2<rows = 4, lanes = 32>
           ins(%q, %p : tensor<?x896xi8>, tensor<64x7x4x32xi8>)
           outs(%init : tensor<?x256xi32>) -> tensor<?x256xi32>
    ```
  }];
  let arguments = (ins
    TensorRankOf<[I8, F32], [2]>:$activations, Tern_PackedTensor:$packed,
    Optional<Tern_FloatMatrix>:$scales, TensorRankOf<[I32, F32], [2]>:$init,
    Tern_LayoutAttrInterface:$layout,
    DefaultValuedAttr<I64Attr, "0">:$group);
  let results = (outs TensorRankOf<[I32, F32], [2]>:$result);
  let assemblyFormat = [{
    $layout (`group` $group^)?
    `ins` `(` $activations `,` $packed `:` type($activations) `,` type($packed) `)`
    (`scales` `(` $scales^ `:` type($scales) `)`)?
    `outs` `(` $init `:` type($init) `)` attr-dict `->` type($result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::MutableOperandRange getDpsInitsMutable() { return getInitMutable(); }
  }];
}

#endif // TERN_DIALECT_TERN_IR_TERNOPS_TD
