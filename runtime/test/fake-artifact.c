/*===- fake-artifact.c - A hand-written artifact for tests --------*- C -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the compiler would write for y = x . w and count = sum of mask
// over each row: x is batch x 3 f32, w is the parameter, 3 x 2 f32, mask is
// batch x 4 bool. -DFAKE_* make broken variants. -DFAKE_ABI=4 is an artifact of
// version 4 of the interface, as far as anyone looks.
//
//===----------------------------------------------------------------------===*/

#include "tern/runtime/Artifact.h"

#include <stddef.h>

#ifdef FAKE_CUTS
#include <stdlib.h>
#include <unistd.h>
#endif

#ifndef FAKE_ABI
#define FAKE_ABI TERN_ARTIFACT_ABI
#endif
#ifndef FAKE_FEATURES
#define FAKE_FEATURES ""
#endif
#ifndef FAKE_ID
#define FAKE_ID "0123456789abcdef0123456789abcdef"
#endif
#ifndef FAKE_WEIGHTS
#define FAKE_WEIGHTS "external"
#endif
#ifndef FAKE_CHECKS
#define FAKE_CHECKS ""
#endif
#ifndef FAKE_SIGNATURE
#define TENSOR(name, role, dtype, shape)                                       \
  "{\"name\":\"" name "\",\"role\":\"" role "\",\"space\":\"host\","           \
  "\"dtype\":\"" dtype "\",\"shape\":[" shape "]}"
#define FAKE_SIGNATURE                                                                     \
  "{\"abi\":5,\"tern\":\"0.1.0\",\"model\":\"fake\",\"triple\":\"test\","                  \
  "\"features\":[" FAKE_FEATURES "],\"weights\":\"" FAKE_WEIGHTS "\","                     \
  "\"weights_id\":\"" FAKE_ID "\",\"spaces\":[\"host\"],"                                  \
  "\"tensors\":[" TENSOR(                                                                  \
      "w", "parameter", "f32",                                                             \
      "3,2") "],"                                                                          \
             "\"scalars\":[],\"functions\":{\"main\":{\"dims\":[\"batch\"],"               \
             "\"inputs\":[" TENSOR("x", "input", "f32", "\"batch\",3") "," TENSOR(         \
                 "mask", "input", "bool",                                                  \
                 "\"batch\",4") "],\"scalars\":[],"                                        \
                                "\"params\":[\"w\"],\"outputs\":[" TENSOR(                 \
                                    "y", "output", "f32",                                  \
                                    "\"batch\",2") "," TENSOR("count",                     \
                                                              "output", "i64",             \
                                                              "\"batch\"") "]" FAKE_CHECKS \
                                                                           "}"             \
                                                                           "}"             \
                                                                           "}"
#endif

static void shapes(const int64_t *dims, int64_t *extents) {
  extents[0] = dims[0];
  extents[1] = 2;
  extents[2] = dims[0];
}

static void arena_sizes(const int64_t *dims, uint64_t num_spaces,
                        int64_t *bytes) {
  if (num_spaces)
    bytes[0] = 2 * dims[0] * (int64_t)sizeof(float);
}

struct Env {
  void *const *buffers;
  float *arena;
};

#ifndef FAKE_KERNEL
static void products(void *env, int64_t begin, int64_t end) {
  const struct Env *e = env;
  const float *x = e->buffers[0], *w = e->buffers[2];
  for (int64_t i = begin; i < end; ++i)
    for (int j = 0; j < 2; ++j)
      e->arena[2 * i + j] =
          x[3 * i] * w[j] + x[3 * i + 1] * w[2 + j] + x[3 * i + 2] * w[4 + j];
}
#endif

static void counts(void *env, int64_t begin, int64_t end) {
  const struct Env *e = env;
  const unsigned char *mask = e->buffers[1];
  float *y = e->buffers[3];
  int64_t *count = e->buffers[4];
  for (int64_t i = begin; i < end; ++i) {
    y[2 * i] = e->arena[2 * i];
    y[2 * i + 1] = e->arena[2 * i + 1];
    count[i] =
        mask[4 * i] + mask[4 * i + 1] + mask[4 * i + 2] + mask[4 * i + 3];
  }
}

static int32_t invoke(const TernHost *host, void *const *buffers,
                      const int64_t *dims, void *const *arenas) {
  struct Env env = {buffers, arenas[0]};
#ifdef FAKE_CUTS
  /* Someone cuts a file that is in use. */
  if (truncate(getenv("FAKE_CUT"), 0))
    return 1;
#endif
#ifdef FAKE_WRITES_WEIGHTS
  *(float *)buffers[2] = 0;
#endif
#ifdef FAKE_KERNEL
  const void *const params[] = {&buffers[0], &buffers[2], &env.arena};
  const uint32_t grid[3] = {(uint32_t)dims[0], 1, 1};
  int32_t status = host->launch(host, 0, grid, 0, (void *const *)params, "fc1");
  if (status)
    return status;
#else
  host->parallel_for(host, products, &env, dims[0], "products");
#endif
  host->parallel_for(host, counts, &env, dims[0], "counts");
#ifdef FAKE_FAILS
  return FAKE_FAILS;
#else
  return 0;
#endif
}

#ifdef FAKE_EMBED
/* Written by the test: the bytes of the weights file as an initializer. */
#include "fake-weights.inc"
#else
#define FAKE_BYTES 0
#define FAKE_NUM_BYTES 0
#endif

/* -DFAKE_KERNEL="...": products are a kernel, whose image is that. */
#ifdef FAKE_KERNEL
static const TernDeviceImage image = {
    sizeof(image), "module", "fake", "fake1", FAKE_KERNEL, sizeof(FAKE_KERNEL)};
static const TernDeviceImage *const images[] = {&image};
static const TernDeviceKernel kernel = {
    sizeof(kernel), "module", "products", {1, 1, 4}, "ppp"};
static const TernDeviceKernel *const kernels[] = {&kernel};
static const TernDeviceTable device = {sizeof(device), images, 1, kernels, 1};
#define FAKE_DEVICE &device
#else
#define FAKE_DEVICE 0
#endif

/* -DFAKE_LATER: made by a later compiler, which added fields. */
#ifdef FAKE_LATER
#define ADDED void *added;
#define NO_MORE , 0
#else
#define ADDED
#define NO_MORE
#endif
struct Function {
  TernFunction known;
  ADDED
};
struct Artifact {
  TernArtifact known;
  ADDED
};

/* -DFAKE_SIZE=N: made by an earlier one, which has N bytes of the artifact. */
#ifndef FAKE_SIZE
#define FAKE_SIZE sizeof(struct Artifact)
#endif

#if FAKE_ABI == 4
uint32_t tern_model_abi(void) { return 4; }
#define MODEL hidden_model
#else
#define MODEL tern_model
#endif

const TernArtifact *MODEL(void) {
  static const struct Function function = {
      {sizeof(struct Function), "main", shapes, arena_sizes, invoke} NO_MORE};
  static const TernFunction *const functions[] = {&function.known};
  static const struct Artifact artifact = {
      {FAKE_SIZE, FAKE_ABI, FAKE_SIGNATURE, functions, 1, FAKE_BYTES,
       FAKE_NUM_BYTES, FAKE_DEVICE} NO_MORE};
  return &artifact.known;
}
