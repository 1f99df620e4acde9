/*===- fake-train.c - A hand-written training artifact ------------*- C -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the compiler would write for softmax regression with momentum, and a
// gain that is frozen:
//
//   logits = x . (gain * w) + b;  m' = 0.9 m + dw;  w' = (1 - lr wd) w - lr m'
//
// x is batch x 6 f32, w is 6 x 3 (-DFAKE_TEXT: x is batch x 4 i64, the logits
// are those of a bigram: w[x] for each position, w is 16 x 16, b is 16; lr has
// no default). In train_step_float dw is scaled by lambda + 1, so that tests
can
// tell (-DFAKE_NO_FLOAT: there is none). The sum over the batch has a fixed
order; only rows run in parallel.
//
//===----------------------------------------------------------------------===*/

#include "tern/runtime/Artifact.h"

#ifdef FAKE_CUTS
#include <stdlib.h>
#include <unistd.h>
#endif

#include <math.h>
#include <string.h>

#ifdef FAKE_TEXT
#define IN 16
#define CLASSES 16
#define CONTEXT 4
#define X_TYPE "\"i64\",\"shape\":[\"batch\",4]"
#define LABEL_SHAPE "\"batch\",4"
#define OUT_SHAPE "\"batch\",4,16"
#define W_SHAPE "16,16"
#define B_SHAPE "16"
#define LR_DEFAULT ""
typedef int64_t Input;
#else
#define IN 6
#define CLASSES 3
#define CONTEXT 1
#ifdef FAKE_U8
typedef uint8_t Input;
#define X_TYPE "\"u8\",\"shape\":[\"batch\",2,3]"
#else
typedef float Input;
#define X_TYPE "\"f32\",\"shape\":[\"batch\",6]"
#endif
#define LABEL_SHAPE "\"batch\""
#define OUT_SHAPE "\"batch\",3"
#define W_SHAPE "6,3"
#define B_SHAPE "3"
#define LR_DEFAULT ",\"default\":0.1"
#endif

#ifndef FAKE_FINGERPRINT
#define FAKE_FINGERPRINT "00112233"
#endif
#ifndef FAKE_OPTIMIZER
#define FAKE_OPTIMIZER "momentum"
#endif

// clang-format off
#define TENSOR(name, role, type)                                               \
  "{\"name\":\"" name "\",\"role\":\"" role "\",\"space\":\"host\",\"dtype\":"  \
  type "}"
#define X TENSOR("x", "input", X_TYPE)
#define LABELS                                                                 \
  TENSOR("labels", "input", "\"i64\",\"shape\":[" LABEL_SHAPE "]")
#define LOGITS                                                                 \
  TENSOR("logits", "output", "\"f32\",\"shape\":[" OUT_SHAPE "]")
#define NUMBER(name) TENSOR(name, "output", "\"f32\",\"shape\":[]")

#define STATE(name, role, shape, more)                                         \
  "{\"name\":\"" name "\",\"role\":\"" role "\",\"space\":\"host\","           \
  "\"dtype\":\"f32\","                                                          \
  "\"shape\":[" shape "]," more "}"
#define STATES                                                                 \
  STATE("w", "parameter", W_SHAPE, "\"trainable\":true") ","                       \
  STATE("b", "parameter", B_SHAPE, "\"init\":0.0") ","                             \
  STATE("gain", "parameter", "", "\"trainable\":false,\"init\":1") ","             \
  STATE("w/m", "state", W_SHAPE, "\"init\":0.0") ","                           \
  STATE("b/m", "state", B_SHAPE, "\"init\":0.0")

#define SCALAR(name, type, more)                                               \
  "{\"name\":\"" name "\",\"role\":\"scalar\",\"space\":\"host\","             \
  "\"dtype\":\"" type "\"" more "}"
#define SCALARS                                                                \
  SCALAR("lr", "f32", LR_DEFAULT) ","                                          \
  SCALAR("weight_decay", "f32", ",\"default\":0") ","                          \
  SCALAR("step", "i64", "") ","                                                \
  SCALAR("lambda", "f32", ",\"default\":1")

#define FUNCTION(name, inputs, scalars, params, outputs)                       \
  "\"" name "\":{\"dims\":[\"batch\"],\"inputs\":[" inputs "],"                 \
  "\"scalars\":[" scalars "],\"params\":[" params "],"                         \
  "\"outputs\":[" outputs "]}"
#define STEP(name)                                                             \
  FUNCTION(name, X "," LABELS,                                                 \
           "\"lr\",\"weight_decay\",\"step\",\"lambda\"",                      \
           "\"w\",\"b\",\"gain\",\"w/m\",\"b/m\"],"                            \
           "\"donated\":[\"w\",\"b\",\"w/m\",\"b/m\"",                         \
           NUMBER("loss") "," NUMBER("grad_norm"))
#define PARAMS "\"w\",\"b\",\"gain\""

#define SIGNATURE                                                              \
  "{\"abi\":5,\"tern\":\"0.1.0\",\"model\":\"fake\","    \
  "\"triple\":\"test\",\"features\":[],\"weights\":\"external\","              \
  "\"weights_id\":\"0123456789abcdef0123456789abcdef\","                       \
  "\"loss\":\"softmax-cross-entropy\",\"optimizer\":\"" FAKE_OPTIMIZER "\","   \
  "\"fingerprint\":\"" FAKE_FINGERPRINT "\",\"ignore_index\":-100,"            \
  "\"spaces\":[\"host\"],\"tensors\":[" STATES "],\"scalars\":[" SCALARS "],\"functions\":{"           \
  FUNCTION("forward", X, "", PARAMS, LOGITS) ","                               \
  FUNCTION("eval_step", X "," LABELS, "", PARAMS, NUMBER("loss") "," LOGITS)   \
  "," STEP("train_step") STEP_FLOAT "}}"
#ifdef FAKE_NO_FLOAT
#define STEP_FLOAT ""
#else
#define STEP_FLOAT "," STEP("train_step_float")
#endif
// clang-format on

struct Env {
  const Input *x;
  const float *w, *b;
  float gain;
  float *logits;
};

static void rows(void *env, int64_t begin, int64_t end) {
  const struct Env *e = env;
  for (int64_t r = begin; r < end; ++r)
    for (int c = 0; c < CLASSES; ++c) {
      float sum = e->b[c];
#ifdef FAKE_TEXT
      sum += e->gain * e->w[e->x[r] * CLASSES + c];
#else
      for (int k = 0; k < IN; ++k)
        sum += (float)e->x[r * IN + k] * e->gain * e->w[k * CLASSES + c];
#endif
      e->logits[r * CLASSES + c] = sum;
    }
}

/* Mean loss; replaces the logits by their gradient if `gradient`. */
static float loss(float *logits, const int64_t *labels, int64_t n, float *out) {
  double sum = 0;
  int64_t count = 0;
  for (int64_t r = 0; r < n; ++r)
    count += labels[r] != -100;
  for (int64_t r = 0; r < n; ++r) {
    const float *row = logits + r * CLASSES;
    float max = row[0], total = 0;
    for (int c = 1; c < CLASSES; ++c)
      max = fmaxf(max, row[c]);
    for (int c = 0; c < CLASSES; ++c)
      total += expf(row[c] - max);
    int used = labels[r] != -100;
    if (used)
      sum += logf(total) + max - row[labels[r]];
    for (int c = 0; out && c < CLASSES; ++c)
      out[r * CLASSES + c] =
          used ? (expf(row[c] - max) / total - (c == labels[r])) / (float)count
               : 0;
  }
  return (float)(sum / (double)count);
}

#define SHAPES_OF_BATCH(extents)                                               \
  do {                                                                         \
    *(extents)++ = dims[0];                                                    \
    if (CONTEXT > 1)                                                           \
      *(extents)++ = CONTEXT;                                                  \
    *(extents)++ = CLASSES;                                                    \
  } while (0)

static void no_arena(const int64_t *dims, uint64_t num_spaces, int64_t *bytes) {
  if (num_spaces)
    bytes[0] = 0;
}

static void output_shapes(const int64_t *dims, int64_t *extents) {
  SHAPES_OF_BATCH(extents);
}
static int32_t forward(const TernHost *host, void *const *buffers,
                       const int64_t *dims, void *const *arenas) {
  struct Env env = {buffers[0], buffers[1], buffers[2],
                    *(const float *)buffers[3], buffers[4]};
  host->parallel_for(host, rows, &env, dims[0] * CONTEXT, "rows");
  return 0;
}

static int32_t eval_step(const TernHost *host, void *const *buffers,
                         const int64_t *dims, void *const *arenas) {
  struct Env env = {buffers[0], buffers[2], buffers[3],
                    *(const float *)buffers[4], buffers[6]};
  host->parallel_for(host, rows, &env, dims[0] * CONTEXT, "rows");
  *(float *)buffers[5] =
      loss(env.logits, buffers[1], dims[0] * CONTEXT, (float *)0);
  return 0;
}

static void step(const TernHost *host, void *const *buffers,
                 const int64_t *dims, void *arena, float factor) {
  int64_t n = dims[0] * CONTEXT;
  const Input *x = buffers[0];
  const int64_t *labels = buffers[1];
  float lr = *(const float *)buffers[2], wd = *(const float *)buffers[3];
  int64_t count = *(const int64_t *)buffers[4];
  float *w = buffers[6], *b = buffers[7], *wm = buffers[9], *bm = buffers[10];
  float gain = *(const float *)buffers[8];
  float *gradient = arena, dw[IN * CLASSES], db[CLASSES], norm = 0;
  struct Env env = {x, w, b, gain, gradient};
  host->parallel_for(host, rows, &env, n, "rows");
  *(float *)buffers[11] = loss(gradient, labels, n, gradient);
  memset(dw, 0, sizeof(dw));
  memset(db, 0, sizeof(db));
  for (int64_t r = 0; r < n; ++r)
    for (int c = 0; c < CLASSES; ++c) {
      float g = gradient[r * CLASSES + c];
      db[c] += g;
#ifdef FAKE_TEXT
      dw[x[r] * CLASSES + c] += gain * g;
#else
      for (int k = 0; k < IN; ++k)
        dw[k * CLASSES + c] += gain * (float)x[r * IN + k] * g;
#endif
    }
  for (int i = 0; i < IN * CLASSES; ++i) {
    norm += dw[i] * dw[i];
    wm[i] = 0.9f * wm[i] + factor * dw[i];
    w[i] = (1 - lr * wd) * w[i] - lr * wm[i];
  }
  for (int c = 0; c < CLASSES; ++c) {
    bm[c] = 0.9f * bm[c] + factor * db[c];
    b[c] -= lr * bm[c];
  }
#ifdef FAKE_CUTS
  /* Someone cuts a file that is in use. */
  if (count == FAKE_CUTS && getenv("FAKE_CUT") &&
      truncate(getenv("FAKE_CUT"), 0))
    *(float *)buffers[11] = NAN;
#endif
#ifdef FAKE_NAN
  if (count == FAKE_NAN) {
    b[1] = NAN;
    *(float *)buffers[11] = NAN;
  }
#endif
  (void)count;
  *(float *)buffers[12] = sqrtf(norm);
}

static void no_shapes(const int64_t *dims, int64_t *extents) {}
static void step_arena(const int64_t *dims, uint64_t num_spaces,
                       int64_t *bytes) {
  if (num_spaces)
    bytes[0] = dims[0] * CONTEXT * CLASSES * (int64_t)sizeof(float);
}
static int32_t train_step(const TernHost *host, void *const *buffers,
                          const int64_t *dims, void *const *arenas) {
  step(host, buffers, dims, arenas[0], 1);
#ifdef FAKE_FAILS
  return *(const int64_t *)buffers[4] == FAKE_FAILS;
#else
  return 0;
#endif
}
static int32_t train_step_float(const TernHost *host, void *const *buffers,
                                const int64_t *dims, void *const *arenas) {
  step(host, buffers, dims, arenas[0], 1 + *(const float *)buffers[5]);
  return 0;
}

const TernArtifact *tern_model(void) {
#define SIZE sizeof(TernFunction)
  static const TernFunction all[] = {
      {SIZE, "forward", output_shapes, no_arena, forward},
      {SIZE, "eval_step", output_shapes, no_arena, eval_step},
      {SIZE, "train_step", no_shapes, step_arena, train_step},
      {SIZE, "train_step_float", no_shapes, step_arena, train_step_float}};
  static const TernFunction *const functions[] = {&all[0], &all[1], &all[2],
                                                  &all[3]};
#ifdef FAKE_NO_FLOAT
  enum { count = 3 };
#else
  enum { count = 4 };
#endif
  static const TernArtifact artifact = {sizeof(artifact),
                                        TERN_ARTIFACT_ABI,
                                        SIGNATURE,
                                        functions,
                                        count,
                                        0,
                                        0,
                                        0};
  return &artifact;
}
