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
#include "tern/Training/Passes.h"

using namespace mlir;

void tern::buildTernaryToTrainingPipeline(OpPassManager &pm,
                                          const TrainingOptions &options) {
  TernAttachLossOptions loss;
  loss.loss = options.loss;
  loss.output = options.lossOutput;
  loss.lossOptions.assign(options.lossOptions.begin(),
                          options.lossOptions.end());
  loss.ignoreIndex = options.ignoreIndex;
  loss.labelSmoothing = options.labelSmoothing;
  loss.temperature = options.temperature;
  pm.addPass(createTernAttachLoss(loss));
  TernAttachOptimizerOptions optimizer;
  optimizer.optimizer = options.optimizer;
  optimizer.paramGroups.assign(options.paramGroups.begin(),
                               options.paramGroups.end());
  optimizer.freeze.assign(options.freeze.begin(), options.freeze.end());
  optimizer.trainAlso.assign(options.trainAlso.begin(),
                             options.trainAlso.end());
  optimizer.clip = options.clip;
  optimizer.accumulate = options.accumulate;
  optimizer.recompute = options.recompute;
  pm.addPass(createTernAttachOptimizer(optimizer));
  pm.addPass(createSymbolDCEPass());
  pm.addPass(createCanonicalizerPass());
  pm.addPass(createCSEPass());
}
