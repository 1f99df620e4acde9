//===- signature.cpp - Fuzz the parser of signatures -----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Signature.h"
#include "FuzzedFile.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace tern::runtime;
  std::string text(reinterpret_cast<const char *>(data), size);
  Signature signature;
  if (MaybeError error = parseSignature(text.c_str(), signature))
    checkMessage(*error);
  return 0;
}
