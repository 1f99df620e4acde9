/* Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A host of two models, layer.mlir with weights of their own in them, that
// knows nothing but Artifact.h. Prints what each gives for ones.
*/

#include "tern/runtime/Artifact.h"

#include <stdio.h>
#include <string.h>

const TernArtifact *first_tern_model(void);
const TernArtifact *second_tern_model(void);

static void serial(const TernHost *host,
                   void (*body)(void *env, int64_t begin, int64_t end),
                   void *env, int64_t n, const char *label) {
  (void)host;
  (void)label;
  if (n > 0)
    body(env, 0, n);
}

/* The struct of a later version: what it adds is the host's affair. */
struct LaterHost {
  TernHost known;
  void *added;
};

static int run(const TernArtifact *model) {
  static union {
    double alignment;
    char bytes[1 << 16];
  } arena;
  struct LaterHost host;
  const TernFunction *function;
  const int64_t dims[] = {1};
  int64_t extents[64], size = -1;
  float x[] = {1, 1, 1, 1}, w[12], y[3];
  void *buffers[3], *arenas[1];
  int32_t status;

  if (model->abi != TERN_ARTIFACT_ABI || model->num_functions != 1 ||
      model->device || model->weights_size < sizeof(w))
    return 1;
  function = model->functions[0];
  /* The only parameter is the end of the file. */
  memcpy(w, model->weights + model->weights_size - sizeof(w), sizeof(w));
  function->shapes(dims, extents);
  function->arena_sizes(dims, 1, &size);
  if (extents[0] != 1 || extents[1] != 3 || size < 0 ||
      size > (int64_t)sizeof(arena) - 64)
    return 2;

  memset(&host, 0, sizeof(host));
  host.known.size = sizeof(host);
  host.known.num_threads = 1;
  host.known.parallel_for = serial;
  buffers[0] = x;
  buffers[1] = w;
  buffers[2] = y;
  arenas[0] = arena.bytes + (64 - (uintptr_t)arena.bytes % 64) % 64;
  status = function->invoke(&host.known, buffers, dims, arenas);
  if (status)
    return 3;
  printf("%s: %g %g %g\n", function->name, (double)y[0], (double)y[1],
         (double)y[2]);
  return 0;
}

int main(void) {
  int failed = run(first_tern_model());
  return failed ? failed : run(second_tern_model());
}
