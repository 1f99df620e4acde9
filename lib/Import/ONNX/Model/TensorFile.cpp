//===- TensorFile.cpp - Read files of --constant-input --------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "tern/Support/InputFile.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Endian.h"

using namespace tern::onnx_import;
using llvm::createStringError;
using llvm::Expected;
using llvm::StringRef;
using llvm::Twine;

// They end up as constants in the IR.
static constexpr size_t maxBytes = 64 * 1024;

/// The value of a key in the header of a .npy file, a Python dictionary.
static StringRef getHeaderValue(StringRef header, StringRef key) {
  auto [before, after] = header.split(("'" + key + "':").str());
  return after.ltrim();
}

/// Reads NumPy's format, version 1 to 3, C order, little-endian.
static Expected<onnx::TensorProto> readNpy(StringRef file) {
  auto malformed = [](const Twine &why) {
    return createStringError("not a usable .npy file: " + why);
  };
  StringRef rest = file;
  if (!rest.consume_front("\x93NUMPY") || rest.size() < 6)
    return malformed("bad magic string");
  bool isLong = rest[0] >= 2;
  size_t headerSize = isLong ? llvm::support::endian::read32le(rest.data() + 2)
                             : llvm::support::endian::read16le(rest.data() + 2);
  rest = rest.drop_front(isLong ? 6 : 4);
  if (headerSize > rest.size())
    return malformed("truncated");
  StringRef header = rest.take_front(headerSize);
  StringRef data = rest.drop_front(headerSize);

  onnx::TensorProto tensor;
  StringRef descr = getHeaderValue(header, "descr").drop_while([](char c) {
    return c == '\'';
  });
  int type = llvm::StringSwitch<int>(
                 descr.take_until([](char c) { return c == '\''; }))
                 .Case("<f4", onnx::TensorProto::FLOAT)
                 .Case("<f8", onnx::TensorProto::DOUBLE)
                 .Case("<f2", onnx::TensorProto::FLOAT16)
                 .Case("|i1", onnx::TensorProto::INT8)
                 .Case("<i2", onnx::TensorProto::INT16)
                 .Case("<i4", onnx::TensorProto::INT32)
                 .Case("<i8", onnx::TensorProto::INT64)
                 .Case("|u1", onnx::TensorProto::UINT8)
                 .Case("<u2", onnx::TensorProto::UINT16)
                 .Case("<u4", onnx::TensorProto::UINT32)
                 .Case("<u8", onnx::TensorProto::UINT64)
                 .Case("|b1", onnx::TensorProto::BOOL)
                 .Default(0);
  if (!type)
    return malformed("unknown element type");
  tensor.set_data_type(type);
  if (!getHeaderValue(header, "fortran_order").starts_with("False"))
    return malformed("it is in Fortran order");
  StringRef shape = getHeaderValue(header, "shape");
  if (!shape.consume_front("(") || !shape.contains(')'))
    return malformed("no shape");
  llvm::SmallVector<StringRef> extents;
  shape.take_until([](char c) { return c == ')'; })
      .split(extents, ',', -1, /*KeepEmpty=*/false);
  for (StringRef extent : extents) {
    int64_t value;
    if (extent.trim().empty())
      continue;
    if (extent.trim().getAsInteger(10, value))
      return malformed("bad shape");
    tensor.add_dims(value);
  }
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
