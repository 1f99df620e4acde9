//===- AtomicFile.cpp - Files that appear whole or not at all ---*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/runtime/AtomicFile.h"

#include <atomic>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace tern::runtime;

MaybeError AtomicFile::fail(const std::string &what) {
  std::string message = "cannot " + what + " '" + path + "'";
  if (errno)
    message += std::string(": ") + std::strerror(errno);
  discard();
  return message;
}

/// Follows symbolic links; a file that is not there yet is itself.
static std::string resolve(const std::string &path) {
  std::string target = path;
  if (char *resolved = ::realpath(path.c_str(), nullptr)) {
    target = resolved;
    std::free(resolved);
  }
  return target;
}

/// Where the name without folders begins.
static size_t findBase(const std::string &target) {
  size_t slash = target.rfind('/');
  return slash == std::string::npos ? 0 : slash + 1;
}

/// What the names of a target's temporary files begin with. Names have a limit
/// (255 bytes nearly everywhere), so only a part of the target's is in them.
static std::string temporaryPrefix(const std::string &target) {
  return "." + target.substr(findBase(target), 64) + ".tmp";
}

MaybeError AtomicFile::open(const std::string &newPath) {
  discard();
  path = newPath;
  target = resolve(path);
  end = 0;
  struct stat status;
  if (::stat(target.c_str(), &status) == 0) {
    // Renaming would replace the device or pipe itself.
    if (!S_ISREG(status.st_mode))
      return "cannot write '" + path + "': it is not a regular file";
    // Renaming needs no permission on the file, but its owner meant something.
    if (::access(target.c_str(), W_OK) != 0)
      return fail("write");
  }

  static std::atomic<unsigned> counter{0};
  size_t base = findBase(target);
  if (base == target.size())
    return "cannot write '" + path + "': it names no file";
  temporary = target.substr(0, base) + temporaryPrefix(target) +
              std::to_string(::getpid()) + "." + std::to_string(counter++);
  fd = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (fd < 0) {
    temporary.clear();
    return fail("write");
  }
  return std::nullopt;
}

MaybeError AtomicFile::write(const void *data, size_t size) {
  uint64_t offset = end;
  if (MaybeError error = writeAt(offset, data, size))
    return error;
  end = offset + size;
  return std::nullopt;
}

MaybeError AtomicFile::writeAt(uint64_t offset, const void *data, size_t size) {
  if (fd < 0)
    return "cannot write '" + path + "': it is not open";
  const char *bytes = static_cast<const char *>(data);
  while (size) {
    // Linux writes at most 2 GiB at once.
    size_t piece = size < (size_t(1) << 30) ? size : size_t(1) << 30;
    ssize_t done = ::pwrite(fd, bytes, piece, static_cast<off_t>(offset));
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0) {
      if (done == 0)
        errno = ENOSPC;
      return fail("write");
    }
    bytes += done;
    offset += static_cast<uint64_t>(done);
    size -= static_cast<size_t>(done);
  }
  return std::nullopt;
}

MaybeError AtomicFile::commit(bool durable) {
  if (fd < 0)
    return "cannot write '" + path + "': it is not open";
  // Some file systems, in memory say, have nothing to synchronize with.
  if (durable && ::fsync(fd) != 0 && errno != EINVAL && errno != ENOSYS)
    return fail("write");
  // Some file systems report a full disk or quota only here.
  int closed = ::close(fd);
  fd = -1;
  if (closed != 0)
    return fail("write");
  if (::rename(temporary.c_str(), target.c_str()) != 0)
    return fail("rename a temporary file to");
  temporary.clear();
  return std::nullopt;
}

void AtomicFile::discard() {
  if (fd >= 0)
    ::close(fd);
  fd = -1;
  if (!temporary.empty())
    ::unlink(temporary.c_str());
  temporary.clear();
}

void AtomicFile::removeStale(const std::string &path) {
  std::string target = resolve(path);
  std::string folder = target.substr(0, findBase(target));
  std::string prefix = temporaryPrefix(target);
  DIR *entries = ::opendir(folder.empty() ? "." : folder.c_str());
  if (!entries)
    return;
  while (const dirent *entry = ::readdir(entries)) {
    std::string name = entry->d_name;
    if (name.compare(0, prefix.size(), prefix) != 0)
      continue;
    // What follows is PID.NUMBER.
    char *end = nullptr;
    long pid = std::strtol(name.c_str() + prefix.size(), &end, 10);
    if (*end == '.' && pid > 0 && pid <= INT_MAX &&
        ::kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH)
      ::unlink((folder + name).c_str());
  }
  ::closedir(entries);
}
