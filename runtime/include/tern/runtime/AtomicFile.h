//===- AtomicFile.h - Files that appear whole or not at all -----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_ATOMICFILE_H
#define TERN_RUNTIME_ATOMICFILE_H

#include "tern/runtime/DType.h"

namespace tern::runtime {

/// Writes to a temporary file in the target's folder; commit() renames it.
/// Until then, and after any error, the target is as it was. Symbolic links are
/// followed; a target that is not a regular file (a device, a folder) is an
/// error.
class AtomicFile {
public:
  AtomicFile() = default;
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;
  ~AtomicFile() { discard(); }

  [[nodiscard]] MaybeError open(const std::string &path);
  /// Appends.
  [[nodiscard]] MaybeError write(const void *data, size_t size);
  /// Writes at a position; does not move the end for write().
  [[nodiscard]] MaybeError writeAt(uint64_t offset, const void *data,
                                   size_t size);
  /// Closes and renames. With `durable` the contents are on the disk before, so
  /// that the target is whole even if the machine fails.
  [[nodiscard]] MaybeError commit(bool durable = false);
  /// Removes the temporary file, if any.
  void discard();

  bool isOpen() const { return fd >= 0; }

  /// Removes temporary files of this target that processes left behind which
  /// were killed and no longer exist. Does nothing if it cannot.
  static void removeStale(const std::string &path);

private:
  MaybeError fail(const std::string &what);

  int fd = -1;
  uint64_t end = 0;
  std::string path;
  std::string target;
  std::string temporary;
};

} // namespace tern::runtime

#endif // TERN_RUNTIME_ATOMICFILE_H
