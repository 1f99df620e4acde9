//===- Idx.cpp - Read IDX files (MNIST and its kin) -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Idx.h"
#include "MappedFile.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

using namespace tern::runtime;

// Deflate cannot compress better than about 1032 to 1, which bounds what a
// file of a given size can hold.
static constexpr int64_t maxRatio = 1100;

namespace {
class GzReader {
public:
  ~GzReader() {
    if (file)
      ::gzclose(file);
  }

  MaybeError open(const std::string &path) {
    OpenFile opened;
    if (MaybeError error = opened.open(path))
      return error;
    compressedSize = static_cast<int64_t>(opened.size());
    int fd = ::fcntl(opened.descriptor(), F_DUPFD_CLOEXEC, 0);
    file = fd < 0 ? nullptr : ::gzdopen(fd, "rb");
    if (file)
      return std::nullopt;
    std::string why = errno ? std::strerror(errno) : "out of memory";
    if (fd >= 0)
      ::close(fd);
    return "cannot read '" + path + "': " + why;
  }

  MaybeError read(char *data, int64_t size) {
    while (size > 0) {
      unsigned piece = static_cast<unsigned>(std::min<int64_t>(size, 1 << 30));
      int done = ::gzread(file, data, piece);
      if (done <= 0)
        return problem();
      data += done;
      size -= done;
    }
    return std::nullopt;
  }

  /// Also makes zlib compare the checksum.
  MaybeError expectEnd() {
    char extra;
    int done = ::gzread(file, &extra, 1);
    if (done > 0)
      return "it goes on after its last element";
    int code = Z_OK;
    ::gzerror(file, &code);
    return code == Z_OK ? std::nullopt : MaybeError(problem());
  }

  int64_t compressedSize = 0;

private:
  std::string problem() {
    int code = Z_OK;
    const char *message = ::gzerror(file, &code);
    if (code == Z_OK || code == Z_BUF_ERROR || code == Z_STREAM_END)
      return "it is truncated";
    if (code == Z_ERRNO)
      return std::strerror(errno);
    return std::string("its compression is damaged (") + message + ")";
  }

  gzFile file = nullptr;
};
} // namespace

static std::optional<DType> findType(unsigned char code) {
  static constexpr std::pair<unsigned char, DType> types[] = {
      {0x08, DType::U8},  {0x09, DType::I8},  {0x0B, DType::I16},
      {0x0C, DType::I32}, {0x0D, DType::F32}, {0x0E, DType::F64},
  };
  for (const auto &[known, dtype] : types)
    if (code == known)
      return dtype;
  return std::nullopt;
}

static MaybeError read(GzReader &file, HostTensor &tensor) {
  char magic[4];
  if (MaybeError error = file.read(magic, sizeof(magic)))
    return error;
  std::optional<DType> dtype = findType(static_cast<unsigned char>(magic[2]));
  if (magic[0] || magic[1] || !dtype)
    return "it is not an IDX file";
  std::vector<int64_t> shape;
  for (int i = 0; i < static_cast<unsigned char>(magic[3]); ++i) {
    unsigned char extent[4];
    if (MaybeError error =
            file.read(reinterpret_cast<char *>(extent), sizeof(extent)))
      return error;
    shape.push_back(int64_t(extent[0]) << 24 | extent[1] << 16 |
                    extent[2] << 8 | extent[3]);
  }
  std::optional<int64_t> bytes = byteSize(*dtype, shape);
  if (!bytes || *bytes / maxRatio > file.compressedSize)
    return "it is too short for its dimensions (" + typeString(*dtype, shape) +
           ")";
  if (MaybeError error = HostTensor::allocate(*dtype, shape, tensor))
    return error;
  if (MaybeError error = file.read(tensor.mutableData(), *bytes))
    return error;
  if (MaybeError error = file.expectEnd())
    return error;
  // Elements are big-endian.
  size_t element = dtypeSize(*dtype);
  for (char *p = tensor.mutableData(), *end = p + *bytes;
       element > 1 && p < end; p += element)
    std::reverse(p, p + element);
  return std::nullopt;
}

MaybeError tern::runtime::readIdx(const std::string &path, HostTensor &tensor) {
  GzReader file;
  if (MaybeError error = file.open(path))
    return error;
  if (MaybeError error = read(file, tensor))
    return "cannot read '" + path + "': " + *error;
  return std::nullopt;
}
