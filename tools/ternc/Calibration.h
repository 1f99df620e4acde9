//===- Calibration.h - What conversion does to a model ----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TOOLS_TERNC_CALIBRATION_H
#define TERN_TOOLS_TERNC_CALIBRATION_H

#include "mlir/IR/BuiltinOps.h"
#include "tern/Driver/Phases.h"
#include "llvm/Support/raw_ostream.h"
#include <string>
#include <utility>
#include <vector>

namespace tern {

/// What conversion did to one layer. Errors are norms of differences from the
/// float model, over the norm there; NaN where that is 0 and the other is not.
struct LayerErrors {
  /// Index of the layer among the converted ones.
  unsigned index;
  /// The model's node.
  std::string name;
  /// The fraction of codes that are 0.
  double zeros;
  double weight;
  /// Of the layer by itself, with the float model's inputs.
  double output;
  /// Of the layer in the ternary model, whose earlier layers err as well.
  double inNetwork;
};

struct CalibrationReport {
  std::vector<LayerErrors> layers;
  /// The model's outputs and their errors.
  std::vector<std::pair<std::string, double>> outputs;

  /// An aligned table.
  void print(llvm::raw_ostream &os) const;
};

struct CalibrationOptions {
  /// Names of inputs and .npy files; the name may be empty if there is one.
  std::vector<std::pair<std::string, std::string>> inputs;
  /// As in ProductOptions.
  std::string weights;
  PipelineOptions pipeline;
};

/// Compiles a module at level `ternary`, whose converted layers it compares
/// with the float ones, and runs it here on the given inputs. Inputs with a
/// fixed leading extent are cut into pieces of it. Errors are reported on the
/// module, which is left as it is.
llvm::FailureOr<CalibrationReport> calibrate(mlir::ModuleOp module,
                                             const CalibrationOptions &options);

/// Looks at the weights of ternary layers: one with a NaN or an infinity is
/// an error, one that is all zero a warning. `weights` as in ProductOptions;
/// weights that are not there are not looked at.
llvm::LogicalResult checkWeights(mlir::ModuleOp module,
                                 llvm::StringRef weights);

} // namespace tern

#endif // TERN_TOOLS_TERNC_CALIBRATION_H
