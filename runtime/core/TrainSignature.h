//===- TrainSignature.h - What a training artifact holds -------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_TRAINSIGNATURE_H
#define TERN_RUNTIME_TRAINSIGNATURE_H

#include "NonFinite.h"
#include "Signature.h"

#include <map>

namespace tern::runtime {

/// A tensor that outlives a step.
struct StateSpec : TensorSpec {
  /// From the file of initial parameters, a buffer too.
  bool isParam = false;
  /// Updated by steps, but not by a gradient: a running statistic.
  bool isBuffer = false;
  bool trainable = true;
  /// The value all elements begin with; else the weights file has it.
  std::optional<double> init;

  /// The first of a tensor's elements that no run can have: a NaN, or an
  /// infinity in what steps change. What they do not may be a mask.
  std::optional<int64_t> findBad(const void *data, int64_t count) const {
    bool isConstant = isParam && !isBuffer && !trainable;
    return isConstant ? findNaN(dtype, data, count)
                      : findNonFinite(dtype, data, count);
  }
};

/// A 0-d value given at run time: f32, f64, i32 or i64.
struct ScalarSpec {
  std::string name;
  DType dtype = DType::F32;
  std::optional<double> defaultValue;
};

/// Whether a scalar of this name is the trainer's to set: what it counts.
bool isCountedScalar(const std::string &name);

/// In the order of TernTrainFunction in Trainer.h.
inline constexpr const char *trainFunctionNames[] = {
    "forward", "eval_step", "train_step", "train_step_float"};
inline constexpr size_t numTrainFunctions = 4;

struct FunctionSpec : Interface {
  bool exists = false;
  /// Indices into TrainSignature::scalars and ::state.
  std::vector<size_t> scalars, params;
  /// Which of the params are updated in place.
  std::vector<bool> donated;
};

/// The parsed and checked JSON of a training artifact.
struct TrainSignature : ArtifactInfo {
  std::string loss, optimizer, fingerprint;
  /// The options by which layers became ternary, for checkpoints: by name, a
  /// list as JSON. Empty in artifacts of earlier versions.
  std::map<std::string, std::string> conversion;
  std::vector<StateSpec> state;
  std::vector<ScalarSpec> scalars;
  FunctionSpec functions[numTrainFunctions];
  /// Labels are in [0, classes) or equal to ignoreIndex.
  std::optional<int64_t> classes, ignoreIndex;
  /// Where `classes` is not known before the data: the input and its axis
  /// whose extent is the number of classes.
  std::optional<std::pair<size_t, size_t>> classesAxis;

  std::optional<size_t> findState(const std::string &name) const;
  std::optional<size_t> findScalar(const std::string &name) const;
};

/// Errors are phrased to follow "'X.so' has a bad signature: ".
[[nodiscard]] MaybeError parseTrainSignature(const char *json,
                                             TrainSignature &signature);

} // namespace tern::runtime

#endif // TERN_RUNTIME_TRAINSIGNATURE_H
