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
#include "TensorBuilder.h"
#include "tern/Support/UniqueNames.h"
#include "llvm/ADT/DenseMap.h"
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
    /// May be null.
    mlir::Attribute init;
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
  llvm::LogicalResult addScalar(mlir::func::FuncOp func, unsigned arg);
  /// False if the parameter has such a state already.
  bool addState(const TrainedParam &param, llvm::StringRef state,
                mlir::FloatAttr init);
  mlir::Value &getState(const TrainedParam &param, llvm::StringRef state);
  void addArguments(const StepVariant &variant, mlir::func::FuncOp step);
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
  /// The new parameter, then its new states.
  llvm::SmallVector<mlir::Value> buildUpdate(TensorBuilder &b,
                                             const TrainedParam &param,
                                             mlir::Value gradient);

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
  /// Arguments of the step being built: the loss function's inputs by number;
  /// by name scalars, and parameters and states.
  llvm::DenseMap<unsigned, mlir::Value> inputArguments;
  llvm::StringMap<mlir::Value> scalarArguments, arguments;
  /// Whether the step being built is one that updates, an i1; null if all do.
  mlir::Value isUpdate;
};

} // namespace tern

#endif // TERN_LIB_TRAINING_STEPBUILDER_H
