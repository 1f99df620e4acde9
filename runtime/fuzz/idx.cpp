//===- idx.cpp - Fuzz the IDX reader ----------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Idx.h"
#include "FuzzedFile.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace tern::runtime;
  FuzzedFile file(data, size);
  HostTensor tensor;
  if (MaybeError error = readIdx(file.path(), tensor)) {
    checkMessage(*error);
    return 0;
  }
  // What was accepted has all of its elements.
  if (byteSize(tensor.dtype, tensor.shape) != tensor.numBytes())
    __builtin_trap();
  return 0;
}
