//===- SizeReport.cpp - Layers and their bytes, for --stats ---------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SizeReport.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "tern/Dialect/Tern/IR/ConversionAttribute.h"
#include "tern/Dialect/Tern/IR/ParamUse.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "tern/Ternary/Layers.h"
#include "tern/runtime/Text.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include <array>
#include <cmath>

using namespace mlir;
using namespace tern;
namespace json = llvm::json;

namespace {

/// Characters of a name in the table.
constexpr size_t kMaxNameWidth = 48;

/// Above this a layer has hardly anything left to compute with.
constexpr double kManyZeros = 0.95;

/// How many codes of a byte are zero, for every byte; nothing if the layout is
/// not one of Tern's.
std::optional<std::array<uint8_t, 256>> countZeros(LayoutAttrInterface layout) {
  std::array<uint8_t, 256> zeros = {};
  for (unsigned byte = 0; byte < 256; ++byte) {
    if (isa<Bits2Attr>(layout)) {
      for (unsigned field = 0; field < 4; ++field)
        zeros[byte] += (byte >> 2 * field & 3) == 1;
    } else if (isa<Base3Attr>(layout)) {
      unsigned rest = byte;
      for (unsigned field = 0; field < 5; ++field) {
        zeros[byte] += (rest * 3 >> 8) == 1;
        rest = rest * 3 & 255;
      }
    } else {
      return std::nullopt;
    }
  }
  return zeros;
}

std::string getParam(func::FuncOp func, unsigned arg) {
  auto name = func.getArgAttrOfType<StringAttr>(arg, kParamAttrName);
  return name ? name.str() : "";
}

} // namespace

void SizeReport::afterPhase(StringRef level, ModuleOp module) {
  if (auto name =
          TernDialect::ModelAttrHelper(module->getContext()).getAttr(module))
    model = name.str();
  if (level == "ternary") {
    if (auto conversion =
            TernDialect::ConversionAttrHelper(module->getContext())
                .getAttr(module))
      if (auto asked = conversion.getAs<StringAttr>(kActivationsKey))
        activations = asked.str();
    int64_t count = 0;
    for (func::FuncOp func : getEntryFunctions(module))
      for (BlockArgument arg : func.getArguments())
        if (!TernDialect::PrepareAttrHelper(func->getContext())
                 .isAttrPresent(func) &&
            !getParam(func, arg.getArgNumber()).empty())
          count += cast<ShapedType>(arg.getType()).getNumElements();
    numParameters = count;
    for (const LayerInfo &info : collectLayers(module)) {
      Layer layer;
      layer.name = info.name;
      layer.weight = info.weight;
      layer.origin = getName(info.origin).str();
      layer.reason = info.reason;
      layer.isTernary = !!info.weights;
      layer.hasInt8Activations = info.hasInt8Activations;
      layer.n = info.n;
      layer.k = info.k;
      if (info.weights)
        llvm::raw_string_ostream(layer.quantizer) << info.weights;
      layers.push_back(std::move(layer));
    }
  }
  if (level == "training")
    if (auto step = module.lookupSymbol<func::FuncOp>("train_step"))
      readUses(step);
  if (level == "buffers")
    memory.read(module);
  if (level != "packed")
    return;
  for (func::FuncOp func : getEntryFunctions(module))
    func.walk([&](PackedMatmulOp op) {
      auto arg = dyn_cast<BlockArgument>(op.getPacked());
      if (arg && arg.getOwner() == &func.getBody().front())
        layouts[getParam(func, arg.getArgNumber())] = op.getLayout();
    });
  ModuleOp prepareModule = getPrepareModule(module);
  if (!prepareModule)
    return;
  for (func::FuncOp func : getEntryFunctions(prepareModule))
    for (unsigned i = 0, e = func.getNumResults(); i < e; ++i)
      if (auto name = func.getResultAttrOfType<StringAttr>(i, kParamAttrName))
        for (unsigned arg = 0; arg < func.getNumArguments(); ++arg)
          origins[name].push_back(getParam(func, arg));
}

/// Which parameters the step trains, and why.
void SizeReport::readUses(func::FuncOp step) {
  parameters.emplace();
  for (unsigned i = 0, e = step.getNumArguments(); i < e; ++i)
    if (std::string name = getParam(step, i); !name.empty()) {
      std::optional<ParamUse> use = ParamUse::get(step, i);
      bool isBuffer = !!step.getArgAttr(i, kBufferAttrName);
      parameters->push_back(
          {name,
           isBuffer ? "running statistic"
           : use    ? use->reason
                    : "parameter",
           cast<ShapedType>(step.getArgument(i).getType()).getShape().vec(),
           !isBuffer && (!use || use->kind == ParamUse::Kind::Learned)});
    }
}

std::vector<size_t> SizeReport::getOwners(StringRef name) const {
  std::vector<size_t> owners;
  auto it = origins.find(name);
  for (auto [i, layer] : llvm::enumerate(layers))
    if (layer.isTernary && it != origins.end() &&
        llvm::is_contained(it->second, layer.weight))
      owners.push_back(i);
  return owners;
}

void SizeReport::addParameter(StringRef name, ArrayRef<char> bytes) {
  hasWritten = true;
  writtenBytes += bytes.size();
  for (size_t owner : getOwners(name)) {
    Layer &layer = layers[owner];
    layer.bytes += bytes.size();
    LayoutAttrInterface layout = layouts.lookup(name);
    auto zeros = layout ? countZeros(layout) : std::nullopt;
    if (!zeros)
      continue;
    int64_t count = 0;
    for (char byte : bytes)
      count += (*zeros)[static_cast<uint8_t>(byte)];
    // Positions past N and K are zeros, too.
    int64_t codes = static_cast<int64_t>(bytes.size()) * layout.getFields();
    layer.zeros = count - (codes - layer.n * layer.k);
  }
}

std::vector<std::string> SizeReport::getWarnings() const {
  std::vector<std::string> warnings;
  for (const Layer &layer : layers) {
    double total = static_cast<double>(layer.n) * layer.k;
    if (layer.zeros && total > 0 && *layer.zeros >= kManyZeros * total)
      warnings.push_back(
          llvm::formatv("'{0}': {1:F1} % of its ternary weights are zero; "
                        "another quantizer may keep more of it",
                        layer.name, 100 * *layer.zeros / total));
  }
  return warnings;
}

const LayerErrors *SizeReport::findErrors(const Layer &layer) const {
  if (!calibration || layer.origin != "converted")
    return nullptr;
  unsigned index = 0;
  for (const Layer *other = layers.data(); other != &layer; ++other)
    index += other->origin == "converted";
  for (const LayerErrors &errors : calibration->layers)
    if (errors.index == index)
      return &errors;
  return nullptr;
}

StringRef SizeReport::getActivationsReason(const Layer &layer) const {
  if (!layer.reason.empty())
    return layer.reason;
  if (activations == "int8")
    return "the convolution's input is quantized in their place, with one "
           "scale for each sample";
  if (layer.origin == "raised")
    return "the model does not quantize them, or in a way that is not known";
  return activations == "float"
             ? "--activations=float asks for it"
             : "those of convolutions are, unless --activations=int8 asks for "
               "others";
}

/// What may be done about a layer that is not ternary for this reason.
static StringRef getAdvice(StringRef origin, StringRef reason) {
  if (reason.starts_with("excluded by default"))
    return "heads and embeddings lose most, and stay float by custom";
  if (origin == "excluded")
    return "leave --exclude out to convert it";
  if (reason == "its weights are not ternary")
    return "--ternarize=all converts it; train it then";
  if (reason.starts_with("its weights are no parameter"))
    return "--train-also=REGEX makes it one";
  if (reason.contains("more than three values"))
    return "quantize to -1, 0 and 1, or export the float weights and use "
           "--ternarize=all";
  return "docs/ternarization.md says what is recognised; --ternarize=all "
         "converts float weights";
}

void SizeReport::printTable(llvm::raw_ostream &os) const {
  using Row = std::array<std::string, 6>;
  std::vector<Row> rows = {
      {"layer", "shape", "weights", "as f32", "now", "why, and what to do"}};
  int64_t numTernary = 0, before = 0, after = 0;
  for (const Layer &layer : layers) {
    int64_t asFloat = 4 * layer.n * layer.k;
    int64_t now = layer.isTernary ? layer.bytes : asFloat;
    numTernary += layer.isTernary;
    before += asFloat;
    after += now;
    std::string why;
    if (!layer.isTernary)
      why = layer.reason + "; " + getAdvice(layer.origin, layer.reason).str();
    else if (!layer.hasInt8Activations)
      why =
          "activations are float: " + getActivationsReason(layer).str() +
          (activations == "int8" ? "" : "; --activations=int8 makes them int8");
    rows.push_back(
        {runtime::shorten(runtime::printable(layer.name), kMaxNameWidth),
         llvm::formatv("{0} x {1}", layer.n, layer.k),
         layer.isTernary ? "ternary" : "float", runtime::formatBytes(asFloat),
         layer.isTernary && !hasWritten ? "?" : runtime::formatBytes(now),
         runtime::printable(why)});
  }
  std::array<size_t, 5> widths = {};
  for (const Row &row : rows)
    for (size_t i = 0; i < widths.size(); ++i)
      widths[i] = std::max(widths[i], runtime::countCharacters(row[i]));
  for (const Row &row : rows) {
    std::string line;
    for (size_t i = 0; i < widths.size(); ++i) {
      std::string space(widths[i] - runtime::countCharacters(row[i]), ' ');
      // Numbers stand to the right.
      bool isNumber = i == 1 || i >= 3;
      line += (isNumber ? space + row[i] : row[i] + space) + "  ";
    }
    os << StringRef(line + row[5]).rtrim() << "\n";
  }
  os << llvm::formatv("{0} of {1} layers are ternary", numTernary,
                      layers.size());
  if (hasWritten && !layers.empty())
    os << "; their weights took " << runtime::formatBytes(before)
       << " as f32 and take " << runtime::formatBytes(after);
  os << "\n";
}

/// Four digits: shortest forms of a double may take seventeen.
static void printFraction(json::OStream &out, StringRef key,
                          std::optional<double> value) {
  out.attributeBegin(key);
  if (value && std::isfinite(*value))
    out.rawValue(llvm::formatv("{0:F4}", *value).str());
  else
    out.value(nullptr);
  out.attributeEnd();
}

static void printNumber(json::OStream &out, StringRef key,
                        std::optional<int64_t> value) {
  out.attribute(key, value ? json::Value(*value) : json::Value(nullptr));
}

/// The attributes `bytes` and `compression`, for so many ternary parameters.
void SizeReport::printBytes(json::OStream &out, int64_t ternary,
                            int64_t ternaryBytes) const {
  out.attributeObject("bytes", [&] {
    auto written = [&](StringRef key, uint64_t value) {
      printNumber(out, key,
                  hasWritten ? std::optional<int64_t>(value) : std::nullopt);
    };
    printNumber(out, "weights_file", weightsFileBytes);
    written("parameters", writtenBytes);
    written("ternary", ternaryBytes);
    printNumber(out, "ternary_as_f32",
                numParameters ? std::optional(4 * ternary) : std::nullopt);
    printNumber(out, "parameters_as_f32",
                numParameters ? std::optional(4 * *numParameters)
                              : std::nullopt);
  });
  out.attributeObject("compression", [&] {
    auto ratio = [&](StringRef key, double of, double to) {
      printFraction(out, key,
                    hasWritten && of > 0 && to > 0 ? std::optional(of / to)
                                                   : std::nullopt);
    };
    double all = numParameters ? 4.0 * *numParameters : 0;
    ratio("ternary_vs_f32", 4.0 * ternary, ternaryBytes);
    ratio("ternary_vs_f16", 2.0 * ternary, ternaryBytes);
    ratio("model_vs_f32", all, writtenBytes);
    ratio("model_vs_f16", all / 2, writtenBytes);
  });
}

/// The attributes `trained` and `not_trained`, if anything is.
void SizeReport::printParameters(json::OStream &out) const {
  if (!parameters)
    return;
  for (bool isTrained : {true, false})
    out.attributeArray(isTrained ? "trained" : "not_trained", [&] {
      for (const Parameter &parameter : *parameters)
        if (parameter.isTrained == isTrained)
          out.object([&] {
            out.attribute("name", json::fixUTF8(parameter.name));
            out.attribute("shape", json::Array(parameter.shape));
            out.attribute("reason", json::fixUTF8(parameter.reason));
          });
    });
}

/// One element of the attribute `layers`.
void SizeReport::printLayer(json::OStream &out, const Layer &layer) const {
  out.attribute("name", json::fixUTF8(layer.name));
  out.attribute("weight", json::fixUTF8(layer.weight));
  out.attribute("origin", layer.origin);
  if (!layer.isTernary && !layer.reason.empty())
    out.attribute("reason", json::fixUTF8(layer.reason));
  out.attributeArray("shape", [&] {
    out.value(layer.n);
    out.value(layer.k);
  });
  if (!layer.isTernary)
    return;
  out.attribute("quantizer", layer.quantizer);
  out.attribute("activations", layer.hasInt8Activations ? "int8" : "float");
  if (!layer.hasInt8Activations)
    out.attribute("activations_reason",
                  json::fixUTF8(getActivationsReason(layer)));
  printNumber(out, "bytes",
              hasWritten ? std::optional<int64_t>(layer.bytes) : std::nullopt);
  double total = static_cast<double>(layer.n) * layer.k;
  printFraction(out, "zeros",
                layer.zeros && total > 0 ? std::optional(*layer.zeros / total)
                                         : std::nullopt);
  if (const LayerErrors *errors = findErrors(layer)) {
    printFraction(out, "weight_error", errors->weight);
    printFraction(out, "output_error", errors->output);
    printFraction(out, "error_in_network", errors->inNetwork);
  }
}

void SizeReport::print(llvm::raw_ostream &os) const {
  json::OStream out(os, /*IndentSize=*/2);
  int64_t ternary = 0, ternaryBytes = 0;
  bool anyFloat = false, anyInt8 = false;
  for (const Layer &layer : layers) {
    if (!layer.isTernary)
      continue;
    ternary += layer.n * layer.k;
    ternaryBytes += layer.bytes;
    (layer.hasInt8Activations ? anyInt8 : anyFloat) = true;
  }
  out.object([&] {
    out.attribute("model", json::fixUTF8(model));
    out.attribute("mode", ternary == 0 ? "float"
                          : !anyInt8   ? "W1.58"
                          : anyFloat   ? "W1.58A8 and W1.58"
                                       : "W1.58A8");
    printNumber(out, "parameters", numParameters);
    printNumber(out, "ternary_parameters",
                numParameters ? std::optional(ternary) : std::nullopt);
    out.attributeObject("layers_by_origin", [&] {
      for (StringRef origin : {"raised", "converted", "excluded", "float"})
        out.attribute(origin, llvm::count_if(layers, [&](const Layer &layer) {
                        return layer.origin == origin;
                      }));
    });
    printBytes(out, ternary, ternaryBytes);
    memory.print(out);
    printParameters(out);
    out.attributeArray("layers", [&] {
      for (const Layer &layer : layers)
        out.object([&] { printLayer(out, layer); });
    });
    if (!calibration)
      return;
    out.attributeArray("outputs", [&] {
      for (const auto &[name, error] : calibration->outputs)
        out.object([&, &name = name, &error = error] {
          out.attribute("name", json::fixUTF8(name));
          printFraction(out, "error", error);
        });
    });
  });
  os << "\n";
}
