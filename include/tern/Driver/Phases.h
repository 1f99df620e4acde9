//===- Phases.h - Levels of IR and their pipelines --------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The levels of IR are described in docs/architecture.md. A pipeline takes a
// module from one level to the next; the driver, tern-opt and tests share them.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DRIVER_PHASES_H
#define TERN_DRIVER_PHASES_H

#include "mlir/Pass/PassManager.h"
#include "tern/Packed/Passes.h"
#include "tern/Targets/Passes.h"
#include "tern/Ternary/Passes.h"
#include "tern/Tiled/Passes.h"
#include "tern/Training/Passes.h"
#include "llvm/ADT/ArrayRef.h"
#include <functional>
#include <string>

namespace tern {

/// The options of all pipelines; those to other levels have none.
struct PipelineOptions {
  PipelineOptions() = default;
  PipelineOptions(const PipelineOptions &other) { *this = other; }
  PipelineOptions &operator=(const PipelineOptions &other);

  TernaryOptions ternary;
  /// Else inference.
  bool isTraining = false;
  TrainingOptions training;
  TiledOptions tiled;
};

/// A level of IR, and how to get there from the one before.
struct Phase {
  /// As `--emit` and the module attribute `tern.level` name it.
  llvm::StringLiteral level;
  /// Null for the first.
  std::function<void(mlir::OpPassManager &, const PipelineOptions &)> build;
  /// Only on the way to a training artifact.
  bool isTraining = false;
};

/// All levels, in order.
llvm::ArrayRef<Phase> getPhases();
/// Their names, separated by commas.
std::string listLevels();
/// Index of a level in getPhases(), or -1.
int findPhase(llvm::StringRef level);

/// Registers `tern-ternary-pipeline` and so on, each named after the level it
/// ends at.
void registerPipelines();

} // namespace tern

#endif // TERN_DRIVER_PHASES_H
