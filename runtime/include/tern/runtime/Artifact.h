//===- Artifact.h - What a compiled model exports ------------------*- C
//-*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The C ABI between a compiled model (`ternc -o X.so`, `X.o`) and its host.
// Any C program can be the host; the runtime in Runtime.h is one. A model needs
// libc and libm, nothing else: it allocates nothing, starts no threads, opens
// no files.
//
// There are two kinds. An inference artifact is one function over constant
// parameters: tern_model_{shapes,arena_size,invoke}. A training artifact is
// several functions over one set of state tensors, which some of them update:
// tern_model_FUNCTION_{shapes,arena_size,invoke}. Both export tern_model_abi
// and tern_model_signature.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_ARTIFACT_H
#define TERN_RUNTIME_ARTIFACT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Version of everything in this file. A host refuses any other.
#define TERN_ARTIFACT_ABI 4

/// Services of the host, handed to every invocation.
typedef struct TernHost TernHost;
struct TernHost {
  /// TERN_ARTIFACT_ABI.
  uint32_t abi;
  /// How many threads parallel_for uses; at least 1. Results must not depend
  /// on it.
  uint32_t num_threads;
  /// The host's own; models do not touch it.
  void *context;
  /// Runs body(env, begin, end) over disjoint subranges that cover [0, n), on
  /// any threads and in any order, and returns when all are done. n <= 0 runs
  /// nothing. May be called from within a body. `label` is a NUL-terminated
  /// name for profiles, never NULL, that lives as long as the model.
  void (*parallel_for)(const TernHost *host,
                       void (*body)(void *env, int64_t begin, int64_t end),
                       void *env, int64_t n, const char *label);
};

/// TERN_ARTIFACT_ABI of the compiler that made the model. Hosts call it first.
uint32_t tern_model_abi(void);

/// The signature: one line of JSON, NUL-terminated, described in
/// docs/runtime.md. Lives as long as the model.
const char *tern_model_signature(void);

/// `dims`: values of the signature's "dims", in order. Writes all extents of
/// all outputs, in order, static ones too; then, for each of the signature's
/// "checks", 1 if it holds for the dims. If one does not (0), the model must
/// not be invoked with them.
void tern_model_shapes(const int64_t *dims, int64_t *extents);

/// Bytes of scratch memory that tern_model_invoke needs for `dims`; -1 if 64
/// bits cannot count them. (Then one of the "checks" does not hold, too.)
int64_t tern_model_arena_size(const int64_t *dims);

/// Runs the model. `buffers`: inputs, then parameters, then outputs, in the
/// signature's order; dense, row-major, at least naturally aligned (64 bytes is
/// preferred), outputs overlapping nothing. Inputs and parameters are only
/// read. `arena`: tern_model_arena_size(dims) bytes, 64-byte aligned, with any
/// contents. Thread-safe as long as arenas and outputs differ.
///
/// Returns 0; or, if an input has elements that the model is not for (an index
/// out of range), i for the signature's "element_checks"[i - 1], which is the
/// first that does not hold. It has run then, within its memory, but what it
/// wrote means nothing.
int32_t tern_model_invoke(const TernHost *host, void *const *buffers,
                          const int64_t *dims, void *arena);

/// Only in models compiled with --embed-weights: the bytes of the weights file
/// (safetensors), 64-byte aligned. Weak, so that a host may ask for them.
#if defined(__GNUC__)
#define TERN_ARTIFACT_WEAK __attribute__((weak))
#else
#define TERN_ARTIFACT_WEAK
#endif
extern const char tern_model_weights[] TERN_ARTIFACT_WEAK;
extern const uint64_t tern_model_weights_size TERN_ARTIFACT_WEAK;

/// The above as a value: how a linked-in model is handed to the runtime.
typedef struct TernArtifact {
  uint32_t (*abi)(void);
  const char *(*signature)(void);
  void (*shapes)(const int64_t *dims, int64_t *extents);
  int64_t (*arena_size)(const int64_t *dims);
  int32_t (*invoke)(const TernHost *host, void *const *buffers,
                    const int64_t *dims, void *arena);
  /// NULL and 0 unless the weights are embedded.
  const char *weights;
  uint64_t weights_size;
} TernArtifact;

//===----------------------------------------------------------------------===//
// Training artifacts
//===----------------------------------------------------------------------===//
//
// The functions and what they take are described in docs/training-runtime.md.
// For each FUNCTION the types are those above, with the signature's entry
// "functions"."FUNCTION" in place of the signature:
//
//   dims     the values of its "dims"
//   buffers  its inputs, scalars, params and outputs, in this order. A scalar
//            is a pointer to one element of its dtype. The params named in
//            "donated" are read and written in place; all others are only read.
//            The updated params are not among the outputs.
//   arena    its own arena_size(dims) bytes; functions that do not run at the
//            same time may share the memory.
//
// No two calls that share a donated param may run at the same time.

// NOLINTBEGIN(bugprone-macro-parentheses): `weak` is an attribute.
#define TERN_DECLARE_TRAINING_FUNCTION(name, weak)                             \
  void tern_model_##name##_shapes(const int64_t *dims, int64_t *extents) weak; \
  int64_t tern_model_##name##_arena_size(const int64_t *dims) weak;            \
  int32_t tern_model_##name##_invoke(const TernHost *host,                     \
                                     void *const *buffers,                     \
                                     const int64_t *dims, void *arena) weak
// NOLINTEND(bugprone-macro-parentheses)

/// The model's outputs: inputs -> outputs.
TERN_DECLARE_TRAINING_FUNCTION(forward, );
/// Loss and outputs: inputs and labels -> loss, outputs.
TERN_DECLARE_TRAINING_FUNCTION(eval_step, );
/// One step of the optimizer: inputs and labels -> loss (, more); updates the
/// donated params. Quantized layers run quantized: for lambda = 1.
TERN_DECLARE_TRAINING_FUNCTION(train_step, );
/// The same for lambda < 1, where quantized layers are blends of float ones.
/// Only in models that have such layers; weak, so that a host may ask.
TERN_DECLARE_TRAINING_FUNCTION(train_step_float, TERN_ARTIFACT_WEAK);

/// One function of a training artifact.
typedef struct TernFunction {
  /// "forward", "eval_step", "train_step" or "train_step_float".
  const char *name;
  void (*shapes)(const int64_t *dims, int64_t *extents);
  int64_t (*arena_size)(const int64_t *dims);
  int32_t (*invoke)(const TernHost *host, void *const *buffers,
                    const int64_t *dims, void *arena);
} TernFunction;

/// A training artifact as a value: how a linked-in one is handed to the
/// runtime. main() in libTernTrainMain.a fills it from the symbols above.
typedef struct TernTrainArtifact {
  uint32_t (*abi)(void);
  const char *(*signature)(void);
  const TernFunction *functions;
  uint64_t num_functions;
  /// The file of initial parameters (safetensors) if it is embedded, as
  /// tern_model_weights, else NULL and 0.
  const char *weights;
  uint64_t weights_size;
} TernTrainArtifact;

#ifdef __cplusplus
} // extern "C"
#endif

#endif // TERN_RUNTIME_ARTIFACT_H
