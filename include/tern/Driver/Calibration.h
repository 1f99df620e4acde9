//===- Calibration.h - Errors of converted layers on data -------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DRIVER_CALIBRATION_H
#define TERN_DRIVER_CALIBRATION_H

#include "mlir/IR/BuiltinOps.h"
#include "tern/Driver/Phases.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace tern {
class ModelFiles;

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

/// What the program computed that measures a model: see
/// `tern-attach-calibration`.
struct CalibrationSums {
  /// The names of its results and their elements, summed over all pieces.
  std::vector<std::pair<std::string, std::vector<double>>> results;
  /// In how many pieces the inputs were given.
  int64_t numPieces = 1;
};

/// Runs the shared library at `path` here, on inputs by name and their files.
using CalibrationRun = std::function<llvm::Expected<CalibrationSums>(
    llvm::StringRef path,
    llvm::ArrayRef<std::pair<std::string, std::string>> inputs)>;

struct CalibrationOptions {
  /// Names of inputs and .npy files; the name may be empty if there is one.
  std::vector<std::pair<std::string, std::string>> inputs;
  /// As in ProductOptions.
  std::string weights;
  ModelFiles *files = nullptr;
  /// The compiler has no runtime: whoever uses it has.
  CalibrationRun run;
};

/// Compiles a module at level `ternary`, whose converted layers it compares
/// with the float ones, and runs it here on the given inputs. Errors are
/// reported on the module, which is left as it is.
llvm::FailureOr<CalibrationReport> calibrate(mlir::ModuleOp module,
                                             const CalibrationOptions &options);

/// Looks at the weights of ternary layers: one with a NaN or an infinity is
/// an error, one that is all zero a warning. `weights` as in ProductOptions;
/// weights that are not there are not looked at.
llvm::LogicalResult checkWeights(mlir::ModuleOp module, llvm::StringRef weights,
                                 ModelFiles &files);

} // namespace tern

#endif // TERN_DRIVER_CALIBRATION_H
