//===- Trainer.h - Train compiled models --------------------------*- C -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The C API for training artifacts (ternc --train). What Runtime.h says about
// tensors, statuses and errors holds here too. A trainer owns the state: the
// parameters and the optimizer's tensors, which steps update in place.
//
//   TernTrainer *trainer;
//   float loss;
//   tern_trainer_load("model.so", NULL, &trainer);
//   tern_trainer_init(trainer);
//   tern_trainer_set_scalar(trainer, "lr", 1e-3);
//   for (...)
//     tern_trainer_train_step(trainer, inputs, 2, &loss); // x and labels
//   tern_trainer_save(trainer, "checkpoint.safetensors", NULL, NULL, 0);
//
// Results depend on the state, the scalars and the inputs alone: not on the
// number of threads, and a run from a checkpoint goes on bit for bit.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_TRAINER_H
#define TERN_RUNTIME_TRAINER_H

#include "tern/runtime/Runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A training artifact with its state, scratch memory and threads. Calls on
/// one trainer run one after the other. It is a program as any other; what
/// Runtime.h runs is the function 'main', which a training artifact lacks.
typedef TernProgram TernTrainer;

/// Loads a training artifact. The state has no values yet: call
/// tern_trainer_init or tern_trainer_restore. options->weights_path is the file
/// of initial parameters, X.safetensors next to X.so by default, which
/// tern_trainer_init will read; a file that is not the artifact's own, such as
/// a checkpoint, gives parameters by their names.
TernStatus tern_trainer_load(const char *artifact_path,
                             const TernProgramOptions *options,
                             TernTrainer **trainer);
/// The same for an artifact linked into this program.
TernStatus tern_trainer_link(const TernArtifact *artifact,
                             const TernProgramOptions *options,
                             TernTrainer **trainer);
/// Frees everything; NULL is fine.
void tern_trainer_destroy(TernTrainer *trainer);

/// The signature as JSON.
const char *tern_trainer_signature(const TernTrainer *trainer);

/// Gives the state its initial values and sets the number of steps to 0.
TernStatus tern_trainer_init(TernTrainer *trainer);

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

// As in C: callers may pass any number, and are told that it is wrong.
#ifdef __cplusplus
#define TERN_ANY_NUMBER : unsigned int
#else
#define TERN_ANY_NUMBER
#endif

typedef enum TernTrainFunction TERN_ANY_NUMBER {
  TERN_FORWARD = 0,
  TERN_EVAL_STEP = 1,
  TERN_TRAIN_STEP = 2,
  TERN_TRAIN_STEP_FLOAT = 3
} TernTrainFunction;
#undef TERN_ANY_NUMBER

/// 1 if the artifact has the function; only TERN_TRAIN_STEP_FLOAT may lack.
int tern_trainer_has(const TernTrainer *trainer, TernTrainFunction function);
size_t tern_trainer_num_inputs(const TernTrainer *trainer,
                               TernTrainFunction function);
size_t tern_trainer_num_outputs(const TernTrainer *trainer,
                                TernTrainFunction function);
/// Describes an input; the last of all functions but forward is the labels.
TernStatus tern_trainer_input(const TernTrainer *trainer,
                              TernTrainFunction function, size_t index,
                              TernTensorInfo *info);
/// Describes an output; the first of all functions but forward is the loss.
TernStatus tern_trainer_output(const TernTrainer *trainer,
                               TernTrainFunction function, size_t index,
                               TernTensorInfo *info);
/// The symbolic extents of a function's inputs.
size_t tern_trainer_num_dims(const TernTrainer *trainer,
                             TernTrainFunction function);
const char *tern_trainer_dim_name(const TernTrainer *trainer,
                                  TernTrainFunction function, size_t index);
/// As tern_program_output_shapes.
TernStatus tern_trainer_output_shapes(TernTrainer *trainer,
                                      TernTrainFunction function,
                                      const DLTensor *const *inputs,
                                      size_t num_inputs, int64_t *extents,
                                      size_t num_extents);
/// Labels are in [0, classes) or equal to the loss's ignore_index: *classes is
/// -1 if labels are no classes, *ignores is 0 if there is no such index.
void tern_trainer_classes(const TernTrainer *trainer, int64_t *classes,
                          int *ignores, int64_t *ignore_index);

/// Runs the model: inputs -> outputs.
TernStatus tern_trainer_forward(TernTrainer *trainer,
                                const DLTensor *const *inputs,
                                size_t num_inputs,
                                const DLTensor *const *outputs,
                                size_t num_outputs);
/// Inputs and labels -> loss and outputs; the first of `outputs` is the one
/// after the loss.
TernStatus tern_trainer_eval_step(TernTrainer *trainer,
                                  const DLTensor *const *inputs,
                                  size_t num_inputs, float *loss,
                                  const DLTensor *const *outputs,
                                  size_t num_outputs);
/// One step: updates the state and counts. Runs train_step_float if there is
/// one and the scalar lambda is less than 1. Labels that are no class are an
/// error before anything happens. Where the model itself finds an index out of
/// range, it is an error that leaves the state without values: restore a
/// checkpoint. A loss that is not finite is the caller's to notice: the state
/// has been updated.
TernStatus tern_trainer_train_step(TernTrainer *trainer,
                                   const DLTensor *const *inputs,
                                   size_t num_inputs, float *loss);
/// What the last step gave beside the loss, such as "grad_norm"; `index` is
/// that of the output. NaN if there is none.
float tern_trainer_measurement(const TernTrainer *trainer, size_t index);

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

size_t tern_trainer_num_scalars(const TernTrainer *trainer);
/// NULL if there is no such index.
const char *tern_trainer_scalar_name(const TernTrainer *trainer, size_t index);
/// Sets a run-time value such as "lr" for the steps to come. "step" is counted
/// by the trainer. lr and weight_decay must not be negative, lambda is in
/// [0, 1], everything is finite.
TernStatus tern_trainer_set_scalar(TernTrainer *trainer, const char *name,
                                   double value);
/// The value in use: as set, else the artifact's default.
TernStatus tern_trainer_get_scalar(const TernTrainer *trainer, const char *name,
                                   double *value);

/// Steps done since tern_trainer_init.
int64_t tern_trainer_step(const TernTrainer *trainer);
TernStatus tern_trainer_set_step(TernTrainer *trainer, int64_t step);

/// Of artifacts that average gradients over windows of as many steps as the
/// scalar "accumulate" says (ternc --train --accumulate). Windows follow each
/// other; checkpoints keep an open one, with its gradients and its length, and
/// until it is full the scalar must not change.
///
/// How many steps the open window has, 0 if none is open; *length (which may be
/// NULL) is how many it is to have, 0 before the first step.
int64_t tern_trainer_window(const TernTrainer *trainer, int64_t *length);
/// Lets the next tern_trainer_train_step be the last of its window, full or
/// not: it updates by the average over the steps there are. For the last step
/// of a run, whose gradients would otherwise wait for more. Without
/// accumulation every step is a window, and this changes nothing.
TernStatus tern_trainer_close_window(TernTrainer *trainer);

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

/// As tern_program_num_state and so on; a trainer owns all of its state.
size_t tern_trainer_num_state(const TernTrainer *trainer);
TernStatus tern_trainer_state(const TernTrainer *trainer, size_t index,
                              TernStateInfo *info);
TernStatus tern_trainer_find_state(const TernTrainer *trainer, const char *name,
                                   TernStateInfo *info);
TernStatus tern_trainer_set_state(TernTrainer *trainer, const char *name,
                                  const DLTensor *value);
/// The first state tensor with a NaN or infinity and the row-major index of
/// that element; *name is NULL if all are finite.
TernStatus tern_trainer_find_nonfinite(const TernTrainer *trainer,
                                       const char **name, int64_t *element);

//===----------------------------------------------------------------------===//
// Checkpoints
//===----------------------------------------------------------------------===//

/// Writes a checkpoint (safetensors): the state, the number of steps, the
/// artifact's fingerprint, and `count` metadata strings of the caller's, whose
/// keys must not begin with "tern_". The file appears whole or not at all.
/// State that is not finite is refused.
TernStatus tern_trainer_save(TernTrainer *trainer, const char *path,
                             const char *const *keys, const char *const *values,
                             size_t count);
/// Reads a checkpoint. One of another model or optimizer, a damaged one or one
/// that is not finite is refused, and then the state is as before.
TernStatus tern_trainer_restore(TernTrainer *trainer, const char *path);
/// A metadata string of the checkpoint that was restored last; NULL if there is
/// none.
const char *tern_trainer_metadata(const TernTrainer *trainer, const char *key);

//===----------------------------------------------------------------------===//
// Memory, threads, profiles
//===----------------------------------------------------------------------===//

/// Bytes of all state tensors, with their padding.
int64_t tern_trainer_state_size(const TernTrainer *trainer);
/// Scratch bytes of a function for the given values of its symbolic extents.
/// All functions share their scratch memory.
TernStatus tern_trainer_arena_size(const TernTrainer *trainer,
                                   TernTrainFunction function,
                                   const int64_t *dims, size_t num_dims,
                                   int64_t *bytes);

uint32_t tern_trainer_num_threads(const TernTrainer *trainer);
TernStatus tern_trainer_set_num_threads(TernTrainer *trainer,
                                        uint32_t num_threads);
/// As tern_program_profile_begin and _end.
TernStatus tern_trainer_profile_begin(TernTrainer *trainer);
TernStatus tern_trainer_profile_end(TernTrainer *trainer, const char *path);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // TERN_RUNTIME_TRAINER_H
