//===- Signature.h - The artifact's signature -------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_DRIVER_SIGNATURE_H
#define TERN_LIB_DRIVER_SIGNATURE_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Location.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace tern {

/// What the interface of a function says of one tensor.
struct TensorInfo {
  std::string name;
  std::string dtype;
  /// Integers, strings (symbols) and units (unknown).
  mlir::ArrayAttr shape;
  /// Optimizer state rather than a parameter.
  bool isState = false;
  /// A parameter that no gradient trains.
  bool isBuffer = false;
  /// Updated by a function of the artifact.
  bool isDonated = false;
  /// Inputs of each output of the layer whose weights it is, or 0.
  int64_t fanIn = 0;
  /// What every element begins with; null: the weights file says.
  mlir::FloatAttr init;

  /// The extents; all must be integers.
  llvm::SmallVector<int64_t> staticShape() const;
};

/// The entry `key` ("inputs", "params", "outputs") of a function in
/// `tern.interface` or of an element of `tern.prepares`. Empty if there is
/// none.
std::vector<TensorInfo> getTensors(mlir::DictionaryAttr interface,
                                   llvm::StringRef key);

struct SignatureFields {
  std::string model;
  std::string triple;
  std::vector<std::string> features;
  /// "external", "embedded" or "none".
  std::string weights;
  /// Empty in text, which has no weights.
  std::string weightsId;
  uint64_t weightsBytes = 0;
};

/// What the artifact's functions keep between calls, each once: the parameters
/// of an inference artifact; the parameters and optimizer state of a training
/// artifact, in the order of its functions, the one that updates most first.
/// Two functions that disagree on one, or two arguments of a function that are
/// the same, are an error reported at `loc`.
llvm::FailureOr<std::vector<TensorInfo>>
getState(mlir::DictionaryAttr interface, mlir::Location loc);

/// One line of JSON with its keys in the documented order. `training`: the
/// module's `tern.training`, null for an inference artifact; `conversion`: its
/// `tern.conversion`, which training artifacts record, or null.
std::string printSignature(const SignatureFields &fields,
                           mlir::DictionaryAttr interface,
                           llvm::ArrayRef<TensorInfo> state,
                           mlir::DictionaryAttr training,
                           mlir::DictionaryAttr conversion);

} // namespace tern

#endif // TERN_LIB_DRIVER_SIGNATURE_H
