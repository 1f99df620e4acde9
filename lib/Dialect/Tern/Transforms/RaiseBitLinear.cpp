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
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Remarks.h"
#include "mlir/IR/TypeUtilities.h"
#include "tern/Dialect/Tern/Transforms/Passes.h"

namespace tern {
#define GEN_PASS_DEF_TERNRAISEBITLINEAR
#include "tern/Dialect/Tern/Transforms/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

/// Where the scales are applied to the product of codes: the result of the
/// last multiplication or division, or null.
static Value findScaledProduct(const LinearLayer &layer, const Monomial &xScale,
                               Monomial wScale) {
  // The weights' scale as a function of the result's position.
  for (auto &[base, power] : wScale.bases)
    base.map = base.map.compose(layer.getLoopsOfResult());
  Value value = layer.getResult();
  while (value.hasOneUse()) {
    auto user = dyn_cast<linalg::LinalgOp>(*value.user_begin());
    if (!user || user->getNumResults() != 1 ||
        user->getResult(0).getType() != layer.getResult().getType())
      return nullptr;
    value = user->getResult(0);
    Element element = Element::get(value);
    Operation *computation = getComputation(element);
    if (!isa_and_nonnull<arith::MulFOp, arith::DivFOp>(computation) ||
        computation->getParentOp() != user)
      return nullptr;
    // Two factors are left when the product is taken out: the scales.
    Monomial factors = getMonomial(element);
    auto *product = llvm::find_if(factors.bases, [&](auto &base) {
      return base.first == Element::get(layer.getResult()) && base.second == 1;
    });
    if (product == factors.bases.end())
      return nullptr;
    factors.bases.erase(product);
    Monomial scales = xScale;
    scales.factor *= wScale.factor;
    scales.bases.append(wScale.bases);
    if (isSame(factors, scales))
      return value;
  }
  return nullptr;
}

static constexpr StringLiteral notTernary =
    "the weights are quantized to more than three values, or to values that "
    "are not {-s, 0, s}";

/// Whether a computation makes the weight of integers that parameters are.
static bool isDequantized(Element weight) {
  Value source = getSource(weight).value;
  if (!source.getDefiningOp())
    return false;
  llvm::SetVector<Operation *> ops;
  llvm::SetVector<BlockArgument> arguments;
  findSlice(source, ops, arguments);
  for (BlockArgument argument : arguments) {
    auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
    if (!function || !function.getArgAttr(argument.getArgNumber(),
                                          TernDialect::getParamAttrName()))
      return false;
  }
  // Or that are constants, if they are few.
  return llvm::any_of(ops, [](Operation *op) {
    return op
        ->walk([](Operation *nested) {
          return isa<arith::SIToFPOp, arith::UIToFPOp, arith::ExtSIOp,
                     arith::ExtUIOp>(nested)
                     ? WalkResult::interrupt()
                     : WalkResult::advance();
        })
        .wasInterrupted();
  });
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
    eraseDeadOps(getOperation().getBody());
  }

private:
  void raise(const LinearLayer &layer);
  /// Both operands are codes and the scales come after the product. Whether it
  /// was dealt with.
  bool raiseCodes(const LinearLayer &layer, QuantizerMatcher &matcher);
  /// The weights are integers and the activations' codes, too.
  void raiseIntegers(const LinearLayer &layer);
  void finish(const LinearLayer &layer, Value result, BitLinearParts parts);
  void keep(const LinearLayer &layer, StringRef reason);

  remark::RemarkOpts describe() {
    return remark::RemarkOpts::name("raise-bitlinear")
        .category("tern-ternary")
        .function(getOperation().getName());
  }

  LayerFilter filter;
};
} // namespace

void RaiseBitLinear::raise(const LinearLayer &layer) {
  Operation *op = layer.op;
  Location loc = op->getLoc();
  QuantizerMatcher matcher(&getContext());
  std::optional<WeightPattern> weights =
      matcher.matchWeights(layer.weight, layer.dims);
  if (weights && !isLatentMatrix(layer, weights->latent)) {
    weights = std::nullopt;
    remark::missed(loc, describe())
        << "the latent weights are no matrix [N, K] or [K, N]";
  }
  if (!weights && raiseCodes(layer, matcher))
    return;
  if (!weights) {
    if (!matcher.getReason().empty())
      keep(layer, matcher.getReason());
    else if (isDequantized(layer.weight))
      keep(layer, notTernary);
    return;
  }
  if (std::optional<StringRef> pattern =
          filter.match(getLayerNames(op, weights->latent.value))) {
    setExcluded(op, *pattern);
    return;
  }

  // What dequantizes in narrow floats is followed by a conversion.
  if (!weights->fact.empty())
    weights->latent.value.getDefiningOp()->setAttr(
        TernDialect::getTernaryAttrName(),
        StringAttr::get(&getContext(), weights->fact));
  BitLinearParts parts{layer.x,
                       weights->latent,
                       weights->alpha,
                       weights->alphaTensor,
                       weights->quantizer,
                       nullptr};
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
  if (!parts.activations && !matcher.getReason().empty())
    remark::missed(loc, describe())
        << "activations stay float: " + matcher.getReason();
  finish(layer, layer.getResult(), parts);
}

bool RaiseBitLinear::raiseCodes(const LinearLayer &layer,
                                QuantizerMatcher &matcher) {
  std::optional<WeightPattern> weights =
      matcher.matchWeightCodes(layer.weight, layer.dims);
  if (!weights || !isLatentMatrix(layer, weights->latent))
    return false;
  std::optional<ActivationPattern> activations =
      matcher.matchActivationCodes(layer.x);
  if (!activations)
    return false;
  Value result = findScaledProduct(layer, activations->scale, weights->scale);
  if (!result) {
    remark::missed(layer.op->getLoc(), describe())
        << "the product of codes is not multiplied with both scales";
    return false;
  }
  if (std::optional<StringRef> pattern =
          filter.match(getLayerNames(layer.op, weights->latent.value))) {
    setExcluded(layer.op, *pattern);
    return true;
  }
  finish(layer, result,
         {activations->source, weights->latent, weights->alpha,
          weights->alphaTensor, weights->quantizer, activations->quantizer});
  return true;
}

void RaiseBitLinear::raiseIntegers(const LinearLayer &layer) {
  auto [integers, fact] = findTernaryFact(layer.weight);
  if (!fact) {
    if (isDequantized(layer.weight))
      keep(layer, notTernary);
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
  if (std::optional<StringRef> pattern =
          filter.match(getLayerNames(layer.op, integers.value)))
    return setExcluded(layer.op, *pattern);
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
          weights->quantizer, activations->quantizer});
}

void RaiseBitLinear::keep(const LinearLayer &layer, StringRef reason) {
  remark::missed(layer.op->getLoc(), describe()) << reason.str();
  setFloatReason(layer.op, reason);
}

void RaiseBitLinear::finish(const LinearLayer &layer, Value result,
                            BitLinearParts parts) {
  OpBuilder builder(&getContext());
  BitLinearOp bitlinear = replaceByBitLinear(builder, layer, result, parts);
  setOrigin(bitlinear, LayerOrigin::Raised);
  ++numRaised;
  remark::passed(bitlinear.getLoc(), describe())
      << (parts.activations ? "raised to tern.bitlinear with int8 activations"
                            : "raised to tern.bitlinear");
}
