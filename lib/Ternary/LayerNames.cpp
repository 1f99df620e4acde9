//===- LayerNames.cpp - Names of layers, exclusion patterns ---------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LayerNames.h"
#include "InitialValues.h"
#include "LinearLayer.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/TypeUtilities.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "tern/Dialect/Tern/IR/ConversionAttribute.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "tern/runtime/Text.h"

using namespace mlir;
using namespace tern;

/// Reasons that begin so are the user's wish or a default, not the model's.
static constexpr StringLiteral excludedPrefix = "excluded";

/// A name for what the parameter of this name holds the codes of.
static std::string getLatentName(StringRef codes) {
  static const llvm::Regex suffix("(_quantized|(_DQ)?_Q[248](G[0-9]+)?)$");
  SmallVector<StringRef> matches;
  if (suffix.match(codes, &matches) && matches[0].size() < codes.size())
    return codes.drop_back(matches[0].size()).str();
  return (codes + ".latent").str();
}

/// The name for what a computation that is known to dequantize gives.
static std::string getDequantizedName(Operation *op) {
  llvm::SetVector<Operation *> ops;
  llvm::SetVector<BlockArgument> arguments;
  findSlice(op->getResult(0), ops, arguments);
  // Codes are integers; those of a few bytes are constants. Or all there is is
  // a conversion of narrow floats.
  bool hasIntegers = llvm::any_of(ops, [](Operation *op) {
    return llvm::any_of(op->getResultTypes(), [](Type type) {
      return isa<RankedTensorType>(type) &&
             getElementTypeOrSelf(type).isInteger();
    });
  });
  for (BlockArgument argument : arguments)
    hasIntegers |= getElementTypeOrSelf(argument).isInteger();
  for (BlockArgument argument : arguments) {
    auto function =
        dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp());
    if (!function ||
        getElementTypeOrSelf(argument).isInteger() != hasIntegers ||
        cast<ShapedType>(argument.getType()).getRank() < 2)
      continue;
    if (auto name = function.getArgAttrOfType<StringAttr>(
            argument.getArgNumber(), kParamAttrName))
      return getLatentName(name);
  }
  return "";
}

/// The name of the parameter that the value is, but for its shape, or that it
/// is going to be.
static std::string getParameterName(Value weight) {
  auto type = dyn_cast<RankedTensorType>(weight.getType());
  if (!type)
    return "";
  Value source = getSource(Element::get(weight)).value;
  if (Operation *op = source.getDefiningOp())
    return TernDialect::TernaryAttrHelper(op->getContext()).isAttrPresent(op)
               ? getDequantizedName(op)
               : "";
  auto argument = dyn_cast<BlockArgument>(source);
  auto function =
      argument
          ? dyn_cast<FunctionOpInterface>(argument.getOwner()->getParentOp())
          : nullptr;
  if (!function)
    return "";
  auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                    kParamAttrName);
  return name ? name.str() : "";
}

std::string tern::describeNode(Operation *op) {
  std::string name = getLocationName(op->getLoc(), "");
  return name.empty() ? "" : runtime::quote(name) + ": ";
}

LayerNames tern::getLayerNames(Operation *op, Value weight) {
  LayerNames names = {getLocationName(op->getLoc(), "")};
  if (std::string name = getParameterName(weight); !name.empty())
    names.push_back(name);
  return names;
}

//===----------------------------------------------------------------------===//
// Exclusions
//===----------------------------------------------------------------------===//

LogicalResult LayerFilter::add(ArrayRef<std::string> patterns,
                               MLIRContext *context) {
  for (const std::string &pattern : patterns) {
    auto regex = std::make_shared<llvm::Regex>(pattern);
    std::string error;
    if (!regex->isValid(error))
      return emitError(UnknownLoc::get(context))
             << "exclude pattern '" << pattern
             << "' is no regular expression: " << error;
    entries.push_back({pattern, regex});
  }
  return success();
}

std::optional<StringRef> LayerFilter::match(const LayerNames &names) {
  std::optional<StringRef> result;
  for (Entry &entry : entries) {
    if (llvm::none_of(names, [&](const std::string &name) {
          return entry.regex->match(name);
        }))
      continue;
    entry.isUsed = true;
    if (!result)
      result = entry.pattern;
  }
  return result;
}

static std::string getExcludedReason(StringRef pattern) {
  return ("excluded by '" + pattern + "'").str();
}

void LayerFilter::matchReason(StringRef reason) {
  for (Entry &entry : entries)
    entry.isUsed |= reason == getExcludedReason(entry.pattern);
}

std::vector<StringRef> LayerFilter::getUnused() const {
  std::vector<StringRef> unused;
  for (const Entry &entry : entries)
    if (!entry.isUsed)
      unused.push_back(entry.pattern);
  return unused;
}

//===----------------------------------------------------------------------===//
// What became of layers
//===----------------------------------------------------------------------===//

StringRef tern::getName(LayerOrigin origin) {
  // In the order of the enumeration.
  static constexpr llvm::StringLiteral names[] = {"raised", "converted",
                                                  "excluded", "float"};
  return names[static_cast<size_t>(origin)];
}

void tern::setOrigin(Operation *layer, LayerOrigin origin) {
  TernDialect::OriginAttrHelper(layer->getContext())
      .setAttr(layer, StringAttr::get(layer->getContext(), getName(origin)));
}

void tern::setFloatReason(Operation *layer, StringRef reason) {
  TernDialect::FloatAttrHelper(layer->getContext())
      .setAttr(layer, StringAttr::get(layer->getContext(), reason));
}

StringRef tern::getFloatReason(Operation *layer) {
  auto reason =
      TernDialect::FloatAttrHelper(layer->getContext()).getAttr(layer);
  return reason ? reason.getValue() : "";
}

void tern::setExcluded(Operation *layer, StringRef pattern) {
  setFloatReason(layer, getExcludedReason(pattern));
}

bool tern::isConverted(Operation *layer) {
  auto origin =
      TernDialect::OriginAttrHelper(layer->getContext()).getAttr(layer);
  return origin && origin.getValue() == getName(LayerOrigin::Converted);
}

std::vector<LayerInfo> tern::collectLayers(ModuleOp module) {
  std::vector<LayerInfo> layers;
  module.walk([&](Operation *op) {
    LayerInfo info;
    info.name = getLocationName(op->getLoc(), "");
    if (auto bitlinear = dyn_cast<BitLinearOp>(op)) {
      auto type = bitlinear.getWeight().getType();
      info.weight = getParameterName(bitlinear.getWeight());
      info.origin =
          isConverted(op) ? LayerOrigin::Converted : LayerOrigin::Raised;
      info.n = type.getDimSize(0);
      info.k = type.getDimSize(1);
      info.weights = bitlinear.getWeights();
      info.hasInt8Activations = bitlinear.getActivations().has_value();
      if (Operation *source = bitlinear.getX().getDefiningOp();
          source && !info.hasInt8Activations)
        if (auto why = TernDialect::UnquantizedAttrHelper(source->getContext())
                           .getAttr(source))
          info.reason = why.str();
      layers.push_back(info);
      return;
    }
    std::optional<LinearLayer> layer = LinearLayer::match(op);
    info.reason = getFloatReason(op).str();
    if (!layer && !info.reason.empty())
      layer = LinearLayer::matchInteger(op);
    if (!layer)
      return;
    info.weight = getParameterName(layer->weight.value);
    if (info.weight.empty() && info.reason.empty())
      return;
    info.origin = StringRef(info.reason).starts_with(excludedPrefix)
                      ? LayerOrigin::Excluded
                      : LayerOrigin::Float;
    if (info.reason.empty())
      info.reason = "its weights are not ternary";
    SmallVector<int64_t> ranges = layer->op.getStaticLoopRanges();
    info.n = ranges[*layer->dims.n];
    info.k = ranges[layer->dims.k];
    layers.push_back(info);
  });
  return layers;
}
