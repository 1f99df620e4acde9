//===- Signature.h - Parse an artifact's signature -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_SIGNATURE_H
#define TERN_RUNTIME_SIGNATURE_H

#include "NonFinite.h"
#include "tern/runtime/DType.h"

#include <map>
#include <string_view>

namespace tern::runtime {

/// A tensor that a function takes or gives.
struct TensorSpec {
  std::string name;
  DType dtype;
  /// -1 where the extent is symbolic or unknown.
  std::vector<int64_t> shape;
  /// For each extent the symbol's name, or "".
  std::vector<std::string> symbols;
  /// For each extent the index into FunctionSpec::dims, or -1.
  std::vector<int> dims = {};
  /// `symbols` for the C API, null where there is none.
  std::vector<const char *> symbolNames = {};

  /// "batchx28x28xu8".
  std::string type() const;
};

/// "x: batchx784xf32, y: 10xi64".
std::string listTensors(const std::vector<TensorSpec> &tensors);

/// A tensor that outlives a call: a parameter, the optimizer's, a cache. Its
/// extents are numbers and its size fits in 64 bits; symbolic ones, which only
/// what is no parameter has, become numbers when the state is made.
struct StateSpec : TensorSpec {
  /// From the weights file, a buffer too.
  bool isParam = false;
  /// Updated by steps, but not by a gradient: a running statistic.
  bool isBuffer = false;
  bool trainable = true;
  /// The value all elements begin with; else the weights file has it.
  std::optional<double> init;

  int64_t numBytes() const { return byteSize(dtype, shape).value_or(0); }
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
  /// What it may be, of some that are integers: up to `greatest` or, if that is
  /// null, the extent `dim`.
  struct Bound {
    int64_t least = 0;
    std::optional<int64_t> greatest;
    std::string dim;
  };
  std::optional<Bound> bound;
};

/// Whether a scalar of this name is, in training, the runtime's to set: what it
/// counts.
bool isCountedScalar(const std::string &name);

/// One function of an artifact. Its buffers are its inputs, scalars, state and
/// outputs, in this order.
struct FunctionSpec {
  std::string name;
  std::vector<std::string> dims;
  std::vector<TensorSpec> inputs, outputs;
  /// What must hold of the inputs' extents, as messages for when it does not.
  std::vector<std::string> checks;
  /// The same of their elements.
  std::vector<std::string> elementChecks;
  /// How many of these, the first, are answered before anything is written.
  size_t scalarChecks = 0;
  /// For each of the dims the index into Signature::stateDims, or -1.
  std::vector<int> stateDims;
  /// Indices into Signature::scalars and ::state.
  std::vector<size_t> scalars, state;
  /// Which of the state is updated in place.
  std::vector<bool> donated;
};

/// The parsed and checked JSON of an artifact.
struct Signature {
  std::string model, triple, weights, weightsId;
  std::vector<std::string> features;
  /// Size of the weights file; earlier versions do not say.
  std::optional<uint64_t> weightsBytes;

  std::vector<StateSpec> state;
  /// The symbolic extents of the state: whoever makes it says what they are.
  std::vector<std::string> stateDims;
  std::vector<ScalarSpec> scalars;
  std::vector<FunctionSpec> functions;

  /// Of training artifacts. The conversion is the options by which layers
  /// became ternary, for checkpoints: by name, a list as JSON; empty in
  /// artifacts of earlier versions.
  std::string loss, optimizer, fingerprint;
  std::map<std::string, std::string> conversion;
  /// Labels are in [0, classes) or equal to ignoreIndex.
  std::optional<int64_t> classes, ignoreIndex;
  /// Where `classes` is not known before the data: the input and its axis
  /// whose extent is the number of classes.
  std::optional<std::pair<size_t, size_t>> classesAxis;

  std::optional<size_t> findState(std::string_view name) const;
  std::optional<size_t> findScalar(std::string_view name) const;
  std::optional<size_t> findFunction(std::string_view name) const;
  /// Whether steps train it; else it has one function, 'main', or several of
  /// any names.
  bool isTraining() const { return findFunction("train_step").has_value(); }
};

/// Errors are phrased to follow "'X.so' has a bad signature: ".
[[nodiscard]] MaybeError parseSignature(const char *json, Signature &signature);

} // namespace tern::runtime

#endif // TERN_RUNTIME_SIGNATURE_H
