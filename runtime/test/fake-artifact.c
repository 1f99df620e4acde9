/*===- fake-artifact.c - A hand-written artifact for tests ---------*- C
-*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the compiler would write for y = x . w and count = sum of mask
// over each row: x is batch x 3 f32, w is the parameter, 3 x 2 f32, mask is
// batch x 4 bool. -DFAKE_* make broken variants.
//
//===----------------------------------------------------------------------===*/

#include "tern/runtime/Artifact.h"

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
#define FAKE_SIGNATURE                                                         \
  "{\"abi\":4,\"tern\":\"0.1.0\",\"model\":\"fake\",\"triple\":\"test\","      \
  "\"features\":[" FAKE_FEATURES "],\"weights\":\"" FAKE_WEIGHTS "\","         \
  "\"weights_id\":\"" FAKE_ID "\",\"dims\":[\"batch\"],"                       \
  "\"inputs\":[{\"name\":\"x\",\"dtype\":\"f32\",\"shape\":[\"batch\",3]},"    \
  "{\"name\":\"mask\",\"dtype\":\"bool\",\"shape\":[\"batch\",4]}],"           \
  "\"params\":[{\"name\":\"w\",\"dtype\":\"f32\",\"shape\":[3,2]}],"           \
  "\"outputs\":[{\"name\":\"y\",\"dtype\":\"f32\",\"shape\":[\"batch\",2]},"   \
  "{\"name\":\"count\",\"dtype\":\"i64\",\"shape\":[\"batch\"]}]" FAKE_CHECKS  \
  "}"
#endif

uint32_t tern_model_abi(void) { return FAKE_ABI; }

const char *tern_model_signature(void) { return FAKE_SIGNATURE; }

void tern_model_shapes(const int64_t *dims, int64_t *extents) {
  extents[0] = dims[0];
  extents[1] = 2;
  extents[2] = dims[0];
}

int64_t tern_model_arena_size(const int64_t *dims) {
  return 2 * dims[0] * (int64_t)sizeof(float);
}

struct Env {
  void *const *buffers;
  float *arena;
};

static void products(void *env, int64_t begin, int64_t end) {
  const struct Env *e = env;
  const float *x = e->buffers[0], *w = e->buffers[2];
  for (int64_t i = begin; i < end; ++i)
    for (int j = 0; j < 2; ++j)
      e->arena[2 * i + j] =
          x[3 * i] * w[j] + x[3 * i + 1] * w[2 + j] + x[3 * i + 2] * w[4 + j];
}

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

int32_t tern_model_invoke(const TernHost *host, void *const *buffers,
                          const int64_t *dims, void *arena) {
  struct Env env = {buffers, arena};
#ifdef FAKE_CUTS
  /* Someone cuts a file that is in use. */
  if (truncate(getenv("FAKE_CUT"), 0))
    return 1;
#endif
#ifdef FAKE_WRITES_WEIGHTS
  *(float *)buffers[2] = 0;
#endif
  host->parallel_for(host, products, &env, dims[0], "products");
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
#endif
