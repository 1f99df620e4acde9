//===- Program.h - A loaded model -------------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_PROGRAM_H
#define TERN_RUNTIME_PROGRAM_H

#include "MappedFile.h"
#include "Profile.h"
#include "Signature.h"
#include "ThreadPool.h"
#include "tern/runtime/Runtime.h"

#include <memory>
#include <mutex>
#include <optional>

namespace tern::runtime {

struct Failure {
  TernStatus code;
  std::string message;
};
/// Empty on success.
using MaybeFailure = std::optional<Failure>;

/// Memory of at least a given size, 64-byte aligned, whose contents are lost
/// when it grows.
class Arena {
public:
  Arena() = default;
  Arena(const Arena &) = delete;
  Arena &operator=(const Arena &) = delete;
  ~Arena();
  /// False if there is not that much memory.
  bool reserve(size_t size);
  void *data() const { return memory; }

private:
  void *memory = nullptr;
  size_t capacity = 0;
};

DLDataType toDLPack(DType dtype);

/// The name of an artifact's default weights: X.so -> X.safetensors.
std::string defaultWeightsPath(const std::string &artifact);

} // namespace tern::runtime

/// What Runtime.h hands out. Loading is in Program.cpp, invoking in Invoke.cpp,
/// the C functions in Runtime.cpp.
struct TernProgram {
  using MaybeFailure = tern::runtime::MaybeFailure;

  TernProgram() = default;
  TernProgram(const TernProgram &) = delete;
  TernProgram &operator=(const TernProgram &) = delete;
  ~TernProgram();

  MaybeFailure open(const std::string &path);
  MaybeFailure finishLoading(const TernProgramOptions &options);
  MaybeFailure setNumThreads(uint32_t count);

  /// Checks the inputs against the signature and fills dims and extents.
  MaybeFailure bindInputs(const DLTensor *const *inputs, size_t count,
                          bool withData);
  MaybeFailure invoke(const DLTensor *const *inputs, size_t numInputs,
                      const DLTensor *const *outputs, size_t numOutputs);

  /// For messages: the path, or "this executable".
  std::string name;
  std::string artifactPath;
  TernArtifact artifact = {};
  tern::runtime::Signature signature;
  std::string weightsPath;
  std::unique_ptr<tern::runtime::Profile> profile;
  std::unique_ptr<tern::runtime::ThreadPool> pool;
  std::mutex mutex;

  // Of the invocation in progress; sized at load.
  std::vector<int64_t> dims;
  std::vector<int64_t> extents;

private:
  MaybeFailure bindWeights(const TernProgramOptions &options);
  MaybeFailure bindParams(const char *data, uint64_t size,
                          const std::string &file);
  MaybeFailure checkTensor(const DLTensor *tensor,
                           const tern::runtime::TensorSpec &spec,
                           const char *kind, bool withData) const;
  MaybeFailure checkOverlaps(size_t numInputs, size_t numOutputs) const;

  void *library = nullptr;
  tern::runtime::MappedFile weights;
  tern::runtime::Arena arena;
  TernHost host = {};
  // Inputs, params, outputs; and the bytes each may touch.
  std::vector<void *> buffers;
  std::vector<int64_t> bufferSizes;
};

#endif // TERN_RUNTIME_PROGRAM_H
