//===- Phases.cpp - Levels of IR and their pipelines ----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Driver/Phases.h"
#include "mlir/Pass/PassRegistry.h"

using namespace mlir;

tern::PipelineOptions &
tern::PipelineOptions::operator=(const PipelineOptions &other) {
  ternary.copyOptionValuesFrom(other.ternary);
  isTraining = other.isTraining;
  training.copyOptionValuesFrom(other.training);
  tiled.copyOptionValuesFrom(other.tiled);
  return *this;
}

/// From level packed on, targets say how.
static void addLowering(OpPassManager &pm, tern::LoweredLevel level,
                        const tern::TiledOptions &tiled = {}) {
  tern::TernLowerModulesOptions options;
  options.level = level;
  options.outlineLayers = tiled.outlineLayers;
  pm.addPass(tern::createTernLowerModules(options));
}

ArrayRef<tern::Phase> tern::getPhases() {
  static const Phase phases[] = {
      {"graph", nullptr},
      {"ternary",
       [](OpPassManager &pm, const PipelineOptions &options) {
         buildGraphToTernaryPipeline(pm, options.ternary);
       }},
      {"training",
       [](OpPassManager &pm, const PipelineOptions &options) {
         buildTernaryToTrainingPipeline(pm, options.training);
       },
       /*isTraining=*/true},
      {"packed",
       [](OpPassManager &pm, const PipelineOptions &) {
         buildTernaryToPackedPipeline(pm);
       }},
      {"tiled",
       [](OpPassManager &pm, const PipelineOptions &options) {
         addLowering(pm, LoweredLevel::Tiled, options.tiled);
       }},
      {"buffers",
       [](OpPassManager &pm, const PipelineOptions &) {
         addLowering(pm, LoweredLevel::Buffers);
       }},
      {"llvm",
       [](OpPassManager &pm, const PipelineOptions &) {
         addLowering(pm, LoweredLevel::LLVM);
       }},
  };
  return phases;
}

std::string tern::listLevels() {
  std::string text;
  for (const Phase &phase : getPhases())
    text += (text.empty() ? "" : ", ") + phase.level.str();
  return text;
}

int tern::findPhase(StringRef level) {
  ArrayRef<Phase> phases = getPhases();
  const Phase *it = llvm::find_if(
      phases, [&](const Phase &phase) { return phase.level == level; });
  return it == phases.end() ? -1 : it - phases.begin();
}

namespace {
/// For upstream's EmptyPipelineOptions a text of options fails in silence.
struct NoOptions : PassPipelineOptions<NoOptions> {};
} // namespace

void tern::registerPipelines() {
  for (const Phase &phase : getPhases()) {
    if (!phase.build)
      continue;
    std::string name = ("tern-" + phase.level + "-pipeline").str();
    std::string what =
        ("Everything from the level before to level '" + phase.level + "'")
            .str();
    if (phase.level == "ternary")
      PassPipelineRegistration<TernaryOptions>(name, what,
                                               buildGraphToTernaryPipeline);
    else if (phase.isTraining)
      PassPipelineRegistration<TrainingOptions>(name, what,
                                                buildTernaryToTrainingPipeline);
    else if (phase.level == "tiled")
      PassPipelineRegistration<TiledOptions>(
          name, what, [](OpPassManager &pm, const TiledOptions &options) {
            addLowering(pm, LoweredLevel::Tiled, options);
          });
    else
      PassPipelineRegistration<NoOptions>(
          name, what, [&phase](OpPassManager &pm, const NoOptions &) {
            phase.build(pm, PipelineOptions());
          });
  }
}
