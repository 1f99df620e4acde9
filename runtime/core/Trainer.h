//===- Trainer.h - A loaded training artifact ------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_CORE_TRAINER_H
#define TERN_RUNTIME_CORE_TRAINER_H

#include "../io/MappedFile.h"
#include "Call.h"
#include "ForkHook.h"
#include "Library.h"
#include "TrainSignature.h"
#include "tern/runtime/Safetensors.h"
#include "tern/runtime/Trainer.h"

#include <map>

/// What Trainer.h of the C API hands out. Loading and running are in
/// Trainer.cpp, files in Checkpoint.cpp, the C functions in TrainerApi.cpp.
struct TernTrainer {
  using MaybeError = tern::runtime::MaybeError;
  using MaybeFailure = tern::runtime::MaybeFailure;

  TernTrainer() = default;
  TernTrainer(const TernTrainer &) = delete;
  TernTrainer &operator=(const TernTrainer &) = delete;
  ~TernTrainer();

  MaybeFailure open(const std::string &path);
  MaybeFailure link(const TernTrainArtifact &artifact);
  MaybeFailure finishLoading(const TernProgramOptions &options);

  MaybeFailure init();
  MaybeFailure setScalar(const std::string &scalar, double value);
  std::optional<double> getScalar(size_t index) const;
  /// Checks that there are values and sets the function's inputs.
  MaybeFailure setInputs(TernTrainFunction function,
                         const DLTensor *const *inputs, size_t count);
  MaybeFailure evalStep(const DLTensor *const *inputs, size_t numInputs,
                        float *loss, const DLTensor *const *outputs,
                        size_t numOutputs);
  MaybeFailure trainStep(const DLTensor *const *inputs, size_t numInputs,
                         float *loss);
  MaybeFailure checkHasValues() const;
  /// Whether the code is still there.
  MaybeFailure checkFile() const;
  /// Lets the next step end its window.
  MaybeFailure closeWindow();
  /// Steps that the open window has, 0 if none is open.
  int64_t stepsInWindow() const;
  /// Forgets what is known of windows but the number of steps.
  void resetWindows() { window = {}; }

  MaybeFailure save(const std::string &path,
                    std::map<std::string, std::string> strings);
  MaybeFailure restore(const std::string &path);

  void *stateData(size_t index) const {
    return static_cast<char *>(memory) + offsets[index];
  }
  /// The first state tensor that is not finite, and where.
  std::optional<std::pair<size_t, int64_t>> findNonFiniteState() const;

  /// For messages: the path, or "this executable".
  std::string name;
  std::string artifactPath, weightsPath;
  const char *signatureText = "";
  tern::runtime::TrainSignature signature;
  tern::runtime::Host host;
  tern::runtime::Arena arena;
  tern::runtime::Call calls[tern::runtime::numTrainFunctions];
  tern::runtime::ForkSafeMutex mutex;

  int64_t steps = 0;
  /// How gradients are averaged over steps: windows of `length` steps follow
  /// each other since step `start`, before which there were `updates` updates.
  /// The length is 0 until a step says it.
  struct {
    int64_t start = 0, updates = 0, length = 0;
    bool closes = false;
  } window;
  int64_t stateSize = 0;
  std::map<std::string, std::string> metadata;
  std::vector<float> measurements;

private:
  MaybeFailure prepareCalls();
  MaybeFailure prepareWindow();
  void finishWindow();
  std::string windowText() const;
  MaybeError parseWindow(const std::string &text, int64_t doneSteps,
                         decltype(window) &parsed) const;
  void storeCounted(size_t index, int64_t value);
  MaybeFailure allocateState();
  MaybeFailure takeParams(const tern::runtime::SafetensorsIndex &index,
                          const std::string &file);
  MaybeFailure checkLabels(TernTrainFunction function,
                           const DLTensor *const *inputs) const;

  tern::runtime::Library library;
  uint32_t (*abi)(void) = nullptr;
  TernFunction functions[tern::runtime::numTrainFunctions] = {};
  /// Whether initial parameters are compared with their hash.
  bool verify = false;
  const char *embedded = nullptr;
  uint64_t embeddedSize = 0;

  void *memory = nullptr;
  std::vector<int64_t> offsets;
  bool hasValues = false;
  // One cell for each scalar, holding a value of its dtype; and what is in it.
  std::vector<uint64_t> cells;
  std::vector<std::optional<double>> values;
};

#endif // TERN_RUNTIME_CORE_TRAINER_H
