//===- Safetensors.h - Read and write safetensors files ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A safetensors file is a u64 (little-endian) header size, a JSON header and
// the tensors' bytes. The header gives each tensor's dtype, shape and range of
// bytes; the ranges cover the data without holes or overlaps. The format:
// https://github.com/huggingface/safetensors#format
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_SAFETENSORS_H
#define TERN_RUNTIME_SAFETENSORS_H

#include "tern/runtime/AtomicFile.h"
#include "tern/runtime/DType.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace tern::runtime {

/// One tensor of a file. `data` points into the bytes that were parsed.
struct SafetensorsView {
  DType dtype;
  std::vector<int64_t> shape;
  const char *data;
  uint64_t size;
};

/// The parsed header of a file.
struct SafetensorsIndex {
  std::map<std::string, std::string> metadata;
  std::map<std::string, SafetensorsView> tensors;
};

/// Parses a whole file that is in memory. Nothing in it is trusted: header
/// size, JSON depth, duplicate names, dtypes, overflowing shapes, sizes that
/// do not match shapes, ranges that overlap, leave holes or leave the file are
/// errors.
[[nodiscard]] MaybeError parseSafetensors(const char *data, uint64_t size,
                                          SafetensorsIndex &index);

/// Writes a file as a stream: declare all tensors, then append their bytes in
/// the declared order, then finish(). Memory use does not depend on the
/// tensors' sizes. The target appears only with finish(); a writer destroyed
/// earlier, or after an error, leaves nothing.
///
/// In the file the tensors whose size is a multiple of 64 bytes come first,
/// then the others by falling element size, so that the former are 64-byte
/// aligned and the latter at least naturally. Bytes depend on the arguments
/// alone.
class SafetensorsWriter {
public:
  struct Entry {
    std::string name;
    DType dtype;
    std::vector<int64_t> shape;
  };

  SafetensorsWriter() = default;
  SafetensorsWriter(const SafetensorsWriter &) = delete;
  SafetensorsWriter &operator=(const SafetensorsWriter &) = delete;

  /// Names must be unique and not "__metadata__".
  [[nodiscard]] MaybeError open(const std::string &path,
                                std::vector<Entry> entries,
                                std::map<std::string, std::string> metadata);
  /// The next bytes of the current tensor, in pieces of any size; goes on to
  /// the next tensor when one is complete.
  [[nodiscard]] MaybeError append(const void *data, uint64_t size);
  /// Replaces a metadata value by one of the same length, at any time before
  /// finish(): for a hash that is known only at the end.
  [[nodiscard]] MaybeError setMetadata(const std::string &key,
                                       const std::string &value);
  /// Gives the file an id that depends on every byte of it: the metadata value
  /// `key`, declared as 32 zeros, becomes what hashWeights() computes. All
  /// tensors must be complete.
  [[nodiscard]] MaybeError sign(const std::string &key, std::string &id);
  /// Checks that every tensor is complete and moves the file in place;
  /// `durable` as in AtomicFile::commit.
  [[nodiscard]] MaybeError finish(bool durable = false);

  /// Size of the whole file.
  uint64_t fileSize() const { return headerSize + dataSize; }

private:
  MaybeError layOut();
  MaybeError checkComplete();
  std::string header() const;

  AtomicFile file;
  std::string path;
  std::vector<Entry> entries;
  std::vector<uint64_t> offsets, sizes;
  std::map<std::string, std::string> metadata;
  uint64_t headerSize = 0, dataSize = 0;
  size_t current = 0;
  uint64_t written = 0;
};

} // namespace tern::runtime

#endif // TERN_RUNTIME_SAFETENSORS_H
