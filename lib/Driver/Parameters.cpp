//===- Parameters.cpp - Where weight bytes come from ----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Driver/Parameters.h"
#include "tern/Import/ONNX/Import.h"
#include "tern/Support/SafetensorsParameters.h"

using namespace tern;

llvm::Expected<std::unique_ptr<ParameterSource>>
tern::openParameters(llvm::StringRef path) {
  if (path.ends_with_insensitive(".onnx"))
    return openONNXParameters(path);
  if (path.ends_with_insensitive(".safetensors"))
    return openSafetensorsParameters(path);
  return llvm::createStringError(
      "cannot read weights '" + llvm::Twine(path) +
      "': unknown kind of file (expected .onnx or .safetensors)");
}

std::vector<std::string> tern::listParameterFiles(llvm::StringRef path) {
  if (path.empty())
    return {};
  if (auto source = openParameters(path))
    return (*source)->files();
  else
    llvm::consumeError(source.takeError());
  return {path.str()};
}
