//===- checkpoint.cpp - Fuzz the reader of checkpoints ----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Restores a trainer of the hand-written artifact, fake-train.c, from
// arbitrary bytes. What is taken can be trained; what is refused changes
// nothing.
//
//===----------------------------------------------------------------------===//

#include "FuzzedFile.h"
#include "tern/runtime/Trainer.h"

#include <cstring>
#include <vector>

static TernTrainer *makeTrainer() {
  TernProgramOptions options = {};
  options.size = sizeof(options);
  options.num_threads = 1;
  TernTrainer *trainer = nullptr;
  if (tern_trainer_link(tern_model(), &options, &trainer) != TERN_OK)
    std::abort();
  return trainer;
}

/// The bytes of all that a trainer has.
static std::vector<char> copyState(const TernTrainer *trainer) {
  std::vector<char> bytes;
  for (size_t i = 0; i < tern_trainer_num_state(trainer); ++i) {
    TernStateInfo info;
    if (tern_trainer_state(trainer, i, &info) != TERN_OK)
      std::abort();
    size_t size = info.tensor.dtype.bits / 8;
    for (int axis = 0; axis < info.tensor.ndim; ++axis)
      size *= static_cast<size_t>(info.tensor.shape[axis]);
    const char *data = static_cast<const char *>(info.tensor.data);
    bytes.insert(bytes.end(), data, data + size);
  }
  return bytes;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static TernTrainer *const trainer = makeTrainer();
  FuzzedFile file(data, size);
  std::vector<char> before = copyState(trainer);
  int64_t step = tern_trainer_step(trainer);
  if (tern_trainer_restore(trainer, file.path().c_str()) != TERN_OK) {
    checkMessage(tern_last_error());
    if (copyState(trainer) != before || tern_trainer_step(trainer) != step)
      __builtin_trap();
    return 0;
  }
  float x[2 * 6] = {1}, loss = 0;
  int64_t labels[2] = {0, 2}, shape[] = {2, 6};
  DLTensor in = {x, {kDLCPU, 0}, 2, {kDLFloat, 32, 1}, shape, nullptr, 0};
  DLTensor y = {labels, {kDLCPU, 0}, 1, {kDLInt, 64, 1}, shape, nullptr, 0};
  const DLTensor *inputs[] = {&in, &y};
  // It may say no, as of a number of steps at its end.
  if (tern_trainer_train_step(trainer, inputs, 2, &loss) != TERN_OK)
    checkMessage(tern_last_error());
  return 0;
}
