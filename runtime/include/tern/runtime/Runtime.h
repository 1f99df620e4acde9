//===- Runtime.h - Load and run compiled models -------------------*- C -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The C API of Tern's runtime. Tensors cross as DLPack's DLTensor: on the CPU,
// dense, row-major. Every function that can fail returns a TernStatus and, on
// failure, leaves a one-line message in tern_last_error(). No C++ exception
// leaves the runtime.
//
//   TernProgram *program;
//   if (tern_program_load("model.so", NULL, &program) != TERN_OK)
//     fprintf(stderr, "error: %s\n", tern_last_error());
//
// examples/c-api/main.c is a complete program.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_RUNTIME_H
#define TERN_RUNTIME_RUNTIME_H

#include "tern/runtime/Artifact.h"

#include <dlpack/dlpack.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Grows when functions or fields are added; what is there stays.
#define TERN_RUNTIME_API_VERSION 2

/// DLPack's code of one-byte booleans, in case dlpack.h predates it.
#define TERN_DLPACK_BOOL 6

typedef enum TernStatus {
  TERN_OK = 0,
  /// A tensor, name, index or option does not fit the model.
  TERN_INVALID_ARGUMENT = 1,
  /// A file cannot be opened, read or written.
  TERN_IO_ERROR = 2,
  /// Not a Tern artifact, or one of another version.
  TERN_BAD_ARTIFACT = 3,
  /// The weights file is malformed or belongs to another model.
  TERN_BAD_WEIGHTS = 4,
  /// This processor lacks a feature that the artifact was compiled for.
  TERN_UNSUPPORTED_CPU = 5,
  TERN_OUT_OF_MEMORY = 6,
  TERN_INTERNAL_ERROR = 7
} TernStatus;

/// TERN_RUNTIME_API_VERSION of the library in use.
uint32_t tern_runtime_api_version(void);
/// The library's version, such as "0.1.0".
const char *tern_runtime_version(void);

/// Why the last call on this thread failed; "" if none did. Valid until the
/// next failure on this thread.
const char *tern_last_error(void);

/// A loaded model with its weights, scratch memory and threads.
typedef struct TernProgram TernProgram;

typedef enum TernLoadFlags {
  /// Read the signature only: no weights, no check of the processor. Such a
  /// program cannot be invoked.
  TERN_LOAD_SIGNATURE_ONLY = 1,
  /// Read the whole weights file and compare its hash with the id that the
  /// model names: damage that leaves the size as it is shows.
  TERN_LOAD_VERIFY_WEIGHTS = 2
} TernLoadFlags;

/// The value of a symbolic extent.
typedef struct TernDim {
  const char *name;
  int64_t extent;
} TernDim;

typedef struct TernProgramOptions {
  /// sizeof(TernProgramOptions), so that the struct can grow.
  size_t size;
  /// The weights (safetensors). NULL: the embedded ones if there are any, else
  /// X.safetensors next to an artifact X.so. If that file, given or not, is
  /// missing or another model's, X.ID.safetensors with the model's id is taken:
  /// a compiler that was stopped leaves it there.
  const char *weights_path;
  /// 0: the environment's TERN_NUM_THREADS, else one per physical core that
  /// this process may run on, within the CPU quota of its control groups.
  uint32_t num_threads;
  /// TernLoadFlags, or'ed.
  uint32_t flags;
  /// The device's library (Device.h), of a model that was compiled for one;
  /// else NULL.
  const char *device_path;
  /// Each symbolic extent of the model's state, such as the capacity of a cache
  /// that calls fill: all functions share it, and it stays what it is.
  const TernDim *state_dims;
  size_t num_state_dims;
} TernProgramOptions;

/// Loads an artifact (a shared library). `options` may be NULL.
TernStatus tern_program_load(const char *artifact_path,
                             const TernProgramOptions *options,
                             TernProgram **program);
/// The same for an artifact linked into this program. Without embedded weights
/// options->weights_path is required, unless the model has no parameters.
TernStatus tern_program_link(const TernArtifact *artifact,
                             const TernProgramOptions *options,
                             TernProgram **program);
/// Frees everything; NULL is fine.
void tern_program_destroy(TernProgram *program);

/// The signature as JSON.
const char *tern_program_signature(const TernProgram *program);
/// The weights file in use; "" if there is none.
const char *tern_program_weights_path(const TernProgram *program);

typedef struct TernTensorInfo {
  const char *name;
  DLDataType dtype;
  int32_t ndim;
  /// ndim extents; -1 where only known at run time.
  const int64_t *shape;
  /// ndim names of symbolic extents; NULL where static or unnamed.
  const char *const *symbols;
} TernTensorInfo;

size_t tern_program_num_inputs(const TernProgram *program);
size_t tern_program_num_outputs(const TernProgram *program);
/// Describes an input or output. The pointers live as long as the program.
TernStatus tern_program_input(const TernProgram *program, size_t index,
                              TernTensorInfo *info);
TernStatus tern_program_output(const TernProgram *program, size_t index,
                               TernTensorInfo *info);

/// The symbolic extents of the inputs and of the state that the function takes:
/// equal names are equal extents.
size_t tern_program_num_dims(const TernProgram *program);
/// NULL if there is no such index.
const char *tern_program_dim_name(const TernProgram *program, size_t index);
/// Scratch bytes for the given values of all symbolic extents.
TernStatus tern_program_arena_size(const TernProgram *program,
                                   const int64_t *dims, size_t num_dims,
                                   int64_t *bytes);

/// The shapes that all outputs have for these inputs: the sum of the outputs'
/// ndim extents, in order. The inputs' data is not looked at and may be NULL.
TernStatus tern_program_output_shapes(TernProgram *program,
                                      const DLTensor *const *inputs,
                                      size_t num_inputs, int64_t *extents,
                                      size_t num_extents);

/// Runs the model. Checks that dtypes, ranks and extents fit, that data is
/// dense, aligned for its dtype, on the CPU and that no output overlaps
/// another tensor. Allocates nothing unless it needs more scratch memory than
/// any earlier call. Calls on one program run one after the other.
TernStatus tern_program_invoke(TernProgram *program,
                               const DLTensor *const *inputs, size_t num_inputs,
                               const DLTensor *const *outputs,
                               size_t num_outputs);

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

// What is above is about the function 'main'. An artifact may have several
// functions of other names, over one state; these do the same for each.

size_t tern_program_num_functions(const TernProgram *program);
/// NULL if there is no such index.
const char *tern_program_function_name(const TernProgram *program,
                                       size_t index);
size_t tern_function_num_inputs(const TernProgram *program,
                                const char *function);
size_t tern_function_num_outputs(const TernProgram *program,
                                 const char *function);
TernStatus tern_function_input(const TernProgram *program, const char *function,
                               size_t index, TernTensorInfo *info);
TernStatus tern_function_output(const TernProgram *program,
                                const char *function, size_t index,
                                TernTensorInfo *info);
size_t tern_function_num_dims(const TernProgram *program, const char *function);
const char *tern_function_dim_name(const TernProgram *program,
                                   const char *function, size_t index);
TernStatus tern_function_arena_size(const TernProgram *program,
                                    const char *function, const int64_t *dims,
                                    size_t num_dims, int64_t *bytes);
TernStatus tern_function_output_shapes(TernProgram *program,
                                       const char *function,
                                       const DLTensor *const *inputs,
                                       size_t num_inputs, int64_t *extents,
                                       size_t num_extents);
/// Where the model itself finds that an input is not what it is for, such as an
/// index out of range, it is an error that leaves what the function updates
/// without values: tern_program_reset_state. A scalar that is out of its bounds
/// is an error before anything has happened.
TernStatus tern_function_invoke(TernProgram *program, const char *function,
                                const DLTensor *const *inputs,
                                size_t num_inputs,
                                const DLTensor *const *outputs,
                                size_t num_outputs);

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

// Values that a function takes from run to run without being compiled again,
// such as the length of what a cache holds.

size_t tern_program_num_scalars(const TernProgram *program);
/// NULL if there is no such index.
const char *tern_program_scalar_name(const TernProgram *program, size_t index);
/// Sets a value for the calls to come. It must be finite and of the scalar's
/// type; its bounds, which may be extents of a call, are checked at the call.
TernStatus tern_program_set_scalar(TernProgram *program, const char *name,
                                   double value);
/// The value in use: as set, else the artifact's default.
TernStatus tern_program_get_scalar(const TernProgram *program, const char *name,
                                   double *value);

//===----------------------------------------------------------------------===//
// State
//===----------------------------------------------------------------------===//

typedef struct TernStateInfo {
  const char *name;
  /// 1 for parameters, 0 for what else outlives a call: the optimizer's
  /// tensors, caches.
  int32_t is_param;
  /// 0 for frozen parameters.
  int32_t is_trainable;
  /// The program's own memory, which may be read and written between calls and
  /// lives as long as the program. Parameters of an inference artifact are
  /// mapped from the weights file and must not be written.
  DLTensor tensor;
} TernStateInfo;

/// All tensors that outlive a call, parameters too.
size_t tern_program_num_state(const TernProgram *program);
TernStatus tern_program_state(const TernProgram *program, size_t index,
                              TernStateInfo *info);
TernStatus tern_program_find_state(const TernProgram *program, const char *name,
                                   TernStateInfo *info);
/// Copies `value`, which must have the same type, into a state tensor that is
/// no mapped parameter.
TernStatus tern_program_set_state(TernProgram *program, const char *name,
                                  const DLTensor *value);
/// Gives all state of an inference artifact its initial values again.
TernStatus tern_program_reset_state(TernProgram *program);

//===----------------------------------------------------------------------===//
// Threads and profiles
//===----------------------------------------------------------------------===//

uint32_t tern_program_num_threads(const TernProgram *program);
/// Ends the old threads and starts new ones; 0 chooses as at load.
TernStatus tern_program_set_num_threads(TernProgram *program,
                                        uint32_t num_threads);

/// Records invocations and parallel loops until tern_program_profile_end,
/// which writes them to `path` as a Chrome trace (chrome://tracing, Perfetto),
/// or fails and lets the recording go on.
TernStatus tern_program_profile_begin(TernProgram *program);
TernStatus tern_program_profile_end(TernProgram *program, const char *path);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // TERN_RUNTIME_RUNTIME_H
