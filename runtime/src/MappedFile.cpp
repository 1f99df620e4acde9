//===- MappedFile.cpp - Files in memory, read-only --------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MappedFile.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace tern::runtime;

OpenFile::OpenFile(OpenFile &&other) noexcept
    : fd(std::exchange(other.fd, -1)), status(other.status) {}

OpenFile &OpenFile::operator=(OpenFile &&other) noexcept {
  std::swap(fd, other.fd);
  std::swap(status, other.status);
  return *this;
}

OpenFile::~OpenFile() {
  // A program that became a daemon may have closed every descriptor; what has
  // this number now is not ours.
  struct stat now;
  if (fd >= 0 && ::fstat(fd, &now) == 0 && isSameFile(now))
    ::close(fd);
}

MaybeError OpenFile::open(const std::string &path) {
  // O_NONBLOCK: opening a pipe must not wait for its writer.
  int opened = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (opened < 0)
    return "cannot read '" + path + "': " + std::strerror(errno);
  return adopt(opened, path);
}

MaybeError OpenFile::adopt(int descriptor, const std::string &name) {
  auto fail = [&](const char *why) {
    ::close(descriptor);
    return "cannot read '" + name + "': " + why;
  };
  // The first three are the program's, even if it closed them.
  if (descriptor <= STDERR_FILENO) {
    int moved = ::fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (moved < 0)
      return fail(std::strerror(errno));
    ::close(descriptor);
    descriptor = moved;
  }
  struct stat found;
  if (::fstat(descriptor, &found) != 0)
    return fail(std::strerror(errno));
  if (!S_ISREG(found.st_mode))
    return fail("it is not a regular file");
  OpenFile fresh;
  fresh.fd = descriptor;
  fresh.status = found;
  *this = std::move(fresh);
  return std::nullopt;
}

bool OpenFile::isSameFile(const struct stat &other) const {
  return status.st_dev == other.st_dev && status.st_ino == other.st_ino;
}

bool OpenFile::isSameVersion(const OpenFile &other) const {
  auto isSame = [](const timespec &a, const timespec &b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
  };
  // Whoever sets the time of a write back changes the other.
  return isSameFile(other.status) && status.st_size == other.status.st_size &&
         isSame(status.st_mtim, other.status.st_mtim) &&
         isSame(status.st_ctim, other.status.st_ctim);
}

bool OpenFile::hasShrunk() const {
  struct stat now;
  return fd >= 0 && ::fstat(fd, &now) == 0 && isSameFile(now) &&
         now.st_size < status.st_size;
}

MappedFile::MappedFile(MappedFile &&other) noexcept
    : file(std::move(other.file)), bytes(std::exchange(other.bytes, nullptr)),
      length(std::exchange(other.length, 0)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(file, other.file);
  std::swap(bytes, other.bytes);
  std::swap(length, other.length);
  return *this;
}

MappedFile::~MappedFile() {
  if (bytes)
    ::munmap(const_cast<char *>(bytes), length);
}

MaybeError MappedFile::open(const std::string &path) {
  MappedFile fresh;
  if (MaybeError error = fresh.file.open(path))
    return error;
  if (uint64_t size = fresh.file.size()) {
    void *mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE,
                          fresh.file.descriptor(), 0);
    if (mapped == MAP_FAILED)
      return "cannot read '" + path + "': " + std::strerror(errno);
    fresh.bytes = static_cast<const char *>(mapped);
    fresh.length = size;
  }
  *this = std::move(fresh);
  return std::nullopt;
}
