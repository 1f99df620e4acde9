//===- TrainerApi.cpp - The C functions of training ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CApi.h"

#include <cmath>
#include <cstring>
#include <iterator>

using namespace tern::runtime;

/// Null if the number is none of a function.
static const char *nameOf(TernTrainFunction function) {
  static constexpr const char *names[] = {"forward", "eval_step", "train_step",
                                          "train_step_float"};
  size_t index = static_cast<size_t>(function);
  return index < std::size(names) ? names[index] : nullptr;
}

static const FunctionSpec *find(const TernTrainer *trainer,
                                TernTrainFunction function) {
  return findSpec(trainer, nameOf(function));
}

TernStatus tern_trainer_load(const char *path, const TernProgramOptions *given,
                             TernTrainer **result) {
  return create(path, nullptr, given, /*trains=*/true, result);
}

TernStatus tern_trainer_link(const TernArtifact *artifact,
                             const TernProgramOptions *given,
                             TernTrainer **result) {
  return create(nullptr, artifact, given, /*trains=*/true, result);
}

void tern_trainer_destroy(TernTrainer *trainer) {
  tern_program_destroy(trainer);
}

const char *tern_trainer_signature(const TernTrainer *trainer) {
  return tern_program_signature(trainer);
}

TernStatus tern_trainer_init(TernTrainer *trainer) {
  return locked(trainer, [&] { return trainer->init(); });
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

int tern_trainer_has(const TernTrainer *trainer, TernTrainFunction function) {
  return find(trainer, function) != nullptr;
}

size_t tern_trainer_num_inputs(const TernTrainer *trainer,
                               TernTrainFunction function) {
  const FunctionSpec *spec = find(trainer, function);
  return spec ? spec->inputs.size() : 0;
}

size_t tern_trainer_num_outputs(const TernTrainer *trainer,
                                TernTrainFunction function) {
  const FunctionSpec *spec = find(trainer, function);
  return spec ? spec->outputs.size() : 0;
}

TernStatus tern_trainer_input(const TernTrainer *trainer,
                              TernTrainFunction function, size_t index,
                              TernTensorInfo *info) {
  return describe(find(trainer, function), &FunctionSpec::inputs, index, info);
}

TernStatus tern_trainer_output(const TernTrainer *trainer,
                               TernTrainFunction function, size_t index,
                               TernTensorInfo *info) {
  return describe(find(trainer, function), &FunctionSpec::outputs, index, info);
}

size_t tern_trainer_num_dims(const TernTrainer *trainer,
                             TernTrainFunction function) {
  const FunctionSpec *spec = find(trainer, function);
  return spec ? spec->dims.size() : 0;
}

const char *tern_trainer_dim_name(const TernTrainer *trainer,
                                  TernTrainFunction function, size_t index) {
  return dimName(find(trainer, function), index);
}

TernStatus tern_trainer_output_shapes(TernTrainer *trainer,
                                      TernTrainFunction function,
                                      const DLTensor *const *inputs,
                                      size_t numInputs, int64_t *extents,
                                      size_t numExtents) {
  return outputShapes(trainer, nameOf(function), inputs, numInputs, extents,
                      numExtents);
}

void tern_trainer_classes(const TernTrainer *trainer, int64_t *classes,
                          int *ignores, int64_t *ignoreIndex) {
  if (!trainer || !classes || !ignores || !ignoreIndex)
    return;
  *classes = trainer->signature.classes.value_or(-1);
  *ignores = trainer->signature.ignoreIndex.has_value();
  *ignoreIndex = trainer->signature.ignoreIndex.value_or(0);
}

TernStatus tern_trainer_forward(TernTrainer *trainer,
                                const DLTensor *const *inputs, size_t numInputs,
                                const DLTensor *const *outputs,
                                size_t numOutputs) {
  return invoke(trainer, nameOf(TERN_FORWARD), inputs, numInputs, outputs,
                numOutputs);
}

TernStatus tern_trainer_eval_step(TernTrainer *trainer,
                                  const DLTensor *const *inputs,
                                  size_t numInputs, float *loss,
                                  const DLTensor *const *outputs,
                                  size_t numOutputs) {
  return locked(trainer, [&]() -> MaybeFailure {
    if (!loss || (numOutputs && !outputs))
      return nullArgument();
    return trainer->evalStep(inputs, numInputs, loss, outputs, numOutputs);
  });
}

TernStatus tern_trainer_train_step(TernTrainer *trainer,
                                   const DLTensor *const *inputs,
                                   size_t numInputs, float *loss) {
  return locked(trainer, [&]() -> MaybeFailure {
    if (!loss)
      return nullArgument();
    return trainer->trainStep(inputs, numInputs, loss);
  });
}

float tern_trainer_measurement(const TernTrainer *trainer, size_t index) {
  return trainer && index < trainer->measurements.size()
             ? trainer->measurements[index]
             : NAN;
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

size_t tern_trainer_num_scalars(const TernTrainer *trainer) {
  return tern_program_num_scalars(trainer);
}

const char *tern_trainer_scalar_name(const TernTrainer *trainer, size_t index) {
  return tern_program_scalar_name(trainer, index);
}

TernStatus tern_trainer_set_scalar(TernTrainer *trainer, const char *name,
                                   double value) {
  return tern_program_set_scalar(trainer, name, value);
}

TernStatus tern_trainer_get_scalar(const TernTrainer *trainer, const char *name,
                                   double *value) {
  return tern_program_get_scalar(trainer, name, value);
}

int64_t tern_trainer_step(const TernTrainer *trainer) {
  return trainer ? trainer->steps : 0;
}

TernStatus tern_trainer_set_step(TernTrainer *trainer, int64_t step) {
  return locked(trainer, [&]() -> MaybeFailure {
    if (step < 0)
      return invalid("a number of steps is negative");
    trainer->steps = step;
    trainer->resetWindows();
    return std::nullopt;
  });
}

TernStatus tern_trainer_close_window(TernTrainer *trainer) {
  return locked(trainer, [&] { return trainer->closeWindow(); });
}

int64_t tern_trainer_window(const TernTrainer *trainer, int64_t *length) {
  if (length)
    *length = trainer ? trainer->window.length : 0;
  return trainer ? trainer->stepsInWindow() : 0;
}

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

size_t tern_trainer_num_state(const TernTrainer *trainer) {
  return tern_program_num_state(trainer);
}

TernStatus tern_trainer_state(const TernTrainer *trainer, size_t index,
                              TernStateInfo *info) {
  return tern_program_state(trainer, index, info);
}

TernStatus tern_trainer_find_state(const TernTrainer *trainer, const char *name,
                                   TernStateInfo *info) {
  return tern_program_find_state(trainer, name, info);
}

TernStatus tern_trainer_set_state(TernTrainer *trainer, const char *name,
                                  const DLTensor *value) {
  return tern_program_set_state(trainer, name, value);
}

TernStatus tern_trainer_find_nonfinite(const TernTrainer *trainer,
                                       const char **name, int64_t *element) {
  return guard([&]() -> MaybeFailure {
    if (!trainer || !name || !element)
      return nullArgument();
    *name = nullptr;
    if (MaybeFailure failure = trainer->checkHasValues())
      return failure;
    if (auto bad = trainer->findNonFiniteState()) {
      *name = trainer->signature.state[bad->first].name.c_str();
      *element = bad->second;
    }
    return std::nullopt;
  });
}

//===----------------------------------------------------------------------===//
// Checkpoints
//===----------------------------------------------------------------------===//

TernStatus tern_trainer_save(TernTrainer *trainer, const char *path,
                             const char *const *keys, const char *const *values,
                             size_t count) {
  return locked(trainer, [&]() -> MaybeFailure {
    if (!path || (count && (!keys || !values)))
      return nullArgument();
    std::map<std::string, std::string> strings;
    for (size_t i = 0; i < count; ++i) {
      if (!keys[i] || !values[i])
        return nullArgument();
      strings[keys[i]] = values[i];
    }
    return trainer->save(path, std::move(strings));
  });
}

TernStatus tern_trainer_restore(TernTrainer *trainer, const char *path) {
  return locked(trainer, [&]() -> MaybeFailure {
    return path ? trainer->restore(path) : nullArgument();
  });
}

const char *tern_trainer_metadata(const TernTrainer *trainer, const char *key) {
  if (!trainer || !key)
    return nullptr;
  for (const auto &[name, value] : trainer->metadata)
    if (name == key)
      return value.c_str();
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Memory, threads, profiles
//===----------------------------------------------------------------------===//

int64_t tern_trainer_state_size(const TernTrainer *trainer) {
  return trainer ? trainer->stateSize : 0;
}

TernStatus tern_trainer_arena_size(const TernTrainer *trainer,
                                   TernTrainFunction function,
                                   const int64_t *dims, size_t numDims,
                                   int64_t *bytes) {
  return arenaSize(trainer, nameOf(function), dims, numDims, bytes);
}

uint32_t tern_trainer_num_threads(const TernTrainer *trainer) {
  return tern_program_num_threads(trainer);
}

TernStatus tern_trainer_set_num_threads(TernTrainer *trainer, uint32_t count) {
  return tern_program_set_num_threads(trainer, count);
}

TernStatus tern_trainer_profile_begin(TernTrainer *trainer) {
  return tern_program_profile_begin(trainer);
}

TernStatus tern_trainer_profile_end(TernTrainer *trainer, const char *path) {
  return tern_program_profile_end(trainer, path);
}
