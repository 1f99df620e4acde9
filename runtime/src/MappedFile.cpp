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

MappedFile::MappedFile(MappedFile &&other) noexcept
    : bytes(std::exchange(other.bytes, nullptr)),
      length(std::exchange(other.length, 0)) {}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(bytes, other.bytes);
  std::swap(length, other.length);
  return *this;
}

MappedFile::~MappedFile() {
  if (bytes)
    ::munmap(const_cast<char *>(bytes), length);
}

MaybeError MappedFile::open(const std::string &path) {
  std::string what = "cannot read '" + path + "': ";
  // O_NONBLOCK: opening a pipe must not wait for its writer.
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return what + std::strerror(errno);
  struct stat status;
  void *mapped = nullptr;
  MaybeError error;
  if (::fstat(fd, &status) != 0)
    error = what + std::strerror(errno);
  else if (!S_ISREG(status.st_mode))
    error = what + "it is not a regular file";
  else if (status.st_size > 0) {
    mapped = ::mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ,
                    MAP_PRIVATE, fd, 0);
    if (mapped == MAP_FAILED)
      error = what + std::strerror(errno);
  }
  ::close(fd);
  if (error)
    return error;
  MappedFile fresh;
  fresh.bytes = static_cast<const char *>(mapped);
  fresh.length = static_cast<uint64_t>(status.st_size);
  *this = std::move(fresh);
  return std::nullopt;
}
