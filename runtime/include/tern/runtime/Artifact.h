//===- Artifact.h - The C ABI of compiled models ------------------*- C -*-===//
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
// An artifact is named functions over named tensors. Inference is one function,
// `main`; training is `forward`, `eval_step`, `train_step` and, where something
// is quantized, `train_step_float`. The signature says what each takes.
//
// Every struct begins with its size. Later versions of the same ABI add fields
// at the end; who reads a struct that another made looks at the fields that lie
// within the smaller of the two sizes.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_ARTIFACT_H
#define TERN_RUNTIME_ARTIFACT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Version of what is in this file. A host refuses any other.
#define TERN_ARTIFACT_ABI 5

/// What an invocation returns if a grid would have more blocks along an axis
/// than 32 bits can count. No service of a host does.
#define TERN_GRID_TOO_LARGE INT32_MIN

/// Services of the host, handed to every invocation. Fields up to parallel_for
/// are always there. Services return 0, or a negative number for an error,
/// which the invocation then returns.
typedef struct TernHost TernHost;
struct TernHost {
  /// sizeof(TernHost) of the host.
  uint64_t size;
  /// The host's own; models do not touch it.
  void *context;
  /// How many threads parallel_for uses; at least 1. Results must not depend
  /// on it.
  uint32_t num_threads;
  /// Runs body(env, begin, end) over disjoint subranges that cover [0, n), on
  /// any threads and in any order, and returns when all are done. n <= 0 runs
  /// nothing. May be called from within a body. `label` is a NUL-terminated
  /// name for profiles, never NULL, that lives as long as the model. NULL only
  /// on hosts for devices alone.
  void (*parallel_for)(const TernHost *host,
                       void (*body)(void *env, int64_t begin, int64_t end),
                       void *env, int64_t n, const char *label);
  /// The device's services, NULL on hosts that have none; models whose tensors
  /// are all in the space "host" do not use them. A space is its index in the
  /// signature's "spaces"; what is queued runs in the order of the calls.
  ///
  /// Runs kernel number `kernel` of the device table on a grid of blocks, with
  /// `shared_bytes` of memory for each beside what the image says. `params` are
  /// pointers to the values of its parameters, read before this returns. After
  /// an error an invocation launches nothing more.
  int32_t (*launch)(const TernHost *host, uint32_t kernel,
                    const uint32_t grid[3], uint32_t shared_bytes,
                    void *const *params, const char *label);
  /// Copies bytes between tensors that do not overlap.
  int32_t (*copy)(const TernHost *host, void *to, uint32_t to_space,
                  const void *from, uint32_t from_space, uint64_t bytes);
  /// Sets every one of `bytes` bytes.
  int32_t (*fill)(const TernHost *host, void *to, uint32_t space, uint8_t value,
                  uint64_t bytes);
};

/// One function of an artifact; "..." is its entry in the signature.
typedef struct TernFunction {
  /// sizeof(TernFunction) of the compiler.
  uint64_t size;
  const char *name;
  /// `dims`: values of "dims", in order. Writes all extents of all "outputs",
  /// in order, static ones too; then, for each of "checks", 1 if it holds for
  /// the dims. If one does not (0), the function must not be invoked with them.
  void (*shapes)(const int64_t *dims, int64_t *extents);
  /// Writes how many bytes of scratch memory invoke needs for `dims` in each of
  /// the first `num_spaces` of the artifact's memory spaces; -1 if 64 bits
  /// cannot count them. (Then one of "checks" does not hold, too.)
  void (*arena_sizes)(const int64_t *dims, uint64_t num_spaces, int64_t *bytes);
  /// Runs the function. `buffers`: "inputs", "scalars", "params", "outputs", in
  /// this order; dense, row-major, at least naturally aligned (64 bytes is
  /// preferred), outputs overlapping nothing. A scalar is one element. Params
  /// that are "donated" are read and written in place, and are not among the
  /// outputs; all others, and the inputs, are only read. `arenas`: for each
  /// memory space, that many bytes, 64-byte aligned, with any contents.
  /// Thread-safe as long as arenas, outputs and donated params differ.
  ///
  /// Returns 0; or, if an input has elements that the model is not for (an
  /// index out of range), i for "element_checks"[i - 1], which is the first
  /// that does not hold: it has run then, within its memory, but what it wrote
  /// means nothing; or the negative number that a service of the host returned.
  int32_t (*invoke)(const TernHost *host, void *const *buffers,
                    const int64_t *dims, void *const *arenas);
} TernFunction;

/// Code for one machine: what a `gpu.module` became.
typedef struct TernDeviceImage {
  /// sizeof(TernDeviceImage) of the compiler.
  uint64_t size;
  /// Whose kernels it has. Images of the same module are for different
  /// machines.
  const char *module;
  /// What the bytes are, "cuda", and the machine they are for: names that the
  /// target chose and its device knows.
  const char *kind;
  const char *machine;
  const void *bytes;
  uint64_t num_bytes;
} TernDeviceImage;

typedef struct TernDeviceKernel {
  /// sizeof(TernDeviceKernel) of the compiler.
  uint64_t size;
  const char *module;
  /// Within the module.
  const char *name;
  /// Threads of a block along x, y and z.
  uint32_t block[3];
  /// One letter for each parameter: 'p', a pointer to memory that the device
  /// reaches, or how many bytes a number has: '1', '2', '4' or '8'.
  const char *params;
} TernDeviceKernel;

/// What functions of an artifact launch.
typedef struct TernDeviceTable {
  /// sizeof(TernDeviceTable) of the compiler.
  uint64_t size;
  /// At least one of each kernel's module.
  const TernDeviceImage *const *images;
  uint64_t num_images;
  /// By their numbers.
  const TernDeviceKernel *const *kernels;
  uint64_t num_kernels;
} TernDeviceTable;

/// A compiled model. All of it lives as long as the code.
typedef struct TernArtifact {
  /// sizeof(TernArtifact) of the compiler.
  uint64_t size;
  /// TERN_ARTIFACT_ABI of the compiler. Hosts look at it first: size and abi
  /// are where they are in every version from 5 on.
  uint32_t abi;
  /// One line of JSON, NUL-terminated, described in docs/runtime.md.
  const char *signature;
  const TernFunction *const *functions;
  uint64_t num_functions;
  /// The bytes of the weights file (safetensors), 64-byte aligned, in models
  /// compiled with --embed-weights; else NULL and 0.
  const char *weights;
  uint64_t weights_size;
  /// NULL in artifacts that run on the host's processor.
  const TernDeviceTable *device;
} TernArtifact;

/// The one symbol that a model defines. `ternc --symbol-prefix=P -o X.o` calls
/// it P followed by `tern_model`, so that a program can link several.
const TernArtifact *tern_model(void);

#ifdef __cplusplus
} // extern "C"
#endif

#endif // TERN_RUNTIME_ARTIFACT_H
