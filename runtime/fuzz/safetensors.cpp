//===- safetensors.cpp - Fuzz the safetensors reader ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/runtime/Safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace tern::runtime;
  const char *begin = reinterpret_cast<const char *>(data);
  SafetensorsIndex index;
  if (parseSafetensors(begin, size, index))
    return 0;
  // What was accepted lies within the file and is as large as its shape.
  for (const auto &[name, view] : index.tensors) {
    std::optional<int64_t> bytes = byteSize(view.dtype, view.shape);
    if (!bytes || static_cast<uint64_t>(*bytes) != view.size ||
        view.data < begin || view.data + view.size > begin + size)
      __builtin_trap();
  }
  return 0;
}
