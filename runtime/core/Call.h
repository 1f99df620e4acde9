//===- Call.h - One function of an artifact --------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_CALL_H
#define TERN_RUNTIME_CALL_H

#include "Host.h"
#include "Signature.h"

#include <cstdlib>
#include <memory>

namespace tern::runtime {

/// Memory of at least a given size, 64-byte aligned, whose contents are lost
/// when it grows.
class Arena {
public:
  /// False if there is not that much memory.
  bool reserve(size_t size);
  void *data() const { return memory.get(); }

private:
  struct Free {
    void operator()(void *pointer) const { std::free(pointer); }
  };
  std::unique_ptr<void, Free> memory;
  size_t capacity = 0;
};

DLDataType toDLPack(DType dtype);

/// The error for a name that no function of the artifact has.
inline MaybeFailure noFunction() {
  return invalid("the model has no such function");
}

/// Checks everything about a tensor that does not depend on others. `kind` is
/// for messages: "input".
MaybeFailure checkTensor(const DLTensor *tensor, const TensorSpec &spec,
                         const char *kind, bool withData);
/// Where the elements are.
char *address(const DLTensor &tensor);

/// One function of an artifact and the tensors of its next call. Nothing is
/// allocated after prepare(), but for scratch memory.
class Call {
public:
  /// `interface` must outlive this. Buffers are inputs, then numBound ones that
  /// stay from call to call, then outputs.
  void prepare(const FunctionSpec &interface, size_t numBound,
               const TernFunction &function);
  /// Sets the extents that are the state's, by their indices.
  void setStateDims(const std::vector<int64_t> &extents);
  /// Sets one of the buffers that stay. Inputs and outputs must not overlap its
  /// `size` bytes; 0 leaves that unchecked.
  void bind(size_t index, void *data, int64_t size);

  /// Checks the inputs and fills dims and extents.
  MaybeFailure setInputs(const DLTensor *const *inputs, size_t count,
                         bool withData);
  /// Only after setInputs.
  MaybeFailure setOutputs(const DLTensor *const *outputs, size_t count);
  /// Runs on what was set.
  MaybeFailure run(const Host &host, Arena &arena);

  /// Whether the last run() went wrong after it may have written state.
  bool hasSpoiltState() const { return spoilt; }
  /// The value of an extent of what was set; -1 if there is none of that name.
  int64_t findDim(const std::string &name) const;

  const FunctionSpec &interface() const { return *specs; }
  /// All outputs' extents.
  const std::vector<int64_t> &outputExtents() const { return extents; }
  MaybeFailure arenaSize(const int64_t *dims, size_t count,
                         int64_t &bytes) const;

private:
  MaybeFailure checkOverlaps() const;
  std::string describeBuffer(size_t index) const;

  const FunctionSpec *specs = nullptr;
  TernFunction function = {};
  size_t numBound = 0;
  /// `answers` are the extents, then whether each check holds.
  std::vector<int64_t> dims, extents, answers;
  /// The dims before there are inputs: the state's, else -1.
  std::vector<int64_t> knownDims;
  bool spoilt = false;
  // Inputs, what is bound, outputs; and the bytes each may touch.
  std::vector<void *> buffers;
  std::vector<int64_t> sizes;
};

} // namespace tern::runtime

#endif // TERN_RUNTIME_CALL_H
