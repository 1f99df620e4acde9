//===- npy.cpp - Fuzz the .npy reader ---------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Npy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace tern::runtime;
  NpyHeader header;
  if (parseNpy(reinterpret_cast<const char *>(data), size, header))
    return 0;
  // What was accepted lies within the file.
  std::optional<int64_t> bytes = byteSize(header.dtype, header.shape);
  if (!bytes || header.offset + static_cast<uint64_t>(*bytes) != size)
    __builtin_trap();
  return 0;
}
