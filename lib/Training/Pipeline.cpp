//===- Pipeline.cpp - Ternary to training ---------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/Passes.h"
#include "tern/Dialect/Tern/Utils/Cleanup.h"
#include "tern/Training/Passes.h"

#include "llvm/Support/Format.h"

using namespace mlir;

/// A number that reads back as the same; empty where the option is not given.
template <typename T>
static std::string toText(const detail::PassOptions::Option<T> &option,
                          const char *format) {
  std::string text;
  if (option.hasValue())
    llvm::raw_string_ostream(text) << llvm::format(format, option.getValue());
  return text;
}

void tern::buildTernaryToTrainingPipeline(OpPassManager &pm,
                                          const TrainingOptions &options) {
  TernAttachLossOptions loss;
  loss.loss = options.loss;
  loss.output = options.lossOutput;
  loss.lossOptions = llvm::to_vector(options.lossOptions);
  loss.ignoreIndex = toText(options.ignoreIndex, "%" PRId64);
  loss.labelSmoothing = toText(options.labelSmoothing, "%.17g");
  loss.temperature = toText(options.temperature, "%.17g");
  pm.addPass(createTernAttachLoss(loss));
  TernAttachOptimizerOptions optimizer;
  optimizer.optimizer = options.optimizer;
  optimizer.paramGroups = llvm::to_vector(options.paramGroups);
  optimizer.freeze = llvm::to_vector(options.freeze);
  optimizer.trainAlso = llvm::to_vector(options.trainAlso);
  optimizer.clip = options.clip;
  optimizer.accumulate = options.accumulate;
  optimizer.recompute = options.recompute;
  pm.addPass(createTernAttachOptimizer(optimizer));
  pm.addPass(createSymbolDCEPass());
  addCleanup(pm);
}
