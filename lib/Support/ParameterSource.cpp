//===- ParameterSource.cpp - Where weight bytes come from -----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Support/ParameterSource.h"
#include "tern/Import/ONNX/Import.h"

using namespace tern;

ParameterSource::~ParameterSource() = default;

llvm::Expected<std::unique_ptr<ParameterSource>>
ParameterSource::open(llvm::StringRef path) {
  // One line a format: further ones (.safetensors) join here.
  if (path.ends_with_insensitive(".onnx"))
    return openONNXParameters(path);
  return llvm::createStringError(
      llvm::Twine(path) + ": unknown kind of weights file (expected .onnx)");
}
