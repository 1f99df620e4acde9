//===- StepBuilder.h - The function of one training step --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TRAINING_STEPBUILDER_H
#define TERN_LIB_TRAINING_STEPBUILDER_H

#include "OptimizerFile.h"
#include "ParamGroups.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"
#include "tern/Support/UniqueNames.h"
#include "llvm/ADT/StringMap.h"
#include <map>

namespace tern {

/// A loss, its gradient, and the step that is made of them.
struct StepVariant {
  std::string name;
  mlir::func::FuncOp loss, gradient;
  /// By parameter: its number among the gradients.
  llvm::StringMap<unsigned> gradients;
};

struct TrainedParam {
  std::string name;
  mlir::RankedTensorType type;
  const ParamGroup *group = nullptr;
  bool isMatrix = false;
};

class StepBuilder {
public:
  StepBuilder(const OptimizerChain &optimizers,
              llvm::ArrayRef<TrainedParam> trained,
              llvm::ArrayRef<StepVariant> variants, bool clip, bool accumulate)
      : optimizers(optimizers), trained(trained), variants(variants),
        clip(clip), accumulate(accumulate) {}

  /// Collects scalars and states; reports contradictions.
  llvm::LogicalResult plan(const ParamGroups &groups);
  /// A public function, in no module yet.
  mlir::func::FuncOp build(const StepVariant &variant);

private:
  struct Scalar {
    std::string name;
    mlir::RankedTensorType type;
    /// May be null, both.
    mlir::Attribute init;
    mlir::Attribute bound = {};
  };
  struct State {
    /// Free among parameters and states.
    std::string name;
    mlir::RankedTensorType type;
    mlir::FloatAttr init;
  };

  /// The functions that a parameter's gradient goes through, in order; the last
  /// is the update.
  llvm::SmallVector<mlir::func::FuncOp> getFunctions(const TrainedParam &param);
  llvm::LogicalResult planScalar(mlir::func::FuncOp func, unsigned arg);
  /// False if the parameter has such a state already.
  bool addState(const TrainedParam &param, llvm::StringRef state,
                mlir::FloatAttr init);
  /// The arguments that those of the loss function are, by number.
  llvm::SmallVector<mlir::Value> addArguments(const StepVariant &variant,
                                              mlir::func::FuncOp step);
  /// The norm of all gradients, f32.
  mlir::Value buildNorm(TensorBuilder &b, mlir::ValueRange gradients);
  /// What gradients are multiplied by.
  mlir::Value buildClip(TensorBuilder &b, mlir::Value norm);
  /// Adds the gradients to those of the steps before, and counts in updates
  /// from here on.
  void buildAccumulation(TensorBuilder &b,
                         llvm::MutableArrayRef<mlir::Value> gradients);
  mlir::Value getScalar(TensorBuilder &b, const TrainedParam &param,
                        llvm::StringRef name);
  /// Updates a parameter and its states.
  void buildUpdate(TensorBuilder &b, const TrainedParam &param,
                   mlir::Value gradient);
  /// What a parameter or state is after the step: `fresh` if the step updates.
  void setUpdated(TensorBuilder &b, llvm::StringRef name, mlir::Value fresh);

  const OptimizerChain &optimizers;
  llvm::ArrayRef<TrainedParam> trained;
  llvm::ArrayRef<StepVariant> variants;
  bool clip, accumulate;
  std::vector<Scalar> scalars;
  std::vector<State> states;
  /// Names of parameters and states.
  UniqueNames names;
  /// The names of states, by parameter and by what the optimizer calls them.
  std::map<std::pair<std::string, std::string>, std::string> stateNames;
  /// By name: the scalars of the step being built; its parameters and states,
  /// and what these are afterwards.
  llvm::StringMap<mlir::Value> scalarArguments, arguments, updated;
  /// Whether the step being built is one that updates, an i1; null if all do.
  mlir::Value isUpdate;
};

} // namespace tern

#endif // TERN_LIB_TRAINING_STEPBUILDER_H
