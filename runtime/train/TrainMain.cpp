//===- TrainMain.cpp - main() of training executables ----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TernTrain.h"

#define FUNCTION(name)                                                         \
  {#name, tern_model_##name##_shapes, tern_model_##name##_arena_size,          \
   tern_model_##name##_invoke}

int main(int argc, char **argv) {
  const TernFunction functions[] = {
      FUNCTION(forward),
      FUNCTION(eval_step),
      FUNCTION(train_step),
      // Weak: null in models with nothing quantized.
      FUNCTION(train_step_float),
  };
  TernTrainArtifact artifact = {
      tern_model_abi, tern_model_signature,
      functions,      sizeof(functions) / sizeof(functions[0]),
      nullptr,        0};
  if (&tern_model_weights_size) {
    artifact.weights = tern_model_weights;
    artifact.weights_size = tern_model_weights_size;
  }
  return tern_train_main(argc, argv, &artifact);
}
