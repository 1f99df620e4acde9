/*===- fake-cache.c - A hand-written artifact with state ----------*- C -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the compiler would write for two functions over one cache: `append` puts
// x behind `length` - 1 numbers and gives the sum of all `length`; `sum` gives
// that of what is there. A negative x is found out too late.
//
//===----------------------------------------------------------------------===*/

#include "tern/runtime/Artifact.h"

#define SIGNATURE                                                              \
  "{\"abi\":5,\"tern\":\"0.2.0\",\"model\":\"cache\",\"triple\":\"test\","     \
  "\"features\":[],\"weights\":\"none\",\"weights_id\":\"\","                  \
  "\"spaces\":[\"host\"],\"tensors\":[{\"name\":\"cache\","                    \
  "\"role\":\"state\",\"space\":\"host\",\"dtype\":\"f32\","                   \
  "\"shape\":[\"capacity\"],\"init\":0.5}],\"scalars\":[{"                     \
  "\"name\":\"length\",\"role\":\"scalar\",\"space\":\"host\","                \
  "\"dtype\":\"i64\",\"shape\":[],\"bound\":[1,\"capacity\"]}],"               \
  "\"functions\":{\"append\":{\"dims\":[\"capacity\"],"                        \
  "\"element_checks\":[\"the length\",\"x must not be negative\"],"            \
  "\"scalar_checks\":1,\"inputs\":[{\"name\":\"x\",\"role\":\"input\","        \
  "\"space\":\"host\",\"dtype\":\"f32\",\"shape\":[]}],"                       \
  "\"scalars\":[\"length\"],\"params\":[\"cache\"],"                           \
  "\"donated\":[\"cache\"],\"outputs\":[" TOTAL "]},"                          \
  "\"sum\":{\"dims\":[\"capacity\"],\"inputs\":[],"                            \
  "\"scalars\":[\"length\"],\"params\":[\"cache\"],\"donated\":[],"            \
  "\"outputs\":[" TOTAL "]}}}"
#define TOTAL                                                                  \
  "{\"name\":\"total\",\"role\":\"output\",\"space\":\"host\","                \
  "\"dtype\":\"f32\",\"shape\":[]}"

static void shapes(const int64_t *dims, int64_t *extents) {
  (void)dims;
  (void)extents;
}

static void arena_sizes(const int64_t *dims, uint64_t num_spaces,
                        int64_t *bytes) {
  if (num_spaces)
    bytes[0] = 8 * dims[0];
}

static float add(const float *cache, int64_t length) {
  float total = 0;
  for (int64_t i = 0; i < length; ++i)
    total += cache[i];
  return total;
}

static int32_t append(const TernHost *host, void *const *buffers,
                      const int64_t *dims, void *const *arenas) {
  float x = *(const float *)buffers[0];
  int64_t length = *(const int64_t *)buffers[1];
  float *cache = buffers[2];
  (void)host;
  (void)arenas;
  if (length < 1 || length > dims[0])
    return 1;
  cache[length - 1] = x;
  *(float *)buffers[3] = add(cache, length);
  return x < 0 ? 2 : 0;
}

static int32_t sum(const TernHost *host, void *const *buffers,
                   const int64_t *dims, void *const *arenas) {
  (void)host;
  (void)dims;
  (void)arenas;
  *(float *)buffers[2] = add(buffers[1], *(const int64_t *)buffers[0]);
  return 0;
}

const TernArtifact *tern_model(void) {
  static const TernFunction append_function = {
      sizeof(append_function), "append", shapes, arena_sizes, append};
  static const TernFunction sum_function = {sizeof(sum_function), "sum", shapes,
                                            arena_sizes, sum};
  static const TernFunction *const functions[] = {&append_function,
                                                  &sum_function};
  static const TernArtifact artifact = {
      sizeof(artifact), TERN_ARTIFACT_ABI, SIGNATURE, functions, 2, 0, 0, 0};
  return &artifact;
}
