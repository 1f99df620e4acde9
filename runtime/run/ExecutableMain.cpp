//===- ExecutableMain.cpp - main() of stand-alone executables ---*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TernRun.h"

int main(int argc, char **argv) {
  TernArtifact artifact = {tern_model_abi,
                           tern_model_signature,
                           tern_model_shapes,
                           tern_model_arena_size,
                           tern_model_invoke,
                           nullptr,
                           0};
  // The embedded weights are weak: absent unless --embed-weights made them.
  if (&tern_model_weights_size) {
    artifact.weights = tern_model_weights;
    artifact.weights_size = tern_model_weights_size;
  }
  return tern_run_main(argc, argv, &artifact);
}
