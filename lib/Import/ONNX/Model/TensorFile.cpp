//===- TensorFile.cpp - Read files of --constant-input --------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "io/Npy.h"
#include "tern/Support/InputFile.h"
#include "llvm/ADT/StringExtras.h"

using namespace tern::onnx_import;
using llvm::createStringError;
using llvm::Expected;
using llvm::StringRef;

// They end up as constants in the IR.
static constexpr size_t maxBytes = 64 * 1024;

/// Reads NumPy's format.
static Expected<onnx::TensorProto> readNpy(StringRef file) {
  tern::runtime::NpyHeader header;
  if (auto error = tern::runtime::parseNpy(file.data(), file.size(), header))
    return createStringError("not a usable .npy file: " + *error);
  onnx::TensorProto tensor;
  tensor.set_data_type(tern::runtime::elementType(header.dtype).onnx);
  for (int64_t extent : header.shape)
    tensor.add_dims(extent);
  StringRef data = file.drop_front(header.offset);
  tensor.set_raw_data(data.data(), data.size());
  return tensor;
}

Expected<onnx::TensorProto> tern::onnx_import::readTensorFile(StringRef path) {
  auto buffer = tern::openInputFile(path, /*orPipe=*/true);
  if (!buffer)
    return createStringError("cannot read " + quote(path) + ": " +
                             llvm::toString(buffer.takeError()));
  StringRef file = (*buffer)->getBuffer();
  if (file.size() > maxBytes + 1024)
    return createStringError(quote(path) +
                             " is too big: constant inputs may have 64 KiB");
  if (path.ends_with_insensitive(".npy")) {
    Expected<onnx::TensorProto> tensor = readNpy(file);
    if (!tensor)
      return createStringError(quote(path) + ": " +
                               llvm::toString(tensor.takeError()));
    return tensor;
  }
  onnx::TensorProto tensor;
  if (!tensor.ParsePartialFromArray(file.data(), static_cast<int>(file.size())))
    return createStringError(quote(path) + " is not an ONNX tensor");
  if (tensor.data_location() == onnx::TensorProto::EXTERNAL)
    return createStringError(quote(path) + " has external data");
  return tensor;
}
