//===- QuantizerPatterns.cpp - Match fake quantization --------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "QuantizerPatterns.h"
#include "Formulas.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "llvm/ADT/SmallBitVector.h"

using namespace mlir;
using namespace tern;

/// A scale and what it is made from.
struct QuantizerMatcher::Scale {
  Statistic statistic;
  Granularity granularity = Granularity::Tensor;
  int64_t groupSize = 0;
  /// What the statistic is multiplied with, and where the bound applies.
  double factor = 1;
  double boundedFactor = 1;
  double eps;
  EpsMode epsMode = EpsMode::Clamp;
};

/// Keeps the scale of zeros from being zero where the model has no bound of
/// its own; its reciprocal is still finite in f32.
static constexpr double tinyEps = 1e-30;

//===----------------------------------------------------------------------===//
// Codes
//===----------------------------------------------------------------------===//

/// Whether a scale is computed, not given.
static bool dependsOnValues(const Monomial &scale) {
  return llvm::any_of(scale.bases, [](auto &base) {
    return !isa<BlockArgument>(getSource(base.first).value);
  });
}

/// clip(round(value / scale)), converted to int8 and back perhaps, which clips
/// too. Without either the codes are not clipped.
std::optional<QuantizerMatcher::Codes>
QuantizerMatcher::matchRoundedCodes(Element codes) {
  Clip clip{codes};
  std::optional<Element> converted = matchInt8RoundTrip(codes);
  if (converted)
    clip = {*converted, -128, 127};
  if (std::optional<Clip> inner = matchClip(clip.value))
    clip = {inner->value, std::max(clip.low, inner->low),
            std::min(clip.high, inner->high)};
  auto rounded = matchRound(clip.value);
  if (!rounded)
    return std::nullopt;
  Codes result{codes, Rule::RoundClip};
  result.round = rounded->second;
  result.low = clip.low;
  result.high = clip.high;
  // The value is the operand that is not the scale; which one that is shows
  // when the scale is looked at, so a product is matched by what its scale's
  // factors are: the value is a tensor that the scale is a statistic of.
  if (auto quotient = matchBinary<arith::DivFOp>(rounded->first)) {
    result.value = quotient->first;
    result.scale = getMonomial(quotient->second);
    // QuantizeLinear by a given scale: `matchIntegerCodes`.
    if (converted && !dependsOnValues(result.scale))
      return std::nullopt;
    return result;
  }
  if (auto product = matchBinary<arith::MulFOp>(rounded->first)) {
    for (auto [value, scale] :
         {*product, std::pair(product->second, product->first)}) {
      Monomial monomial = getMonomial(scale).getInverse();
      // A scale's reciprocal is what is multiplied with.
      if (monomial.isPower(1) || monomial.bases.empty()) {
        result.value = value;
        result.scale = monomial;
        return result;
      }
    }
  }
  return fail("codes are not a product or quotient with one scale");
}

/// sign(value) where |value| >= t * scale, else 0.
std::optional<QuantizerMatcher::Codes>
QuantizerMatcher::matchThresholdCodes(Element codes) {
  std::optional<Element> value;
  std::optional<Comparison> comparison;
  if (auto product = matchBinary<arith::MulFOp>(codes)) {
    for (auto [sign, mask] :
         {*product, std::pair(product->second, product->first)}) {
      if (auto condition = matchUnary<arith::UIToFPOp>(mask)) {
        value = matchSign(sign);
        comparison = matchComparison(*condition);
      }
    }
  } else if (isa_and_nonnull<arith::SelectOp>(getComputation(codes)) &&
             getConstant(getOperand(codes, 2)) == 0.0) {
    value = matchSign(getOperand(codes, 1));
    comparison = matchComparison(getOperand(codes, 0));
  }
  if (!value || !comparison)
    return std::nullopt;
  auto magnitude = matchUnary<math::AbsFOp>(comparison->left);
  if (!magnitude || !isSame(*magnitude, *value))
    return fail("codes are signs, but not of the weights that are compared "
                "with the threshold");
  if (comparison->isStrict)
    return fail("codes are signs of weights above the threshold, not at or "
                "above it");
  Codes result{*value, Rule::Threshold};
  result.scale = getMonomial(comparison->right);
  return result;
}

/// (value > t) - (value < -t).
std::optional<QuantizerMatcher::Codes>
QuantizerMatcher::matchStrictThresholdCodes(Element codes) {
  auto difference = matchBinary<arith::SubFOp>(codes);
  if (!difference)
    return std::nullopt;
  auto positive = matchUnary<arith::UIToFPOp>(difference->first);
  auto negative = matchUnary<arith::UIToFPOp>(difference->second);
  if (!positive || !negative)
    return std::nullopt;
  std::optional<Comparison> above = matchComparison(*positive);
  std::optional<Comparison> below = matchComparison(*negative);
  if (!above || !below || !above->isStrict || !below->isStrict)
    return std::nullopt;
  std::optional<double> high = getConstant(above->right);
  std::optional<double> low = getConstant(below->left);
  if (!high || !low || *high != -*low || *high < 0 ||
      !isSame(above->left, below->right))
    return fail("the thresholds of the codes are not t and -t of one weight");
  Codes result{above->left, Rule::StrictThreshold};
  result.threshold = *high;
  return result;
}

std::optional<QuantizerMatcher::Codes>
QuantizerMatcher::matchCodes(Element codes) {
  if (std::optional<Codes> result = matchRoundedCodes(codes))
    return result;
  if (std::optional<Codes> result = matchIntegerCodes(codes))
    return result;
  if (std::optional<Codes> result = matchThresholdCodes(codes))
    return result;
  return matchStrictThresholdCodes(codes);
}

//===----------------------------------------------------------------------===//
// Scales
//===----------------------------------------------------------------------===//

namespace {
struct Granule {
  Granularity granularity;
  int64_t groupSize = 0;
};
} // namespace

/// `classifyGranule` of elements of one tensor.
static std::optional<Granule> classifyGranuleOfTensor(Element value,
                                                      Element input,
                                                      ArrayRef<int64_t> extents,
                                                      MatrixDims dims) {
  unsigned numDims = value.getNumDims();
  MLIRContext *context = value.map.getContext();
  AffineExpr k = getAffineDimExpr(dims.k, context);
  auto type = cast<RankedTensorType>(value.value.getType());

  // Each index is either value's or a reduced dimension of its own, which then
  // runs over all of it.
  llvm::SmallBitVector reduced(extents.size());
  bool isRow = true, isTensor = true;
  std::optional<int64_t> group;
  for (auto [index, own, extent] : llvm::zip_equal(
           input.map.getResults(), value.map.getResults(), type.getShape())) {
    if (extent == 1)
      continue;
    auto dim = dyn_cast<AffineDimExpr>(index);
    if (dim && dim.getPosition() >= numDims &&
        !reduced.test(dim.getPosition() - numDims)) {
      unsigned position = dim.getPosition() - numDims;
      reduced.set(position);
      isRow &= own.isFunctionOfDim(dims.k) &&
               !(dims.n && own.isFunctionOfDim(*dims.n));
      if (own == k % extents[position])
        group = extents[position];
      continue;
    }
    isTensor = false;
    if (index == own && !own.isFunctionOfDim(dims.k))
      continue;
    isRow = false;
    if (index == own)
      continue; // Which group it is, if it is one: checked below.
    if (extents.size() == 1 && own == k &&
        index == simplifyAffineExpr(k.floorDiv(extents[0]) * extents[0] +
                                        getAffineDimExpr(numDims, context),
                                    numDims + 1, 0)) {
      group = extents[0];
      reduced.set(0);
      continue;
    }
    return std::nullopt;
  }
  // Reduced loops that run over nothing of the tensor count elements twice.
  for (auto [i, extent] : llvm::enumerate(extents))
    if (!reduced.test(i) && extent != 1) {
      isRow = isTensor = false;
      group = std::nullopt;
    }
  if (isTensor && isRow)
    return Granule{dims.n ? Granularity::Tensor : Granularity::Row};
  if (isTensor)
    return Granule{Granularity::Tensor};
  if (isRow)
    return Granule{Granularity::Row};
  // A group: everything but the position within it is the weight's own.
  if (!group || reduced.count() != 1)
    return std::nullopt;
  for (auto [index, own, extent] : llvm::zip_equal(
           input.map.getResults(), value.map.getResults(), type.getShape()))
    if (extent != 1 && index == own && own.isFunctionOfDim(dims.k) &&
        own != k.floorDiv(*group))
      return std::nullopt;
  return Granule{Granularity::Group, *group};
}

/// Which elements around `value` the reduction of `input` covers. Both are
/// elements of one tensor, perhaps after reshapes; the dimensions of input's
/// position beyond value's are the reduced ones. Where all of a weight is one
/// row, that is the tensor; where all of the activations are one token, that is
/// a row.
static std::optional<Granule> classifyGranule(Element value, Element input,
                                              ArrayRef<int64_t> extents,
                                              MatrixDims dims) {
  for (Element a : getTensors(value))
    for (Element b : getTensors(input))
      if (a.value == b.value)
        if (auto granule = classifyGranuleOfTensor(a, b, extents, dims))
          return granule;
  return std::nullopt;
}

/// Whether `element` is the lower median of the magnitudes of the tensor that
/// `value` is an element of, taken from the sorted tensor.
static bool isAbsMedian(Element element, Element value) {
  auto slice = getSource(element).value.getDefiningOp<tensor::ExtractSliceOp>();
  auto sorted =
      slice ? slice.getSource().getDefiningOp<linalg::LinalgOp>() : nullptr;
  auto order =
      sorted
          ? TernDialect::SortedAttrHelper(sorted->getContext()).getAttr(sorted)
          : nullptr;
  if (!order || order.getValue() != "ascending" ||
      slice.getSourceType().getRank() != 1 || !slice.getType().hasStaticShape())
    return false;
  Value operand = sorted.getDpsInputs().back();
  auto type = dyn_cast<RankedTensorType>(operand.getType());
  if (!type || !type.hasStaticShape() || slice.isDynamicOffset(0) ||
      slice.getStaticOffset(0) != (type.getNumElements() - 1) / 2)
    return false;
  // In what order the elements stand does not matter.
  while (Operation *op = operand.getDefiningOp()) {
    if (!isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op))
      break;
    operand = op->getOperand(0);
  }
  auto magnitude = matchUnary<math::AbsFOp>(Element::get(operand));
  if (!magnitude)
    return false;
  Element source = getSource(*magnitude);
  auto whole = dyn_cast<RankedTensorType>(source.value.getType());
  return source.value == getSource(value).value && whole &&
         whole.hasStaticShape() &&
         whole.getNumElements() == type.getNumElements();
}

/// max(factor * statistic(|value|), eps) * boundedFactor and its variants.
std::optional<QuantizerMatcher::Scale>
QuantizerMatcher::matchScale(const Monomial &monomial, Element value,
                             MatrixDims dims) {
  if (!monomial.isPower(1))
    return fail("the scale is not a statistic of the values");
  Scale scale;
  scale.eps = tinyEps;
  scale.boundedFactor = monomial.factor;
  Monomial statistic = monomial;
  Element base = monomial.bases[0].first;
  if (std::optional<Clip> clip = matchClip(base)) {
    if (!std::isinf(clip->high) || clip->low < 0)
      return fail("the scale is clipped on the wrong side");
    scale.eps = std::max(getShortestF32(clip->low), tinyEps);
    statistic = getMonomial(clip->value);
  } else if (auto sum = matchWithConstant<arith::AddFOp>(base)) {
    if (sum->second < 0)
      return fail("the scale's eps is negative");
    scale.eps = getShortestF32(sum->second);
    scale.epsMode = EpsMode::Add;
    statistic = getMonomial(sum->first);
  } else {
    // No bound: the factor is all one.
    scale.boundedFactor = 1;
  }
  if (!statistic.isPower(1))
    return fail("the scale is not a statistic of the values");
  scale.factor = statistic.factor;
  if (isAbsMedian(statistic.bases[0].first, value)) {
    scale.statistic = Statistic::AbsMedian;
    return scale;
  }

  std::optional<Reduction> reduction = getReduction(statistic.bases[0].first);
  if (!reduction || reduction->kind == Reduction::Min)
    return fail("the scale is not a mean or maximum of the values");
  auto magnitude = matchUnary<arith::ExtFOp>(reduction->input);
  auto operand =
      matchUnary<math::AbsFOp>(magnitude ? *magnitude : reduction->input);
  if (!operand)
    return fail("the scale is not a statistic of absolute values");
  scale.statistic = reduction->kind == Reduction::Sum ? Statistic::AbsMean
                                                      : Statistic::AbsMax;
  if (scale.statistic == Statistic::AbsMean) {
    double count = 1;
    for (int64_t extent : reduction->extents)
      count *= ShapedType::isDynamic(extent) ? NAN : double(extent);
    if (!isClose(scale.factor * count, 1))
      return fail("the scale is a sum, not a mean");
    scale.factor = 1;
  }
  std::optional<Granule> granule =
      classifyGranule(value, *operand, reduction->extents, dims);
  if (!granule)
    return fail("the scale is of other values, or shared in another way than "
                "per tensor, row or group");
  scale.granularity = granule->granularity;
  scale.groupSize = granule->groupSize;
  return scale;
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

std::pair<Element, StringAttr> tern::findTernaryFact(Element weight) {
  for (Element element : getTensors(weight)) {
    if (Operation *op = element.value.getDefiningOp()) {
      if (auto fact =
              TernDialect::TernaryAttrHelper(op->getContext()).getAttr(op))
        return {element, fact};
      continue;
    }
    auto argument = cast<BlockArgument>(element.value);
    auto function =
        dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp());
    if (!function)
      continue;
    if (auto fact = function.getArgAttrOfType<StringAttr>(
            argument.getArgNumber(), kTernaryAttrName))
      return {element, fact};
  }
  return {};
}

/// What shares a scale by a ternary fact about the tensor of `element`. Facts
/// about computations say it by axes, those about parameters by the layer.
static std::optional<Granule> getGranule(StringRef fact, Element element,
                                         MatrixDims dims) {
  Granule granule{Granularity::Tensor};
  if (fact == "tensor")
    return granule;
  if (fact == "row")
    return Granule{Granularity::Row};
  auto isIndex = [&](unsigned axis, unsigned dim) {
    return axis < element.map.getNumResults() &&
           element.map.getResult(axis) ==
               getAffineDimExpr(dim, element.map.getContext());
  };
  unsigned axis = 0;
  if (fact.consume_front("axis:")) {
    if (fact.getAsInteger(10, axis) || !dims.n || !isIndex(axis, *dims.n))
      return std::nullopt;
    return Granule{Granularity::Row};
  }
  granule.granularity = Granularity::Group;
  if (!fact.consume_front("group:") ||
      fact.consumeInteger(10, granule.groupSize))
    return std::nullopt;
  if (fact.consume_front(":")) {
    if (fact.getAsInteger(10, axis) || !isIndex(axis, dims.k))
      return std::nullopt;
  }
  return granule;
}

/// `tern.ternary` for the computation of the tensor of `element`.
static std::optional<std::string> describe(Granule granule, Element element,
                                           MatrixDims dims) {
  if (granule.granularity == Granularity::Tensor)
    return "tensor";
  bool isRow = granule.granularity == Granularity::Row;
  if (isRow && !dims.n)
    return std::nullopt;
  AffineExpr dim =
      getAffineDimExpr(isRow ? *dims.n : dims.k, element.map.getContext());
  for (auto [axis, index] : llvm::enumerate(element.map.getResults()))
    if (index == dim)
      return (isRow ? "axis:"
                    : "group:" + std::to_string(granule.groupSize) + ":") +
             std::to_string(axis);
  return std::nullopt;
}

/// A float weight that is {-s, 0, s}: absmax finds s, and s * 1/s rounds to 1
/// whatever the last bit.
std::optional<WeightPattern>
QuantizerMatcher::matchExactlyTernary(Element weight, MatrixDims dims) {
  auto [source, fact] = findTernaryFact(weight);
  bool isWidened = false;
  if (!fact) {
    // Narrow floats are converted to those that the layer has.
    auto narrow = matchUnary<arith::ExtFOp>(weight);
    if (!narrow)
      return std::nullopt;
    isWidened = true;
    std::tie(source, fact) = findTernaryFact(*narrow);
    if (!fact)
      return std::nullopt;
  }
  std::optional<Granule> granule = getGranule(fact, source, dims);
  if (!granule)
    return fail("the weights are ternary, but scales are not shared per "
                "tensor, row or group");
  WeightPattern result;
  result.latent = source;
  if (isWidened) {
    result.latent = getSource(weight);
    std::optional<std::string> said = describe(*granule, result.latent, dims);
    if (!said || !result.latent.isTensor())
      return fail("the latent weights are no matrix [N, K] or [K, N]");
    result.fact = *said;
  }
  result.quantizer = WeightQuantizerAttr::get(
      context, Statistic::AbsMax, granule->granularity, granule->groupSize,
      Rule::RoundClip, Rounding::Even, APFloat(0.1), APFloat(tinyEps),
      EpsMode::Clamp);
  return result;
}

/// Weights whose scale is a constant or a parameter.
std::optional<WeightPattern>
QuantizerMatcher::buildLearned(WeightPattern weights, const Codes &codes,
                               double threshold, MatrixDims dims) {
  if (codes.rule == Rule::Threshold)
    return fail("the threshold is relative to a learned scale");
  if (!codes.isClipped())
    return fail("codes are not clipped");
  Granularity granularity = Granularity::Tensor;
  double eps = 1e-5;
  if (weights.scale.bases.empty()) {
    if (weights.scale.factor < eps)
      return fail("the learned scale is below 1e-5");
    weights.alpha = weights.scale.factor;
  } else {
    // A negative scale changes the signs of codes that are rounded quotients
    // back: its magnitude does the same.
    if (codes.rule != Rule::RoundClip || !weights.scale.isPower(1) ||
        weights.scale.factor != 1)
      return fail("the learned scale is a parameter, which might be negative");
    Element scale = getSource(weights.scale.bases[0].first);
    auto type = dyn_cast<RankedTensorType>(scale.value.getType());
    if (!type || !type.getElementType().isF32() || !type.hasStaticShape())
      return fail("the learned scale is no f32 tensor");
    if (type.getNumElements() != 1) {
      if (type.getRank() != 1 || !dims.n ||
          scale.map.getResult(0) !=
              getAffineDimExpr(*dims.n, scale.map.getContext()))
        return fail("learned scales are not shared per tensor or row");
      granularity = Granularity::Row;
    }
    weights.alphaTensor = scale.value;
    eps = tinyEps;
  }
  weights.quantizer = WeightQuantizerAttr::get(
      context, Statistic::Learned, granularity, 0, codes.rule, codes.round,
      APFloat(threshold), APFloat(eps), EpsMode::Clamp);
  return weights;
}

std::optional<WeightPattern> QuantizerMatcher::buildWeights(const Codes &codes,
                                                            Monomial scale,
                                                            MatrixDims dims) {
  WeightPattern result;
  result.scale = scale;
  result.latent = getSource(codes.value);
  if (!result.latent.isTensor())
    return fail("the latent weights are no tensor");
  if (codes.isClipped() && (codes.low != -1 || codes.high != 1))
    return fail("codes are clipped to [" + Twine(int64_t(codes.low)) + ", " +
                Twine(int64_t(codes.high)) + "], not [-1, 1]");
  double threshold = 0.1;
  if (codes.rule == Rule::RoundClip) {
    if (!isSame(codes.scale, scale))
      return fail("weights are divided by one scale and multiplied by another");
  } else if (codes.rule == Rule::Threshold) {
    Monomial relative = codes.scale;
    relative.factor = scale.factor;
    if (!isSame(relative, scale) || scale.factor == 0)
      return fail("the threshold is not a multiple of the scale");
    threshold = getShortestF32(codes.scale.factor / scale.factor);
  } else {
    threshold = getShortestF32(codes.threshold);
  }

  // A scale that depends on nothing is learned.
  if (scale.bases.empty() ||
      isa<BlockArgument>(getSource(scale.bases[0].first).value))
    return buildLearned(std::move(result), codes, threshold, dims);

  std::optional<Scale> found = matchScale(scale, result.latent, dims);
  if (!found)
    return std::nullopt;
  if (!isClose(found->factor, 1) || !isClose(found->boundedFactor, 1))
    return fail("the scale is a multiple of the statistic");
  // Quotients by the greatest magnitude need no bounds.
  if (!codes.isClipped() && found->statistic != Statistic::AbsMax)
    return fail("codes are not clipped");
  result.quantizer = WeightQuantizerAttr::get(
      context, found->statistic, found->granularity, found->groupSize,
      codes.rule, codes.round, APFloat(threshold), APFloat(found->eps),
      found->epsMode);
  return result;
}

std::optional<WeightPattern> QuantizerMatcher::matchWeights(Element weight,
                                                            MatrixDims dims) {
  if (std::optional<WeightPattern> exact = matchExactlyTernary(weight, dims))
    return exact;
  Element product = stripResidue(weight);
  if (auto operands = matchBinary<arith::MulFOp>(product))
    for (auto [codes, scale] :
         {*operands, std::pair(operands->second, operands->first)})
      if (std::optional<Codes> found = matchCodes(codes))
        return buildWeights(*found, getMonomial(scale), dims);
  if (auto operands = matchBinary<arith::DivFOp>(product))
    if (std::optional<Codes> found = matchCodes(operands->first))
      return buildWeights(*found, getMonomial(operands->second).getInverse(),
                          dims);
  return std::nullopt;
}

std::optional<WeightPattern>
QuantizerMatcher::matchWeightCodes(Element codes, MatrixDims dims) {
  std::optional<Codes> found = matchRoundedCodes(codes);
  if (!found || found->scale.bases.empty())
    return std::nullopt;
  return buildWeights(*found, found->scale, dims);
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

Value tern::getWholeTensor(Element element, RankedTensorType type) {
  for (Element candidate : getTensors(element)) {
    if (candidate.value.getType() != type)
      continue;
    bool isWhole = true;
    for (auto [i, expr] : llvm::enumerate(candidate.map.getResults()))
      isWhole &= type.getDimSize(i) == 1 ||
                 expr == getAffineDimExpr(i, type.getContext());
    if (isWhole)
      return candidate.value;
  }
  return nullptr;
}

std::optional<ActivationPattern>
QuantizerMatcher::buildActivations(const Codes &codes, const Monomial &scale,
                                   RankedTensorType type) {
  // -127 is as good a bound as -128, and as none: |x| * 127 / max |x| does not
  // exceed it.
  if (codes.rule != Rule::RoundClip ||
      (codes.isClipped() &&
       (codes.high != 127 || (codes.low != -128 && codes.low != -127))))
    return fail("activation codes are not in [-128, 127]");
  if (!isSame(codes.scale, scale))
    return fail("activations are divided by one scale and multiplied by "
                "another");
  ActivationPattern result;
  result.scale = scale;
  result.source = getWholeTensor(codes.value, type);
  if (!result.source)
    return fail("the activations before quantization have another shape");
  unsigned last = type.getRank() - 1;
  std::optional<Scale> found = matchScale(scale, Element::get(result.source),
                                          MatrixDims{std::nullopt, last});
  if (!found)
    return std::nullopt;
  if (found->statistic != Statistic::AbsMax || found->epsMode == EpsMode::Add)
    return fail("the activation scale is no clamped maximum");
  if (found->granularity != Granularity::Row)
    return fail("the activation scale is not per token");
  EpsMode mode = EpsMode::Clamp;
  if (isClose(found->factor * 127, 1) && isClose(found->boundedFactor, 1))
    mode = found->eps == tinyEps ? EpsMode::Clamp : EpsMode::ClampScale;
  else if (found->factor != 1 || !isClose(found->boundedFactor * 127, 1))
    return fail("the activation scale is not the maximum over 127");
  result.quantizer =
      ActivationQuantizerAttr::get(context, ActivationScheme::AbsMaxToken,
                                   codes.round, APFloat(found->eps), mode);
  return result;
}

std::optional<ActivationPattern>
QuantizerMatcher::matchActivations(Value tensor) {
  Element product = stripResidue(Element::get(tensor));
  auto type = cast<RankedTensorType>(tensor.getType());
  if (auto operands = matchBinary<arith::MulFOp>(product))
    for (auto [codes, scale] :
         {*operands, std::pair(operands->second, operands->first)}) {
      if (std::optional<Codes> found = matchRoundedCodes(codes))
        return buildActivations(*found, getMonomial(scale), type);
      if (matchIntegerCodes(codes))
        return fail("their scale is one for all inputs of the model");
    }
  if (auto operands = matchBinary<arith::DivFOp>(product))
    if (std::optional<Codes> found = matchRoundedCodes(operands->first))
      return buildActivations(*found,
                              getMonomial(operands->second).getInverse(), type);
  return std::nullopt;
}

std::optional<ActivationPattern>
QuantizerMatcher::matchActivationCodes(Value tensor) {
  std::optional<Codes> found = matchRoundedCodes(Element::get(tensor));
  if (!found)
    return std::nullopt;
  return buildActivations(*found, found->scale,
                          cast<RankedTensorType>(tensor.getType()));
}
