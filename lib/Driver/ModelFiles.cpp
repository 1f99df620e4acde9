//===- ModelFiles.cpp - Open each input file once -------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Driver/ModelFiles.h"
#include "tern/Support/InputFile.h"
#include "tern/Support/SafetensorsParameters.h"

using namespace tern;
using llvm::Expected;
using llvm::StringRef;

Expected<std::shared_ptr<llvm::MemoryBuffer>>
ModelFiles::getBytes(StringRef path) {
  std::shared_ptr<llvm::MemoryBuffer> &bytes = files[path].bytes;
  if (!bytes) {
    Expected<std::unique_ptr<llvm::MemoryBuffer>> opened = openInputFile(path);
    if (!opened)
      return opened.takeError();
    bytes = std::move(*opened);
  }
  return bytes;
}

Expected<ONNXFile> ModelFiles::getONNX(StringRef path) {
  File &file = files[path];
  if (!file.onnx) {
    Expected<ONNXFile> opened = openONNX(path, file.bytes);
    if (!opened)
      return opened.takeError();
    file.onnx = std::move(*opened);
  }
  return file.onnx;
}

Expected<std::shared_ptr<ParameterSource>>
ModelFiles::getParameters(StringRef path) {
  if (std::shared_ptr<ParameterSource> known = files[path].parameters)
    return known;
  std::shared_ptr<ParameterSource> parameters;
  if (path.ends_with_insensitive(".onnx")) {
    Expected<ONNXFile> model = getONNX(path);
    if (!model)
      return model.takeError();
    parameters = getONNXParameters(std::move(*model));
  } else if (path.ends_with_insensitive(".safetensors")) {
    Expected<std::shared_ptr<llvm::MemoryBuffer>> bytes = getBytes(path);
    if (!bytes)
      return llvm::createStringError("cannot read weights '" + path.str() +
                                     "': " + llvm::toString(bytes.takeError()));
    auto read = readSafetensorsParameters(path, std::move(*bytes));
    if (!read)
      return read.takeError();
    parameters = std::move(*read);
  } else {
    return llvm::createStringError(
        "cannot read weights '" + llvm::Twine(path) +
        "': unknown kind of file (expected .onnx or .safetensors)");
  }
  files[path].parameters = parameters;
  return parameters;
}

std::shared_ptr<ParameterSource> ModelFiles::findParameters(StringRef path) {
  if (path.empty())
    return nullptr;
  auto parameters = getParameters(path);
  if (parameters)
    return *parameters;
  llvm::consumeError(parameters.takeError());
  return nullptr;
}

mlir::OwningOpRef<mlir::ModuleOp>
ModelFiles::importONNX(StringRef path, mlir::MLIRContext &context,
                       const ImportOptions &options) {
  return tern::importONNX(path, getONNX(path), context, options);
}

std::vector<std::string> ModelFiles::list(StringRef path) {
  if (path.empty())
    return {};
  if (auto source = getParameters(path))
    return (*source)->files();
  else
    llvm::consumeError(source.takeError());
  return {path.str()};
}
