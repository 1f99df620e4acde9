//===- Session.h - Runtime.h's C API for HostTensors ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_SESSION_H
#define TERN_RUNTIME_SESSION_H

#include "TensorView.h"

namespace tern::runtime {

/// A program that a command line runs or trains.
class LoadedProgram {
public:
  explicit LoadedProgram(bool trains) : trains(trains) {}
  LoadedProgram(const LoadedProgram &) = delete;
  LoadedProgram &operator=(const LoadedProgram &) = delete;
  virtual ~LoadedProgram() { tern_program_destroy(program); }

  /// From a file, or if `linked` is not null, from this executable.
  [[nodiscard]] MaybeError load(const std::string &artifact,
                                const TernArtifact *linked,
                                const TernProgramOptions &options);

  TernProgram *program = nullptr;

private:
  virtual MaybeError readInterface() = 0;
  bool trains;
};

/// The C API of the runtime for HostTensors.
class Session : public LoadedProgram {
public:
  using Tensor = TensorSpec;

  /// Of the function of this name; "" is 'main'.
  explicit Session(std::string function = "")
      : LoadedProgram(/*trains=*/false), function(std::move(function)) {}

  /// Lets a session without a name take any function where there is no 'main':
  /// to describe it.
  void takeAny() { takesAny = true; }

  /// Runs once and allocates the outputs.
  [[nodiscard]] MaybeError run(const std::vector<HostTensor> &inputs,
                               std::vector<HostTensor> &outputs);
  /// Runs over pieces of at most `batch` rows of the leading symbolic extent;
  /// every output must have it in front.
  [[nodiscard]] MaybeError runBatches(const std::vector<HostTensor> &inputs,
                                      int64_t batch,
                                      std::vector<HostTensor> &outputs);
  /// Runs once more, into existing outputs.
  [[nodiscard]] MaybeError runInto(const std::vector<HostTensor> &inputs,
                                   const std::vector<HostTensor> &outputs);

  /// The symbol that is the first extent of an input; "" if there is none.
  std::string batchSymbol() const;
  /// The first `count` rows of inputs that have the batch symbol in front.
  std::vector<HostTensor> slice(const std::vector<HostTensor> &inputs,
                                int64_t begin, int64_t end) const;
  /// How many rows of the batch symbol these inputs have; else 1.
  int64_t numItems(const std::vector<HostTensor> &inputs) const;

  std::string function;
  std::vector<Tensor> inputs, outputs;
  /// Wall time spent in tern_program_invoke, and items it worked on.
  double seconds = 0;
  int64_t items = 0;

private:
  MaybeError readInterface() override;
  MaybeError outputExtents(const std::vector<HostTensor> &inputs,
                           std::vector<int64_t> &extents);

  bool takesAny = false;
};

} // namespace tern::runtime

#endif // TERN_RUNTIME_SESSION_H
