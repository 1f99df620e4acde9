/*===- main.c - Run a compiled model from C ---------------------*- C -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Loads a model, runs it on zeros and prints the first elements of each
// output:
//
//   ternc model.onnx -o model.so
//   cc main.c -o run-model -ltern_rt
//   ./run-model model.so
//
//===----------------------------------------------------------------------===*/

#include <stdio.h>
#include <stdlib.h>
#include <tern/runtime/Runtime.h>

static int fail(const char *what) {
  fprintf(stderr, "error: %s: %s\n", what, tern_last_error());
  return 1;
}

/* Fills `tensor` with zeros of the given shape; 0 if there is no memory. */
static int make_tensor(DLTensor *tensor, const TernTensorInfo *info,
                       int64_t *shape) {
  size_t bytes = info->dtype.bits / 8;
  for (int32_t d = 0; d < info->ndim; ++d)
    bytes *= (size_t)shape[d];
  *tensor = (DLTensor){.data = calloc(bytes ? bytes : 1, 1),
                       .device = {kDLCPU, 0},
                       .ndim = info->ndim,
                       .dtype = info->dtype,
                       .shape = shape};
  return tensor->data != NULL;
}

enum { MAX_TENSORS = 16, MAX_RANK = 8 };

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s MODEL.so\n", argv[0]);
    return 1;
  }
  TernProgram *program;
  if (tern_program_load(argv[1], NULL, &program) != TERN_OK)
    return fail("cannot load the model");

  size_t num_inputs = tern_program_num_inputs(program);
  size_t num_outputs = tern_program_num_outputs(program);
  if (num_inputs > MAX_TENSORS || num_outputs > MAX_TENSORS) {
    fprintf(stderr, "error: more tensors than this example provides for\n");
    return 1;
  }

  /* Inputs: every symbolic extent (-1) is 1 here. */
  DLTensor inputs[MAX_TENSORS], outputs[MAX_TENSORS];
  const DLTensor *in[MAX_TENSORS], *out[MAX_TENSORS];
  int64_t in_shape[MAX_TENSORS][MAX_RANK];
  for (size_t i = 0; i < num_inputs; ++i) {
    TernTensorInfo info;
    if (tern_program_input(program, i, &info) != TERN_OK)
      return fail("input");
    if (info.ndim > MAX_RANK)
      return fail("too many dimensions");
    for (int32_t d = 0; d < info.ndim; ++d)
      in_shape[i][d] = info.shape[d] < 0 ? 1 : info.shape[d];
    if (!make_tensor(&inputs[i], &info, in_shape[i]))
      return fail("no memory");
    in[i] = &inputs[i];
  }

  /* Outputs: ask for their shapes, which follow from those of the inputs. */
  int64_t extents[MAX_TENSORS * MAX_RANK];
  size_t num_extents = 0;
  TernTensorInfo info[MAX_TENSORS];
  for (size_t i = 0; i < num_outputs; ++i) {
    if (tern_program_output(program, i, &info[i]) != TERN_OK)
      return fail("output");
    num_extents += (size_t)info[i].ndim;
    if (info[i].ndim > MAX_RANK)
      return fail("too many dimensions");
  }
  if (tern_program_output_shapes(program, in, num_inputs, extents,
                                 num_extents) != TERN_OK)
    return fail("cannot compute shapes");
  int64_t *shape = extents;
  for (size_t i = 0; i < num_outputs; ++i) {
    if (!make_tensor(&outputs[i], &info[i], shape))
      return fail("no memory");
    shape += info[i].ndim;
    out[i] = &outputs[i];
  }

  if (tern_program_invoke(program, in, num_inputs, out, num_outputs) != TERN_OK)
    return fail("cannot run the model");

  for (size_t i = 0; i < num_outputs; ++i) {
    size_t count = 1;
    for (int d = 0; d < outputs[i].ndim; ++d)
      count *= (size_t)outputs[i].shape[d];
    printf("%s:", info[i].name);
    for (size_t k = 0; k < count && k < 10; ++k) {
      if (info[i].dtype.code == kDLFloat && info[i].dtype.bits == 32)
        printf(" %g", ((const float *)outputs[i].data)[k]);
      else if (info[i].dtype.code == kDLInt && info[i].dtype.bits == 64)
        printf(" %lld", (long long)((const int64_t *)outputs[i].data)[k]);
    }
    printf("\n");
    free(outputs[i].data);
  }
  for (size_t i = 0; i < num_inputs; ++i)
    free(inputs[i].data);
  tern_program_destroy(program);
  return 0;
}
