//===- tensor-proto.cpp - Fuzz the reader of ONNX tensors -------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../io/OnnxTensor.h"
#include "FuzzedFile.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace tern::runtime;
  FuzzedFile file(data, size);
  HostTensor tensor;
  std::string name;
  if (MaybeError error = readOnnxTensor(file.path(), tensor, name)) {
    checkMessage(*error);
    return 0;
  }
  if (byteSize(tensor.dtype, tensor.shape) != tensor.numBytes())
    __builtin_trap();
  return 0;
}
