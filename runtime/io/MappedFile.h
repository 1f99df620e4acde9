//===- MappedFile.h - Files in memory, read-only ----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_MAPPEDFILE_H
#define TERN_RUNTIME_MAPPEDFILE_H

#include "tern/runtime/DType.h"

#include <sys/stat.h>

namespace tern::runtime {

/// A regular file that is open for reading. What a file is called may become
/// another file at any time; this one stays what it is, and no new file gets
/// its number while it is open.
class OpenFile {
public:
  OpenFile() = default;
  OpenFile(OpenFile &&other) noexcept;
  OpenFile &operator=(OpenFile &&other) noexcept;
  ~OpenFile();

  /// Never waits: pipes, devices and folders are errors.
  [[nodiscard]] MaybeError open(const std::string &path);
  /// Takes an open descriptor. `name` is for messages.
  [[nodiscard]] MaybeError adopt(int descriptor, const std::string &name);
  /// Leaves the file open for good.
  void leak() { fd = -1; }

  int descriptor() const { return fd; }
  uint64_t size() const { return static_cast<uint64_t>(status.st_size); }
  bool isSameFile(const struct stat &other) const;
  /// Whether both are one file that nobody wrote to in between.
  bool isSameVersion(const OpenFile &other) const;
  /// Whether bytes that were there are gone: someone wrote to the file instead
  /// of replacing it. Reading them from a mapping ends the process.
  bool hasShrunk() const;

private:
  int fd = -1;
  struct stat status = {};
};

/// Makes this process survive that someone cuts a MappedFile: what is gone
/// reads as zeros from then on, and findCutFile() says so. Anything else that
/// is mapped and cut, such as the program's own code, ends the process with a
/// line of error. For programs: it handles SIGBUS, which a library must not.
void surviveCutFiles();

/// The name of a MappedFile, maybe one that is closed by now, some of which
/// read as zeros. Whatever was read from it before this says nothing is good.
std::optional<std::string> findCutFile();

/// The error for a file that was written to.
std::string describeCutFile(const std::string &path);

/// A whole regular file mapped on read-only pages, and kept open.
class MappedFile {
public:
  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  [[nodiscard]] MaybeError open(const std::string &path);

  const char *data() const { return bytes; }
  uint64_t size() const { return length; }
  bool hasShrunk() const { return length && file.hasShrunk(); }

private:
  struct Watch;
  friend void surviveCutFiles();
  friend std::optional<std::string> findCutFile();
  static bool fillWithZeros(char *address);
  static Watch watches[];

  OpenFile file;
  std::string name;
  const char *bytes = nullptr;
  uint64_t length = 0;
  Watch *watch = nullptr;
};

} // namespace tern::runtime

#endif // TERN_RUNTIME_MAPPEDFILE_H
