//===- Ternarize.cpp - Make float layers ternary --------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LayerNames.h"
#include "LearnedScale.h"
#include "LinearLayer.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "tern/Dialect/Tern/IR/ConversionAttribute.h"
#include "tern/Dialect/Tern/IR/ParamUse.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/DeadCode.h"
#include "tern/Dialect/Tern/Utils/Dequantize.h"
#include "tern/Ternary/Layers.h"
#include "tern/Ternary/Passes.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/StringExtras.h"

namespace tern {
#define GEN_PASS_DEF_TERNTERNARIZE
#include "tern/Ternary/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

/// The parts of a transformer that are not ternarized by custom: output head,
/// embeddings, positions.
static const std::string defaultExclusions[] = {"lm_head", "embed", "wte",
                                                "wpe"};

/// The quantizers that docs/numerics.md gives a name, and their parameters.
static constexpr std::pair<StringLiteral, StringLiteral> namedQuantizers[] = {
    {"absmean", "<statistic = absmean>"},
    {"absmean-eps", "<statistic = absmean, eps_mode = add>"},
    {"absmean-row", "<statistic = absmean, granularity = row, "
                    "rule = threshold, eps = 1.0e-8>"},
    {"absmedian", "<statistic = absmedian>"},
    {"threshold", "<statistic = learned, rule = strict_threshold>"},
};

std::vector<std::string> tern::getQuantizerNames() {
  std::vector<std::string> names;
  for (const auto &[name, text] : namedQuantizers)
    names.push_back(name.str());
  return names;
}

StringRef tern::getQuantizerNameList() {
  static const std::string list = llvm::join(getQuantizerNames(), "|");
  return list;
}

FailureOr<WeightQuantizerAttr>
tern::parseWeightQuantizer(StringRef text, MLIRContext *context) {
  // A name that is not known is taken for the parameters themselves.
  std::string full = text.str();
  for (const auto &[name, parameters] : namedQuantizers)
    if (name == text)
      full = parameters.str();
  if (StringRef(full).starts_with("<"))
    full = "#tern.weight_quantizer" + full;
  auto fail = [&](const Twine &why) {
    return emitError(UnknownLoc::get(context))
           << "'" << text << "' is no weight quantizer: " << why << "; use "
           << llvm::join(getQuantizerNames(), ", ")
           << ", or parameters such as '<statistic = absmean, granularity = "
              "row>'"
           << runtime::suggest(text, getQuantizerNames());
  };
  // What the parser has to say becomes part of the one message.
  std::string why = "cannot parse it";
  Attribute attr;
  {
    ScopedDiagnosticHandler handler(context, [&](Diagnostic &diagnostic) {
      why = diagnostic.str();
      return success();
    });
    size_t numRead = 0;
    attr = parseAttribute(full, context, Type(), &numRead);
    if (attr && numRead != full.size()) {
      why = "'" + full.substr(numRead) + "' follows it";
      attr = {};
    }
  }
  if (!attr)
    return fail(why);
  auto quantizer = dyn_cast<WeightQuantizerAttr>(attr);
  if (!quantizer)
    return fail("it is another attribute");
  return quantizer;
}

namespace {
struct Ternarize : public tern::impl::TernTernarizeBase<Ternarize> {
  using Base::Base;

  LogicalResult initialize(MLIRContext *context) override {
    filter = LayerFilter();
    defaultFilter = LayerFilter();
    if (failed(filter.add(exclude, context)) ||
        failed(defaultFilter.add(defaultExclusions, context)))
      return failure();
    auto parsed = parseWeightQuantizer(quantizer, context);
    if (failed(parsed))
      return failure();
    weights = *parsed;
    int8 = ActivationQuantizerAttr::get(context, ActivationScheme::AbsMaxToken);
    return success();
  }

  void runOnOperation() override {
    if (mode == TernarizeMode::None)
      return;
    SmallVector<Operation *> ops;
    getOperation().walk([&](Operation *op) { ops.push_back(op); });
    for (Operation *op : ops) {
      if (auto bitlinear = dyn_cast<BitLinearOp>(op))
        visit(bitlinear);
      else if (std::optional<LinearLayer> layer = LinearLayer::match(op))
        visit(*layer);
    }
    for (func::FuncOp function : getOperation().getOps<func::FuncOp>())
      eraseDeadOps(function.getBody());
    warnAboutUnused();
  }

private:
  void visit(BitLinearOp bitlinear);
  void visit(const LinearLayer &layer);
  void warnAboutUnused();

  void note(const LayerNames &names) {
    numLayers += 1;
    if (numLayers <= 8)
      seen.push_back(names.back());
  }

  LayerFilter filter, defaultFilter;
  WeightQuantizerAttr weights;
  ActivationQuantizerAttr int8;
  /// Names for the message about patterns that match nothing.
  SmallVector<std::string> seen;
  int64_t numLayers = 0;
};
} // namespace

/// What training may do with the parameter that the value is, if the model
/// says.
static std::optional<ParamUse> getUse(Value value) {
  auto arg = dyn_cast<BlockArgument>(value);
  auto function =
      arg ? dyn_cast<func::FuncOp>(arg.getOwner()->getParentOp()) : nullptr;
  return function ? ParamUse::get(function, arg.getArgNumber()) : std::nullopt;
}

/// The samples [N, ...] of a tensor as int8 and back, with one scale for each.
static Value quantizeSamples(OpBuilder &b, Location loc, Value x,
                             ActivationQuantizerAttr quantizer) {
  auto type = cast<RankedTensorType>(x.getType());
  unsigned rank = type.getRank();
  SmallVector<ReassociationIndices> groups = {
      {0}, llvm::to_vector<2>(llvm::seq<int64_t>(1, rank))};
  Value flat = tensor::CollapseShapeOp::create(b, loc, x, groups);
  auto quantized = QuantizeActivationsOp::create(b, loc, flat, quantizer);
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, loc, x);
  Value codes = tensor::ExpandShapeOp::create(b, loc, type.clone(b.getI8Type()),
                                              quantized.getQ(), groups, sizes);
  TensorBuilder tensors(loc, b);
  Value back = dequantize(tensors, sizes, codes, quantized.getScale(),
                          tensors.leading(rank, 1));
  return StraightThroughOp::create(b, loc, x, back, Value());
}

/// Repeats on `replacement` what makes `x` of `input`, by the first operand of
/// each operation.
static Value repeatMoves(OpBuilder &b, Value x, Value input,
                         Value replacement) {
  if (x == input)
    return replacement;
  Operation *op = x.getDefiningOp();
  IRMapping mapping;
  mapping.map(op->getOperand(0),
              repeatMoves(b, op->getOperand(0), input, replacement));
  return b.clone(*op, mapping)->getResult(0);
}

/// The rows `x` of a convolution with samples quantized. A `tern.bitlinear`
/// itself would give each window a scale of its own.
static Value quantizeConvolution(OpBuilder &b, Location loc, Value x,
                                 const Convolution &convolution,
                                 ActivationQuantizerAttr quantizer) {
  return repeatMoves(b, x, convolution.input,
                     quantizeSamples(b, loc, convolution.input, quantizer));
}

/// A layer that is ternary already: only its activations can change.
void Ternarize::visit(BitLinearOp bitlinear) {
  LayerNames names = getLayerNames(bitlinear, bitlinear.getWeight());
  note(names);
  filter.match(names);
  if (activations != ActivationMode::Int8 || bitlinear.getActivations())
    return;
  if (Operation *source = bitlinear.getX().getDefiningOp())
    source->removeDiscardableAttr(
        TernDialect::UnquantizedAttrHelper::getNameStr());
  std::optional<Convolution> convolution =
      getConvolution(bitlinear.getX(), Element::get(bitlinear.getWeight()));
  if (!convolution)
    return bitlinear.setActivationsAttr(int8);
  OpBuilder builder(bitlinear);
  bitlinear.getXMutable().assign(quantizeConvolution(
      builder, bitlinear.getLoc(), bitlinear.getX(), *convolution, int8));
}

void Ternarize::visit(const LinearLayer &layer) {
  Operation *op = layer.op;
  Element latent = getSource(layer.weight);
  LayerNames names = getLayerNames(op, layer.weight.value);
  if (StringRef reason = getFloatReason(op); !reason.empty()) {
    // Something was said about it before: it was excluded, or its weights are
    // quantized in another way.
    note(names);
    filter.match(names);
    filter.matchReason(reason);
    return;
  }
  if (names.size() < 2) // The weights are no parameter.
    return;
  note(names);
  std::optional<StringRef> pattern = filter.match(names);
  if (mode != TernarizeMode::All)
    return;
  if (pattern)
    return setExcluded(op, *pattern);
  pattern = defaultFilter.match(names);
  if (pattern)
    return setFloatReason(op,
                          ("excluded by default: '" + *pattern + "'").str());
  if (std::optional<ParamUse> use = getUse(latent.value);
      use && use->kind != ParamUse::Kind::Learned)
    return setFloatReason(op, "its weights are no parameter: " + use->reason);
  if (!isLatentMatrix(layer, latent))
    return setFloatReason(op, "the weights are no matrix [N, K] or [K, N]");

  OpBuilder builder(op);
  // A learned scale begins as the average, which the layer has until then.
  bool isLearned = weights.getStatistic() == tern::Statistic::Learned;
  BitLinearParts parts{layer.x,
                       latent,
                       std::nullopt,
                       nullptr,
                       isLearned ? getInitialQuantizer(weights) : weights,
                       nullptr};
  std::optional<Convolution> convolution =
      getConvolution(layer.x, layer.weight);
  if (convolution && activations == ActivationMode::Int8)
    parts.x =
        quantizeConvolution(builder, op->getLoc(), layer.x, *convolution, int8);
  else if (!convolution && activations != ActivationMode::Float)
    parts.activations = int8;
  BitLinearOp bitlinear =
      replaceByBitLinear(builder, layer, layer.getResult(), parts);
  if (isLearned)
    addLearnedScale(bitlinear, weights, names.back());
  setOrigin(bitlinear, LayerOrigin::Converted);
  ++numConverted;
  auto function = bitlinear->getParentOfType<func::FuncOp>();
  remark::passed(bitlinear.getLoc(),
                 remark::RemarkOpts::name("ternarize")
                     .category("tern-ternary")
                     .function(function ? function.getName() : ""))
      << describeNode(bitlinear) + "converted to tern.bitlinear";
}

void Ternarize::warnAboutUnused() {
  for (StringRef pattern : filter.getUnused()) {
    InFlightDiagnostic warning = getOperation().emitWarning()
                                 << "exclude pattern '" << pattern
                                 << "' matches no layer";
    if (seen.empty())
      warning << ": there are none";
    else
      warning << "; there are: " << llvm::join(seen, ", ")
              << (numLayers > static_cast<int64_t>(seen.size()) ? ", ..." : "");
  }
}
