//===- RaiseBitLinear.cpp - Recognise ternary layers ----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InitialValues.h"
#include "IntegerLayer.h"
#include "LayerNames.h"
#include "LinearLayer.h"
#include "ScaledProduct.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/TypeUtilities.h"
#include "tern/Dialect/Tern/IR/ConversionAttribute.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/DeadCode.h"
#include "tern/Ternary/Passes.h"

namespace tern {
#define GEN_PASS_DEF_TERNRAISEBITLINEAR
#include "tern/Ternary/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

static constexpr StringLiteral notTernary =
    "the weights are quantized to more than three values, or to values that "
    "are not {-s, 0, s}";

static constexpr StringLiteral notKnown =
    "the weights are computed of parameters, and not to {-s, 0, s} with one s "
    "for all, each output or each group of inputs";

/// Why a weight that is computed of parameters alone is not ternary; empty for
/// others.
static StringRef explain(Element weight) {
  Value source = getSource(weight).value;
  if (!source.getDefiningOp())
    return "";
  llvm::SetVector<Operation *> ops;
  llvm::SetVector<BlockArgument> arguments;
  findSlice(source, ops, arguments);
  for (BlockArgument argument : arguments) {
    auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
    if (!function ||
        !function.getArgAttr(argument.getArgNumber(), kParamAttrName))
      return "";
  }
  // Integers are parameters, or constants, if they are few.
  bool isDequantized = llvm::any_of(ops, [](Operation *op) {
    return op
        ->walk([](Operation *nested) {
          return isa<arith::SIToFPOp, arith::UIToFPOp, arith::ExtSIOp,
                     arith::ExtUIOp>(nested)
                     ? WalkResult::interrupt()
                     : WalkResult::advance();
        })
        .wasInterrupted();
  });
  return isDequantized ? StringRef(notTernary) : StringRef(notKnown);
}

namespace {
struct RaiseBitLinear
    : public tern::impl::TernRaiseBitLinearBase<RaiseBitLinear> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) override {
    filter = LayerFilter();
    return filter.add(exclude, context);
  }

  void runOnOperation() override {
    // Raising one layer changes the operands of the next.
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    for (linalg::LinalgOp op : ops) {
      if (std::optional<LinearLayer> layer = LinearLayer::match(op))
        raise(*layer);
      else if (std::optional<LinearLayer> layer = LinearLayer::matchInteger(op))
        raiseIntegers(*layer);
    }
    eraseDeadOps(getOperation()->getRegion(0));
  }

private:
  void raise(const LinearLayer &layer);
  /// Activations that are codes, and where their scale comes after the product.
  struct Codes {
    ActivationPattern activations;
    ScaledProduct scaled;
  };
  /// The same, with the weights' scale over the result's position beside it.
  /// `reason`: why it is none, although there are codes.
  std::optional<Codes> matchCodes(const LinearLayer &layer,
                                  QuantizerMatcher &matcher,
                                  const Monomial &weightScale,
                                  std::string &reason);
  /// The weights are codes and their scale comes after the product. Whether it
  /// was dealt with.
  bool raiseCodes(const LinearLayer &layer, QuantizerMatcher &matcher);
  /// The weights are integers and the activations' codes, too.
  void raiseIntegers(const LinearLayer &layer);
  /// Whether the user wants the layer, whose weights are made of `latent`, left
  /// alone; then it is.
  bool isExcluded(const LinearLayer &layer, Value latent);
  /// `reason`: why activations are float, if they are and it is known.
  void finish(const LinearLayer &layer, Value result,
              const BitLinearParts &parts, StringRef reason);
  void keep(const LinearLayer &layer, StringRef reason);

  remark::RemarkOpts describe() {
    return remark::RemarkOpts::name("raise-bitlinear")
        .category("tern-ternary")
        .function(getOperation().getName());
  }

  LayerFilter filter;
};
} // namespace

/// The layer with float activations.
static BitLinearParts getParts(const LinearLayer &layer,
                               const WeightPattern &weights) {
  return {layer.x,           weights.latent, weights.alpha, weights.alphaTensor,
          weights.quantizer, nullptr};
}

void RaiseBitLinear::raise(const LinearLayer &layer) {
  Operation *op = layer.op;
  Location loc = op->getLoc();
  QuantizerMatcher matcher(&getContext());
  std::optional<WeightPattern> weights =
      matcher.matchWeights(layer.weight, layer.dims);
  if (weights && !isLatentMatrix(layer, weights->latent)) {
    weights = std::nullopt;
    remark::missed(loc, describe())
        << describeNode(op) +
               "the latent weights are no matrix [N, K] or [K, N]";
  }
  if (!weights && raiseCodes(layer, matcher))
    return;
  if (!weights) {
    if (!matcher.getReason().empty())
      keep(layer, matcher.getReason());
    else if (StringRef reason = explain(layer.weight); !reason.empty())
      keep(layer, reason);
    return;
  }
  if (isExcluded(layer, weights->latent.value))
    return;

  // What dequantizes in narrow floats is followed by a conversion.
  if (!weights->fact.empty())
    TernDialect::TernaryAttrHelper(
        weights->latent.value.getDefiningOp()->getContext())
        .setAttr(weights->latent.value.getDefiningOp(),
                 StringAttr::get(&getContext(), weights->fact));
  BitLinearParts parts = getParts(layer, *weights);
  matcher.clearReason();
  // Activations are quantized before or after their leading dimensions become
  // one.
  for (Value x : {layer.x, skipReshapes(layer.x)}) {
    std::optional<ActivationPattern> activations = matcher.matchActivations(x);
    if (!activations)
      continue;
    OpBuilder builder(op);
    parts.activations = activations->quantizer;
    parts.x = activations->source;
    if (x != layer.x)
      parts.x = repeatReshapes(builder, layer.x, activations->source);
    break;
  }
  Value result = layer.getResult();
  std::string reason;
  if (!parts.activations)
    if (std::optional<Codes> codes = matchCodes(layer, matcher, {}, reason)) {
      OpBuilder builder(op);
      parts.activations = codes->activations.quantizer;
      parts.x = codes->activations.source;
      result = applyRest(builder, codes->scaled);
    }
  finish(layer, result, parts, reason.empty() ? matcher.getReason() : reason);
}

/// The layer's result where it has the rank of `x`, which may be reshaped to
/// the layer's operand; or null.
static Value followReshapes(const LinearLayer &layer, Value x) {
  auto rankOf = [](Value value) {
    return cast<RankedTensorType>(value.getType()).getRank();
  };
  Value result = layer.getResult();
  while (rankOf(result) != rankOf(x) && result.hasOneUse() &&
         getReshaped(*result.user_begin()))
    result = (*result.user_begin())->getResult(0);
  return rankOf(result) == rankOf(x) ? result : nullptr;
}

std::optional<RaiseBitLinear::Codes>
RaiseBitLinear::matchCodes(const LinearLayer &layer, QuantizerMatcher &matcher,
                           const Monomial &weightScale, std::string &reason) {
  for (Value x : {layer.x, skipReshapes(layer.x)}) {
    std::optional<ActivationPattern> activations =
        matcher.matchActivationCodes(x);
    Value product = followReshapes(layer, x);
    if (!activations || !product)
      continue;
    Monomial scales = activations->scale;
    scales.factor *= weightScale.factor;
    scales.bases.append(weightScale.bases);
    std::optional<ScaledProduct> scaled = findScaledProduct(product, scales);
    if (scaled && canApplyRest(*scaled))
      return Codes{*activations, *scaled};
    reason = "the product of codes is not multiplied with ";
    reason +=
        weightScale.bases.empty() ? "the activations' scale" : "both scales";
    return std::nullopt;
  }
  return std::nullopt;
}

bool RaiseBitLinear::raiseCodes(const LinearLayer &layer,
                                QuantizerMatcher &matcher) {
  std::optional<WeightPattern> weights =
      matcher.matchWeightCodes(layer.weight, layer.dims);
  if (!weights || !isLatentMatrix(layer, weights->latent))
    return false;
  Monomial scale = getScaleOfResult(layer, weights->scale);
  QuantizerMatcher activations(&getContext());
  std::string reason;
  std::optional<Codes> codes = matchCodes(layer, activations, scale, reason);
  std::optional<ScaledProduct> scaled;
  if (codes)
    scaled = codes->scaled;
  else // Activations are float, or quantized in another way before the layer.
    scaled = findScaledProduct(layer.getResult(), scale);
  if (!scaled || !canApplyRest(*scaled)) {
    if (!reason.empty())
      keep(layer, reason);
    return !reason.empty();
  }
  if (isExcluded(layer, weights->latent.value))
    return true;
  OpBuilder builder(layer.op);
  BitLinearParts parts = getParts(layer, *weights);
  if (codes) {
    parts.x = codes->activations.source;
    parts.activations = codes->activations.quantizer;
  }
  finish(layer, applyRest(builder, *scaled), parts,
         reason.empty() ? activations.getReason() : reason);
  return true;
}

void RaiseBitLinear::raiseIntegers(const LinearLayer &layer) {
  auto [integers, fact] = findTernaryFact(layer.weight);
  if (!fact) {
    if (StringRef reason = explain(layer.weight); !reason.empty())
      keep(layer, reason);
    return;
  }
  QuantizerMatcher matcher(&getContext());
  std::optional<ActivationPattern> activations;
  for (Value x : {layer.x, skipReshapes(layer.x)})
    if (!activations)
      activations = matcher.matchDynamicCodes(x);
  if (!activations) {
    if (!matcher.getReason().empty())
      keep(layer, matcher.getReason());
    return;
  }
  std::optional<IntegerScales> scales =
      findIntegerScales(layer, activations->scale);
  auto rankOf = [](Value value) {
    return cast<RankedTensorType>(value.getType()).getRank();
  };
  if (!scales || rankOf(scales->result) != rankOf(activations->source))
    return keep(layer, "the integer product is not multiplied with the "
                       "activations' scale and one of the weights");
  if (isExcluded(layer, integers.value))
    return;
  OpBuilder builder(scales->result.getDefiningOp());
  Element latent = buildScaledWeights(builder, layer, integers, fact, *scales);
  if (!latent.value || !isLatentMatrix(layer, latent))
    return keep(layer, "the latent weights are no matrix [N, K] or [K, N]");
  std::optional<WeightPattern> weights =
      matcher.matchWeights(latent, layer.dims);
  if (!weights)
    return keep(layer, matcher.getReason());
  finish(layer, scales->result,
         {activations->source, latent, std::nullopt, nullptr,
          weights->quantizer, activations->quantizer},
         /*reason=*/"");
}

void RaiseBitLinear::keep(const LinearLayer &layer, StringRef reason) {
  remark::missed(layer.op->getLoc(), describe())
      << describeNode(layer.op) + reason.str();
  setFloatReason(layer.op, reason);
}

bool RaiseBitLinear::isExcluded(const LinearLayer &layer, Value latent) {
  std::optional<StringRef> pattern =
      filter.match(getLayerNames(layer.op, latent));
  if (pattern)
    setExcluded(layer.op, *pattern);
  return pattern.has_value();
}

void RaiseBitLinear::finish(const LinearLayer &layer, Value result,
                            const BitLinearParts &parts, StringRef reason) {
  OpBuilder builder(&getContext());
  BitLinearOp bitlinear = replaceByBitLinear(builder, layer, result, parts);
  setOrigin(bitlinear, LayerOrigin::Raised);
  if (!parts.activations && !reason.empty()) {
    if (Operation *source = parts.x.getDefiningOp())
      TernDialect::UnquantizedAttrHelper(source->getContext())
          .setAttr(source, builder.getStringAttr(reason));
    remark::missed(bitlinear.getLoc(), describe())
        << describeNode(bitlinear) + "activations stay float: " + reason.str();
  }
  ++numRaised;
  remark::passed(bitlinear.getLoc(), describe())
      << describeNode(bitlinear) +
             (parts.activations
                  ? "raised to tern.bitlinear with int8 activations"
                  : "raised to tern.bitlinear");
}
