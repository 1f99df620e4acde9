//===- FileLock.h - Lock a file by one beside it ----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_FILELOCK_H
#define TERN_RUNTIME_FILELOCK_H

#include "tern/runtime/DType.h"

namespace tern::runtime {

/// A lock (flock) on .NAME.lock next to a file that is replaced again and
/// again, and so cannot be locked itself. The system gives it up when the
/// process ends, however it does; the lock's file is removed by release() or,
/// after a kill, by the next to hold it. NAME is that of the file that symbolic
/// links lead to. Where the file system has no locks, everybody gets one.
class FileLock {
public:
  FileLock() = default;
  FileLock(FileLock &&other) noexcept
      : fd(other.fd), lockPath(std::move(other.lockPath)) {
    other.fd = -1;
  }
  FileLock &operator=(FileLock &&) = delete;
  ~FileLock() { release(); }

  /// Takes the lock if it is free; `isTaken` tells an error that is another
  /// process's lock from others.
  [[nodiscard]] MaybeError acquire(const std::string &path, bool &isTaken);
  void release();

private:
  int fd = -1;
  std::string lockPath;
};

} // namespace tern::runtime

#endif // TERN_RUNTIME_FILELOCK_H
