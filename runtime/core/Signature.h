//===- Signature.h - What a model takes, stores and gives -------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_SIGNATURE_H
#define TERN_RUNTIME_SIGNATURE_H

#include "tern/runtime/DType.h"

namespace tern::runtime {

/// An input, parameter or output.
struct TensorSpec {
  std::string name;
  DType dtype;
  /// -1 where the extent is symbolic or unknown.
  std::vector<int64_t> shape;
  /// For each extent the index into Interface::dims, or -1.
  std::vector<int> symbols;
  /// For each extent the symbol's name, or null.
  std::vector<const char *> symbolNames;

  /// "batchx28x28xu8".
  std::string type() const;
};

/// What one function takes and gives.
struct Interface {
  std::vector<std::string> dims;
  std::vector<TensorSpec> inputs, outputs;
  /// What must hold of the inputs' extents, as messages for when it does not.
  std::vector<std::string> checks;
  /// The same of their elements.
  std::vector<std::string> elementChecks;
};

/// What the signatures of all artifacts begin with.
struct ArtifactInfo {
  std::string model, triple, weights, weightsId;
  std::vector<std::string> features;
  /// Size of the weights file; earlier versions do not say.
  std::optional<uint64_t> weightsBytes;
};

/// The parsed and checked JSON of an inference artifact's
/// tern_model_signature().
struct Signature : ArtifactInfo, Interface {
  std::vector<TensorSpec> params;
};

/// Errors are phrased to follow "'X.so' has a bad signature: ".
[[nodiscard]] MaybeError parseSignature(const char *json, Signature &signature);

} // namespace tern::runtime

#endif // TERN_RUNTIME_SIGNATURE_H
