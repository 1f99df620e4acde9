//===- TernAttributes.td - Quantizers, layouts, targets ----*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_TERNATTRIBUTES_TD
#define TERN_DIALECT_TERN_IR_TERNATTRIBUTES_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "tern/Dialect/Tern/IR/TernDialect.td"
include "tern/Dialect/Tern/IR/TernInterfaces.td"

class Tern_Attr<string name, string mnemonicName, list<Trait> traits = []>
    : AttrDef<Tern_Dialect, name, traits> {
  let mnemonic = mnemonicName;
}

class Tern_Enum<string name, string doc, list<I32EnumAttrCase> cases>
    : I32EnumAttr<name, doc, cases> {
  let cppNamespace = "::tern";
  let genSpecializedAttr = 0;
}

def Tern_Statistic : Tern_Enum<"Statistic", "What the weight scale is", [
  I32EnumAttrCase<"AbsMean", 0, "absmean">,
  I32EnumAttrCase<"AbsMedian", 1, "absmedian">,
  I32EnumAttrCase<"AbsMax", 2, "absmax">,
  I32EnumAttrCase<"Learned", 3, "learned">]>;

def Tern_Granularity : Tern_Enum<"Granularity", "What shares one weight scale", [
  I32EnumAttrCase<"Tensor", 0, "tensor">,
  I32EnumAttrCase<"Row", 1, "row">,
  I32EnumAttrCase<"Group", 2, "group">]>;

def Tern_Rule : Tern_Enum<"Rule", "How a scaled weight becomes a code", [
  I32EnumAttrCase<"RoundClip", 0, "round_clip">,
  I32EnumAttrCase<"Threshold", 1, "threshold">,
  I32EnumAttrCase<"StrictThreshold", 2, "strict_threshold">]>;

def Tern_Rounding : Tern_Enum<"Rounding", "How ties are rounded", [
  I32EnumAttrCase<"Even", 0, "even">,
  I32EnumAttrCase<"Away", 1, "away">,
  I32EnumAttrCase<"HalfUp", 2, "half_up">]>;

def Tern_EpsMode : Tern_Enum<"EpsMode", "How a scale is kept from zero", [
  I32EnumAttrCase<"Clamp", 0, "clamp">,
  I32EnumAttrCase<"Add", 1, "add">,
  I32EnumAttrCase<"ClampScale", 2, "clamp_scale">]>;

def Tern_ActivationScheme : Tern_Enum<"ActivationScheme", "Whose range an activation scale is", [
  I32EnumAttrCase<"AbsMaxToken", 0, "absmax_token">,
  I32EnumAttrCase<"DynamicU8Tensor", 1, "dynamic_u8_tensor">]>;

// A double, printed with as many digits as it takes to read the same value
// back. (APFloat because attribute storage needs a hash.)
class Tern_Double<string value, string doc> : APFloatParameter<doc> {
  let parser = "::tern::parseDouble($_parser)";
  let printer = "::tern::printDouble($_printer, $_self)";
  let defaultValue = "::llvm::APFloat(" # value # ")";
}

def Tern_WeightQuantizerAttr
    : Tern_Attr<"WeightQuantizer", "weight_quantizer"> {
  let summary = "how latent weights become ternary codes and scales";
  let description = [{
    For a weight matrix W [N, K], over each granule (the tensor, a row, or a
    group of `group_size` adjacent K-positions of a row; the last may be
    shorter):

    1. statistic: `absmean` mean |W| (f64 accumulation, rounded to f32 once);
       `absmedian` the lower median of |W|; `absmax` max |W|; `learned` an
       operand.
    2. eps: `clamp` s = max(statistic, eps), `add` s = statistic + eps.
    3. rule: `round_clip` r = 1/s, code = clamp(round(W * r), -1, 1);
       `threshold` code = sign(W) where |W| >= threshold * s, else 0;
       `strict_threshold` code = sign(W) where |W| > threshold, else 0 (the
       threshold is absolute).

    The ternarized weight is `s * code`. Granules of zeros give codes 0.

    Sources: absmean with round_clip is BitNet b1.58 (arXiv:2402.17764) with
    the reciprocal of Microsoft's training-tips FAQ; absmedian is
    arXiv:2407.09527.

    Example: `#tern.weight_quantizer<statistic = absmean, granularity = row>`
  }];
  let parameters = (ins
    EnumParameter<Tern_Statistic>:$statistic,
    DefaultValuedParameter<"Granularity", "Granularity::Tensor">:$granularity,
    DefaultValuedParameter<"int64_t", "0", "K-positions of a group">:$group_size,
    DefaultValuedParameter<"Rule", "Rule::RoundClip">:$rule,
    DefaultValuedParameter<"Rounding", "Rounding::Even">:$round,
    Tern_Double<"0.1", "used by the threshold rules">:$threshold,
    Tern_Double<"1e-5", "keeps the scale from zero">:$eps,
    DefaultValuedParameter<"EpsMode", "EpsMode::Clamp">:$eps_mode);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Shape of the scales of an N x K matrix: [], [N] or [N, ceil(K/group)].
    ::llvm::SmallVector<int64_t> getScaleShape(int64_t n, int64_t k) const;
  }];
}

def Tern_ActivationQuantizerAttr
    : Tern_Attr<"ActivationQuantizer", "activation_quantizer"> {
  let summary = "how activations become int8 codes and scales";
  let description = [{
    `absmax_token`, per token (all axes but the last): `g = max |x|`, kept from
    zero by `eps`; `r = 127/g`; `q = clamp(round(x * r), -128, 127)`; the scale
    is `g/127`. `eps_mode = clamp` takes `g = max(g, eps)`; `clamp_scale` takes
    `scale = max(g/127, eps)` and `r = 1/scale` (torchao's convention).

    `dynamic_u8_tensor`, over all of x: `low = min(x, 0)`, `high = max(x, 0)`;
    `scale = (high - low)/255`, 1 where that range is empty;
    `zero = clamp(round(-low/scale), 0, 255)`;
    `u = clamp(round(x/scale) + zero, 0, 255)`, for `x~ = (u - zero) * scale`.
    Its codes as int8 are `u - 128`, its zero point `zero - 128`. It has
    neither `eps` nor another rounding than `even`.

    Sources: BitNet b1.58 (arXiv:2402.17764); DynamicQuantizeLinear of ONNX.
  }];
  let parameters = (ins
    DefaultValuedParameter<"ActivationScheme", "ActivationScheme::AbsMaxToken">:$scheme,
    DefaultValuedParameter<"Rounding", "Rounding::Even">:$round,
    Tern_Double<"1e-5", "keeps the scale from zero">:$eps,
    DefaultValuedParameter<"EpsMode", "EpsMode::Clamp">:$eps_mode);
  let builders = [
    AttrBuilder<(ins "::tern::ActivationScheme":$scheme), [{
      return $_get($_ctxt, scheme, Rounding::Even, ::llvm::APFloat(1e-5),
                   EpsMode::Clamp);
    }]>
  ];
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

class Tern_LayoutAttr<string name, string mnemonicName,
                      list<string> methods = []>
    : Tern_Attr<name, mnemonicName,
                [DeclareAttrInterfaceMethods<Tern_LayoutAttrInterface, methods>,
                 DeclareAttrInterfaceMethods<Tern_SimdLayoutAttrInterface>]> {
  let parameters = (ins
    DefaultValuedParameter<"int64_t", "4", "rows of a tile">:$rows,
    DefaultValuedParameter<"int64_t", "32", "bytes in a row of a tile">:$lanes);
  let assemblyFormat = "(`<` struct(params)^ `>`)?";
  let genVerifyDecl = 1;
}

def Tern_Bits2Attr : Tern_LayoutAttr<"Bits2", "bits2"> {
  let summary = "four codes in a byte, two bits each";
  let description = [{
    Field f of a byte is bits 2f and 2f+1 and holds code + 1.

    Example: `#tern.bits2<rows = 4, lanes = 32>`
  }];
}

def Tern_Base3Attr : Tern_LayoutAttr<"Base3", "base3",
    ["getFields", "buildPack", "buildUnpack"]> {
  let summary = "five codes in a byte, as digits of base three";
  let description = [{
    With digits d_f = code + 1, `v = sum of d_f * 3^(4-f)` and the byte is
    `(v * 256 + 242) / 243`, so that digit f is
    `((byte * 3^f mod 256) * 3) / 256`. 1.6 bits a weight.

    Example: `#tern.base3<rows = 4, lanes = 32>`
  }];
}

def Tern_GenericTargetAttr : Tern_Attr<"GenericTarget", "generic",
    [DeclareAttrInterfaceMethods<Tern_TargetAttrInterface>]> {
  let summary = "any processor that LLVM can generate code for";
}

def Tern_X86TargetAttr : Tern_Attr<"X86Target", "x86",
    [DeclareAttrInterfaceMethods<Tern_TargetAttrInterface>]> {
  let summary = "x86-64 processors";
  let description = [{
    `features` are LLVM's names of what the code may use beyond the x86-64
    baseline. Dot products use `vpdpbusd` with `avxvnni` or `avx512vnni` and
    `avx512vl`, `vpmaddubsw` with `avx2` or `ssse3`, and plain arithmetic
    otherwise. Float matrix products use fused multiply-adds with `fma`.

    Example: `#tern.x86<features = ["avx2", "fma"]>`
  }];
  let parameters = (ins
    OptionalArrayRefParameter<"::mlir::StringAttr", "features">:$features);
  let assemblyFormat = "`<` (`features` `=` `[` $features^ `]`)? `>`";
  let extraClassDeclaration = [{
    bool hasFeature(::llvm::StringRef name) const;
  }];
}

def Tern_KernelAttr : Tern_Attr<"Kernel", "kernel"> {
  let summary = "a kernel that an artifact launches";
  let description = [{
    What `tern-emit-entry-points` says of it in `tern.kernels`: threads of a
    block along x, y and z, and a letter for each parameter, as
    TernDeviceKernel in runtime/include/tern/runtime/Artifact.h has them.

    Example: `#tern.kernel<@module::@kernel block [128, 1, 1] params "pp8">`
  }];
  let parameters = (ins "::mlir::SymbolRefAttr":$kernel,
                        "::mlir::DenseI32ArrayAttr":$block,
                        "::mlir::StringAttr":$params);
  let assemblyFormat =
      "`<` $kernel `block` $block `params` $params `>`";
  let genVerifyDecl = 1;
}

#endif // TERN_DIALECT_TERN_IR_TERNATTRIBUTES_TD
