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
#include "mlir/Pass/PassOptions.h"
#include <string>

namespace tern {
#define GEN_PASS_DECL
#include "tern/Training/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "tern/Training/Passes.h.inc"

/// What `tern-drop-training` does to one function.
llvm::LogicalResult dropTraining(mlir::func::FuncOp function);

/// What a user can choose about training, in `ternc --train` as in
/// `--tern-training-pipeline`.
struct TrainingOptions : mlir::PassPipelineOptions<TrainingOptions> {
  Option<std::string> loss{
      *this, "loss", llvm::cl::init("softmax-cross-entropy"),
      llvm::cl::value_desc("sum"),
      llvm::cl::desc(
          "A loss by name (softmax-cross-entropy by default; an unknown name "
          "lists all), a .mlir file, graph (the output is the loss), or a sum "
          "such as softmax-cross-entropy+0.2*kl")};
  ListOption<std::string> lossOptions{*this, "loss-option",
                                      llvm::cl::value_desc("name=value"),
                                      llvm::cl::desc("An option of the loss")};
  Option<std::string> lossOutput{
      *this, "loss-output", llvm::cl::value_desc("name"),
      llvm::cl::desc("The output that the loss is of (default: the first)")};
  /// Options of those losses that have them; where they are not given, the
  /// losses' default holds.
  Option<int64_t> ignoreIndex{*this, "ignore-index", llvm::cl::init(-100),
                              llvm::cl::desc("Label that does not count")};
  Option<double> labelSmoothing{
      *this, "label-smoothing", llvm::cl::init(0.0),
      llvm::cl::desc("Part of the target spread over all classes")};
  Option<double> temperature{*this, "temperature", llvm::cl::init(1.0),
                             llvm::cl::desc("Temperature of the loss kl")};
  Option<std::string> optimizer{
      *this, "optimizer", llvm::cl::init("adamw"), llvm::cl::value_desc("name"),
      llvm::cl::desc("sgd, adamw (default), muon, muon_grokfast, a .mlir file; "
                     "a filter before or behind it, as in grokfast+adamw")};
  ListOption<std::string> paramGroups{
      *this, "param-group", llvm::cl::value_desc("regex:key=value,..."),
      llvm::cl::desc("Options of parameters with a matching name: "
                     "lr_scale=0.1, weight_decay=0, matrix=false")};
  ListOption<std::string> freeze{
      *this, "freeze", llvm::cl::value_desc("regex"),
      llvm::cl::desc("Do not train parameters with a matching name")};
  ListOption<std::string> trainAlso{
      *this, "train-also", llvm::cl::value_desc("regex"),
      llvm::cl::desc("Train parameters with a matching name, too, though they "
                     "look like constants: those of one element")};
  Option<bool> clip{
      *this, "clip", llvm::cl::init(true),
      llvm::cl::desc("Let training clip gradients to a norm (default). "
                     "--clip=false needs less memory")};
  Option<bool> accumulate{
      *this, "accumulate", llvm::cl::init(false),
      llvm::cl::desc("Let training average gradients over several steps "
                     "(--accumulate of the executable); needs memory for "
                     "them")};
  Option<bool> recompute{
      *this, "remat", llvm::cl::init(true),
      llvm::cl::desc("Recompute cheap values for gradients rather than keep "
                     "them (default)")};
};

/// ternary -> training: attach a loss, differentiate, attach an optimizer.
void buildTernaryToTrainingPipeline(mlir::OpPassManager &pm,
                                    const TrainingOptions &options);
} // namespace tern

#endif // TERN_TRAINING_PASSES_H
