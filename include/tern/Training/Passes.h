//===- Passes.h - From ternary to training ----------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TRAINING_PASSES_H
#define TERN_TRAINING_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include <string>
#include <vector>

namespace tern {
#define GEN_PASS_DECL
#include "tern/Training/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "tern/Training/Passes.h.inc"

/// What `tern-drop-training` does to one function.
llvm::LogicalResult dropTraining(mlir::func::FuncOp function);

/// What a user can choose about training.
struct TrainingOptions {
  /// The loss, as `tern-attach-loss` takes it.
  std::string loss = "softmax-cross-entropy";
  /// Which output the loss is of; empty: the first.
  std::string lossOutput;
  /// Options of the losses, `name=value`: an error where no loss has one.
  std::vector<std::string> lossOptions;
  /// Options of those losses that have them; empty: their default.
  std::string ignoreIndex, labelSmoothing, temperature;
  /// The optimizer, as `tern-attach-optimizer` takes it.
  std::string optimizer = "adamw";
  /// `regex:key=value,...`
  std::vector<std::string> paramGroups;
  /// Parameters whose name matches one of these are not trained.
  std::vector<std::string> freeze;
  /// Parameters that are only trained if they match one of these.
  std::vector<std::string> trainAlso;
  /// Whether gradients can be clipped to a norm.
  bool clip = true;
  /// Whether gradients can be averaged over several steps.
  bool accumulate = false;
  /// Whether cheap values are recomputed for gradients rather than kept.
  bool recompute = true;
};

/// ternary -> training: attach a loss, differentiate, attach an optimizer.
void buildTernaryToTrainingPipeline(mlir::OpPassManager &pm,
                                    const TrainingOptions &options = {});
} // namespace tern

#endif // TERN_TRAINING_PASSES_H
