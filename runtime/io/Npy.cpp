//===- Npy.cpp - Read and write NumPy's .npy files --------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The format is described in NumPy's documentation, "numpy.lib.format". Its
// header is a Python dictionary with the keys descr, fortran_order and shape.
//
//===----------------------------------------------------------------------===//

#include "Npy.h"
#include "ElementType.h"
#include "MappedFile.h"
#include "tern/runtime/AtomicFile.h"

#include <cstring>
#include <string_view>

using namespace tern::runtime;

static constexpr std::string_view magic = "\x93NUMPY";

namespace {
/// Reads the dictionary, and nothing else that Python would accept.
class DictParser {
public:
  explicit DictParser(std::string_view text) : text(text) {}

  MaybeError parse(NpyHeader &header);

private:
  void skipSpace() {
    while (!text.empty() && (text[0] == ' ' || text[0] == '\n'))
      text.remove_prefix(1);
  }
  bool eat(std::string_view token) {
    skipSpace();
    if (text.substr(0, token.size()) != token)
      return false;
    text.remove_prefix(token.size());
    return true;
  }
  bool parseString(std::string_view &value);
  bool parseShape(std::vector<int64_t> &shape);
  MaybeError parseDescr(DType &dtype);

  std::string_view text;
};
} // namespace

bool DictParser::parseString(std::string_view &value) {
  skipSpace();
  if (text.empty() || (text[0] != '\'' && text[0] != '"'))
    return false;
  size_t end = text.find(text[0], 1);
  if (end == std::string_view::npos)
    return false;
  value = text.substr(1, end - 1);
  text.remove_prefix(end + 1);
  return true;
}

bool DictParser::parseShape(std::vector<int64_t> &shape) {
  if (!eat("("))
    return false;
  while (!eat(")")) {
    skipSpace();
    int64_t extent = 0;
    if (!takeExtent(text, extent))
      return false;
    shape.push_back(extent);
    if (!eat(",")) {
      // Only a trailing comma makes a tuple of one: (3) is a number.
      if (shape.size() == 1)
        return false;
      if (!eat(")"))
        return false;
      return true;
    }
  }
  return true;
}

MaybeError DictParser::parseDescr(DType &dtype) {
  skipSpace();
  if (!text.empty() && text[0] == '[')
    return "structured arrays are not supported";
  std::string_view descr;
  if (!parseString(descr) || descr.size() < 2)
    return "its header has a malformed descr";
  if (descr[0] == '>' && descr.back() != '1')
    return "it is big-endian; save it as little-endian (in NumPy: "
           "a.astype(a.dtype.newbyteorder('<')))";
  for (size_t i = 0; i < numDTypes; ++i) {
    dtype = static_cast<DType>(i);
    if (descr.substr(1) == elementType(dtype).npy &&
        std::string_view("<|=>").find(descr[0]) != std::string_view::npos)
      return std::nullopt;
  }
  return "its dtype '" + std::string(descr) + "' is not supported";
}

MaybeError DictParser::parse(NpyHeader &header) {
  bool hasDescr = false, hasOrder = false, hasShape = false;
  if (!eat("{"))
    return "its header is not a dictionary";
  while (!eat("}")) {
    std::string_view key;
    if (!parseString(key) || !eat(":"))
      return "its header is malformed";
    if (key == "descr" && !hasDescr) {
      hasDescr = true;
      if (MaybeError error = parseDescr(header.dtype))
        return error;
    } else if (key == "fortran_order" && !hasOrder) {
      hasOrder = true;
      if (eat("True"))
        return "it is in Fortran order; save it in C order (in NumPy: "
               "numpy.ascontiguousarray(a))";
      if (!eat("False"))
        return "its header has a malformed fortran_order";
    } else if (key == "shape" && !hasShape) {
      hasShape = true;
      if (!parseShape(header.shape))
        return "its header has a malformed shape";
    } else {
      return "its header has an unexpected key '" + std::string(key) + "'";
    }
    if (!eat(",")) {
      if (!eat("}"))
        return "its header is malformed";
      break;
    }
  }
  skipSpace();
  if (!text.empty())
    return "its header goes on after the dictionary";
  if (!hasDescr || !hasOrder || !hasShape)
    return "its header lacks descr, fortran_order or shape";
  return std::nullopt;
}

MaybeError tern::runtime::parseNpy(const char *data, uint64_t size,
                                   NpyHeader &header) {
  header = NpyHeader{DType::F32, {}, 0};
  std::string_view file(data, size);
  if (file.substr(0, magic.size()) != magic)
    return "it is not a .npy file";
  if (size < 10)
    return "it is truncated";
  unsigned version = static_cast<unsigned char>(data[6]);
  if (version < 1 || version > 3)
    return "its format version " + std::to_string(version) +
           " is not supported";
  uint64_t length = 0;
  uint64_t lengthBytes = version == 1 ? 2 : 4;
  uint64_t start = 8 + lengthBytes;
  if (size < start)
    return "it is truncated";
  std::memcpy(&length, data + 8, lengthBytes);
  if (length > size - start)
    return "its header is truncated";
  if (MaybeError error = DictParser(file.substr(start, length)).parse(header))
    return error;
  header.offset = start + length;

  std::optional<int64_t> bytes = byteSize(header.dtype, header.shape);
  if (!bytes)
    return "the size of its shape overflows";
  uint64_t present = size - header.offset;
  if (static_cast<uint64_t>(*bytes) != present)
    return "an array of type " + typeString(header.dtype, header.shape) +
           " takes " + std::to_string(*bytes) + " bytes, but it has " +
           std::to_string(present);
  return std::nullopt;
}

MaybeError tern::runtime::readNpy(const std::string &path, HostTensor &tensor) {
  auto file = std::make_shared<MappedFile>();
  if (MaybeError error = file->open(path))
    return error;
  return readNpy(path, file, tensor);
}

MaybeError tern::runtime::readNpy(const std::string &path,
                                  const std::shared_ptr<const MappedFile> &file,
                                  HostTensor &tensor) {
  NpyHeader header;
  if (MaybeError error = parseNpy(file->data(), file->size(), header))
    return "cannot read '" + path + "': " + *error;
  const char *data = file->data() + header.offset;
  if (header.offset % dtypeSize(header.dtype) == 0) {
    tensor =
        HostTensor::readOnly(header.dtype, std::move(header.shape), file, data);
    return std::nullopt;
  }
  // Very old writers align less than models need.
  if (MaybeError error =
          HostTensor::allocate(header.dtype, header.shape, tensor))
    return "cannot read '" + path + "': " + *error;
  std::memcpy(tensor.mutableData(), data,
              static_cast<size_t>(tensor.numBytes()));
  return std::nullopt;
}

MaybeError tern::runtime::writeNpy(const std::string &path,
                                   const HostTensor &tensor) {
  std::string dict = "{'descr': '";
  dict += dtypeSize(tensor.dtype) == 1 ? "|" : "<";
  dict += elementType(tensor.dtype).npy;
  dict += "', 'fortran_order': False, 'shape': (";
  for (size_t i = 0; i < tensor.shape.size(); ++i)
    dict += (i ? " " : "") + std::to_string(tensor.shape[i]) +
            (i + 1 == tensor.shape.size() && i > 0 ? "" : ",");
  dict += "), }";
  // The elements begin at a multiple of 64 bytes; a newline ends the header.
  std::string file = std::string(magic) + '\1' + '\0';
  size_t length = dict.size() + 1;
  length += (64 - (file.size() + 2 + length) % 64) % 64;
  if (length > UINT16_MAX)
    return "cannot write '" + path + "': too many dimensions";
  dict.resize(length - 1, ' ');
  file += static_cast<char>(length & 0xff);
  file += static_cast<char>(length >> 8);
  file += dict + "\n";

  AtomicFile out;
  if (MaybeError error = out.open(path))
    return error;
  if (MaybeError error = out.write(file.data(), file.size()))
    return error;
  if (MaybeError error =
          out.write(tensor.data(), static_cast<size_t>(tensor.numBytes())))
    return error;
  return out.commit();
}
