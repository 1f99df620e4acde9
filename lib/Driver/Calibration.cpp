//===- Calibration.cpp - Errors of converted layers on data ---------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Driver/Calibration.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Driver/ModelFiles.h"
#include "tern/Driver/Product.h"
#include "tern/Driver/Targets.h"
#include "tern/Support/TemporaryFolder.h"
#include "tern/Ternary/Layers.h"
#include "tern/Training/Passes.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace tern;

namespace {

/// Norm of the error over the norm, from their squares.
double getError(double error, double norm) {
  return error == 0 ? 0 : norm == 0 ? std::nan("") : std::sqrt(error / norm);
}

class Calibrator {
public:
  Calibrator(ModuleOp module, const CalibrationOptions &options)
      : module(module), options(options) {}

  FailureOr<CalibrationReport> run();

private:
  InFlightDiagnostic error(const Twine &text) {
    return emitError(UnknownLoc::get(module.getContext()), text);
  }
  LogicalResult compile(const std::string &path);
  CalibrationReport makeReport(const CalibrationSums &sums);

  ModuleOp module;
  const CalibrationOptions &options;
};

LogicalResult Calibrator::compile(const std::string &path) {
  OwningOpRef<ModuleOp> copy = module.clone();
  // It runs here, whatever the model is compiled for.
  auto host = parseTarget("host", *module.getContext());
  if (!host)
    return error(llvm::toString(host.takeError()));
  TernDialect::TargetAttrHelper((*copy)->getContext()).setAttr(*copy, *host);
  PassManager pm(module.getContext(), ModuleOp::getOperationName());
  pm.addPass(createTernAttachCalibration());
  for (const Phase &phase : getPhases().drop_front(findPhase("ternary") + 1))
    if (!phase.isTraining)
      phase.build(pm, PipelineOptions());
  if (failed(pm.run(*copy)))
    return failure();
  ProductOptions product;
  product.kind = ProductKind::Library;
  product.output = path;
  product.weights = options.weights;
  product.files = options.files;
  product.durable = false;
  return writeProduct(*copy, product);
}

CalibrationReport Calibrator::makeReport(const CalibrationSums &sums) {
  CalibrationReport report;
  std::vector<LayerInfo> layers = collectLayers(module);
  llvm::erase_if(layers, [](const LayerInfo &layer) {
    return layer.origin != LayerOrigin::Converted;
  });
  auto main = module.lookupSymbol<func::FuncOp>("main");
  for (const auto &[result, sum] : sums.results) {
    StringRef name = result;
    unsigned index = 0;
    if (name.consume_front("layer.") && !name.getAsInteger(10, index) &&
        index < layers.size()) {
      const LayerInfo &layer = layers[index];
      double codes = static_cast<double>(layer.n * layer.k);
      report.layers.push_back(
          {index, layer.name,
           codes == 0 ? 0
                      : sum[0] / (codes * static_cast<double>(sums.numPieces)),
           getError(sum[1], sum[2]), getError(sum[3], sum[5]),
           getError(sum[4], sum[5])});
    } else if (name.consume_front("output.") && !name.getAsInteger(10, index)) {
      auto given = main.getResultAttrOfType<StringAttr>(index, kNameAttrName);
      report.outputs.emplace_back(given ? given.str() : result,
                                  getError(sum[0], sum[1]));
    }
  }
  return report;
}

FailureOr<CalibrationReport> Calibrator::run() {
  if (llvm::none_of(collectLayers(module), [](const LayerInfo &layer) {
        return layer.origin == LayerOrigin::Converted;
      }))
    return error("--calibrate: no layer was converted; --ternarize=all "
                 "converts all");
  TemporaryFolder folder;
  if (llvm::Error problem = folder.createInSystemFolder())
    return error(llvm::toString(std::move(problem)));
  std::string path = folder.getFile("model.so");
  if (failed(compile(path)))
    return failure();
  llvm::Expected<CalibrationSums> sums = options.run(path, options.inputs);
  if (!sums)
    return error(llvm::toString(sums.takeError()));
  return makeReport(*sums);
}

/// Reports what is wrong with one layer's weights.
LogicalResult checkWeights(ModuleOp module, const LayerInfo &layer,
                           ArrayRef<char> bytes) {
  size_t count = bytes.size() / sizeof(float);
  bool isZero = true;
  for (size_t i = 0; i < count; ++i) {
    float value;
    std::memcpy(&value, bytes.data() + i * sizeof(float), sizeof(float));
    isZero &= value == 0;
    if (std::isfinite(value))
      continue;
    return emitError(UnknownLoc::get(module.getContext()))
           << "layer '" << layer.name << "' cannot become ternary: element "
           << i << " of its weights '" << layer.weight << "' is "
           << (std::isnan(value) ? "NaN" : "infinite")
           << "; --exclude leaves it as it is";
  }
  if (isZero)
    emitWarning(UnknownLoc::get(module.getContext()))
        << "all weights '" << layer.weight << "' of layer '" << layer.name
        << "' are zero";
  return success();
}

} // namespace

FailureOr<CalibrationReport>
tern::calibrate(ModuleOp module, const CalibrationOptions &options) {
  return Calibrator(module, options).run();
}

LogicalResult tern::checkWeights(ModuleOp module, StringRef weights,
                                 ModelFiles &files) {
  std::string source = weights.str();
  if (auto attr =
          TernDialect::WeightsAttrHelper(module->getContext()).getAttr(module);
      attr && source.empty())
    source = attr.str();
  auto parameters = files.findParameters(source);
  if (!parameters)
    return success();
  bool isFine = true;
  llvm::StringSet<> seen;
  for (const LayerInfo &layer : collectLayers(module)) {
    if (!layer.weights || !seen.insert(layer.weight).second)
      continue;
    auto found = parameters->lookup(layer.weight);
    if (!found)
      llvm::consumeError(found.takeError());
    else if (found->dtype == "f32")
      isFine &= succeeded(::checkWeights(module, layer, found->bytes));
  }
  return success(isFine);
}

/// Characters of a name in the table.
static constexpr size_t kMaxNameWidth = 60;

void CalibrationReport::print(llvm::raw_ostream &os) const {
  size_t width = 8;
  auto shown = [](StringRef name) {
    return runtime::shorten(runtime::printable(name), kMaxNameWidth);
  };
  auto widen = [&](StringRef name) {
    width = std::max(width, runtime::countCharacters(shown(name)));
  };
  for (const LayerErrors &layer : layers)
    widen(layer.name);
  for (const auto &[name, error] : outputs)
    widen(name);
  auto row = [&](StringRef name, StringRef zeros, StringRef weight,
                 StringRef output, StringRef inNetwork) {
    std::string text = shown(name);
    os << text;
    os.indent(width - runtime::countCharacters(text))
        << llvm::right_justify(zeros, 9) << llvm::right_justify(weight, 14)
        << llvm::right_justify(output, 14) << llvm::right_justify(inNetwork, 16)
        << "\n";
  };
  auto print = [](double value) {
    return llvm::formatv("{0:F4}", value).str();
  };
  row("layer", "zeros", "weight error", "output error", "in the network");
  for (const LayerErrors &layer : layers)
    row(layer.name, llvm::formatv("{0:F1} %", 100 * layer.zeros).str(),
        print(layer.weight), print(layer.output), print(layer.inNetwork));
  os << "output\n";
  for (const auto &[name, error] : outputs)
    row(name, "", "", "", print(error));
}
