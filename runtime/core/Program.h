//===- Program.h - A loaded artifact ----------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_PROGRAM_H
#define TERN_RUNTIME_PROGRAM_H

#include "../io/MappedFile.h"
#include "Call.h"
#include "ForkHook.h"
#include "Library.h"
#include "tern/runtime/Safetensors.h"
#include "tern/runtime/Trainer.h"

#include <map>

/// What Runtime.h and Trainer.h of the C API hand out: functions over state,
/// scratch memory and threads. Loading and running are in Program.cpp, steps in
/// Training.cpp and Accumulation.cpp, files of state in Checkpoint.cpp; the C
/// functions are in Runtime.cpp and TrainerApi.cpp.
///
/// The state of a training artifact is this object's memory, which init() and
/// restore() fill. That of an inference artifact is the weights file, mapped,
/// and this object's memory for what functions update, which resetState()
/// fills.
struct TernProgram {
  using MaybeError = tern::runtime::MaybeError;
  using MaybeFailure = tern::runtime::MaybeFailure;

  TernProgram() = default;
  TernProgram(const TernProgram &) = delete;
  TernProgram &operator=(const TernProgram &) = delete;
  ~TernProgram();

  MaybeFailure open(const std::string &path);
  MaybeFailure link(const TernArtifact &linked);
  /// `trains`: whether it is to be a training artifact.
  MaybeFailure finishLoading(const TernProgramOptions &options, bool trains);

  /// Null if there is no such function, or the name is null.
  tern::runtime::Call *find(const char *function);
  const tern::runtime::Call *find(const char *function) const {
    return const_cast<TernProgram *>(this)->find(function);
  }
  /// Whether what is mapped is still there.
  MaybeFailure checkFiles() const;
  /// Whether it was loaded to run, and its state has values.
  MaybeFailure checkHasValues() const;
  /// Whether it was loaded to run, with parameters that may be written to.
  MaybeFailure checkOwnsState() const;
  /// Whether a tensor of the state is this object's memory, not mapped.
  bool owns(size_t tensor) const {
    return signature.isTraining() || !signature.state[tensor].isParam;
  }
  /// What an extent of the state was given; -1 if there is none of that name.
  int64_t stateExtent(const std::string &dim) const;
  /// Whether a scalar is counted by steps, not set.
  bool isCounted(const std::string &scalar) const {
    return signature.isTraining() && tern::runtime::isCountedScalar(scalar);
  }
  /// Checks that it can run on the scalars and sets the function's inputs.
  MaybeFailure setInputs(tern::runtime::Call &call,
                         const DLTensor *const *inputs, size_t count);
  MaybeFailure run(tern::runtime::Call &call, const DLTensor *const *outputs,
                   size_t count);

  MaybeFailure init();
  /// Gives what functions update, in inference, its initial values.
  MaybeFailure resetState();
  MaybeFailure setScalar(const std::string &scalar, double value);
  std::optional<double> getScalar(size_t index) const;
  MaybeFailure evalStep(const DLTensor *const *inputs, size_t numInputs,
                        float *loss, const DLTensor *const *outputs,
                        size_t numOutputs);
  MaybeFailure trainStep(const DLTensor *const *inputs, size_t numInputs,
                         float *loss);
  /// Lets the next step end its window.
  MaybeFailure closeWindow();
  /// Steps that the open window has, 0 if none is open.
  int64_t stepsInWindow() const;
  /// Forgets what is known of windows but the number of steps.
  void resetWindows() { window = {}; }

  MaybeFailure save(const std::string &path,
                    std::map<std::string, std::string> strings);
  MaybeFailure restore(const std::string &path);

  /// The first state tensor that is not finite, and where.
  std::optional<std::pair<size_t, int64_t>> findNonFiniteState() const;

  /// For messages: the path, or "this executable".
  std::string name;
  std::string artifactPath;
  /// The weights file in use; of training artifacts the one they began with.
  std::string weightsPath;
  TernArtifact artifact = {};
  tern::runtime::Signature signature;
  tern::runtime::Host host;
  tern::runtime::Arena arena;
  tern::runtime::ForkSafeMutex mutex;
  /// Where each tensor of the state is; null if it was not loaded to run.
  std::vector<void *> state;
  /// Bytes of state that this object owns.
  int64_t stateSize = 0;

  int64_t steps = 0;
  /// How gradients are averaged over steps: windows of `length` steps follow
  /// each other since step `start`, before which there were `updates` updates.
  /// The length is 0 until a step says it.
  struct {
    int64_t start = 0, updates = 0, length = 0;
    bool closes = false;
  } window;
  /// Metadata of the checkpoint that was restored last.
  std::map<std::string, std::string> metadata;
  /// The outputs of the last step.
  std::vector<float> measurements;

private:
  MaybeFailure setStateDims(const TernProgramOptions &options);
  MaybeFailure checkScalars(const tern::runtime::Call &call) const;
  MaybeFailure runCall(tern::runtime::Call &call);
  MaybeFailure openDevice(const char *path);
  MaybeFailure setDefaults();
  MaybeFailure allocateState();
  void fillState();
  MaybeFailure mapState();
  MaybeFailure prepareCalls();
  MaybeFailure readWeights(tern::runtime::MappedFile &mapped,
                           tern::runtime::SafetensorsIndex &index,
                           std::string &file);
  MaybeFailure checkLabels(const tern::runtime::FunctionSpec &function,
                           const DLTensor *const *inputs) const;
  /// Checks and sets the inputs of a step; `call` is null if there is none.
  MaybeFailure setBatch(tern::runtime::Call *call,
                        const DLTensor *const *inputs, size_t numInputs);
  MaybeFailure prepareWindow();
  void finishWindow();
  std::string windowText() const;
  MaybeError parseWindow(const std::string &text, int64_t doneSteps,
                         decltype(window) &parsed) const;
  void storeCounted(size_t index, int64_t value);

  tern::runtime::Library library;
  TernDeviceTable deviceTable = {};
  tern::runtime::MappedFile weights;
  /// In the order of the signature's functions.
  std::vector<tern::runtime::Call> calls;
  /// The weights file that the options name.
  std::optional<std::string> givenWeights;
  /// Whether weights are compared with their hash.
  bool verify = false;

  void *memory = nullptr;
  bool hasValues = false;
  /// The values of Signature::stateDims; -1 if it is not to run.
  std::vector<int64_t> stateExtents;
  // One cell for each scalar, holding a value of its dtype; and what is in it.
  // The cells are one block that stays where it is: whoever records a call and
  // repeats it changes nothing else.
  std::vector<uint64_t> cells;
  std::vector<std::optional<double>> values;
};

#endif // TERN_RUNTIME_PROGRAM_H
