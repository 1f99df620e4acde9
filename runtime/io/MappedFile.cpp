//===- MappedFile.cpp - Files in memory, read-only --------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MappedFile.h"

#include <atomic>
#include <cerrno>
#include <csignal>
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
  int opened;
  do
    opened = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  while (opened < 0 && errno == EINTR);
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
  if (S_ISDIR(found.st_mode))
    return fail("it is a folder; give a file in it");
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

//===----------------------------------------------------------------------===//
// Files that are cut
//===----------------------------------------------------------------------===//

/// Where a file is mapped, for the signal's handler, which may not lock.
struct MappedFile::Watch {
  std::atomic<bool> isTaken{false};
  std::atomic<char *> begin{nullptr};
  std::atomic<uint64_t> size{0};
  std::atomic<bool> isCut{false};
  const MappedFile *file = nullptr;
};

// Programs map a handful of files; what is beyond ends the process when it is
// cut, as without a handler.
static constexpr size_t maxWatches = 64;
MappedFile::Watch MappedFile::watches[maxWatches];
/// A file that was closed after it was cut.
static std::string &closedCutFile() {
  static std::string name;
  return name;
}

/// Only what may be called in a handler.
bool MappedFile::fillWithZeros(char *address) {
  uintptr_t page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  for (Watch &watch : watches) {
    char *begin = watch.begin.load();
    uint64_t size = watch.size.load();
    if (!begin || address < begin || address >= begin + size)
      continue;
    char *from = address - reinterpret_cast<uintptr_t>(address) % page;
    watch.isCut = true;
    return ::mmap(from, static_cast<size_t>(begin + size - from), PROT_READ,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
  }
  return false;
}

void tern::runtime::surviveCutFiles() {
  struct sigaction action = {};
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  action.sa_sigaction = [](int, siginfo_t *info, void *) {
    int old = errno;
    if (info->si_code == BUS_ADRERR &&
        MappedFile::fillWithZeros(static_cast<char *>(info->si_addr))) {
      errno = old;
      return;
    }
    static constexpr char message[] =
        "error: a file whose code or data this process had in memory was cut "
        "short by someone, or could not be read\n";
    [[maybe_unused]] ssize_t ignored =
        ::write(STDERR_FILENO, message, sizeof(message) - 1);
    ::_exit(1);
  };
  ::sigaction(SIGBUS, &action, nullptr);
}

std::optional<std::string> tern::runtime::findCutFile() {
  for (MappedFile::Watch &watch : MappedFile::watches)
    // No signal tells of what was cut off within a page.
    if (watch.isTaken && (watch.isCut || watch.file->hasShrunk()))
      return watch.file->name;
  if (!closedCutFile().empty())
    return closedCutFile();
  return std::nullopt;
}

std::string tern::runtime::describeCutFile(const std::string &path) {
  return "'" + path +
         "' was written to while it was in use (a file in use must be replaced "
         "by renaming another)";
}

//===----------------------------------------------------------------------===//
// Mapped files
//===----------------------------------------------------------------------===//

MappedFile::MappedFile(MappedFile &&other) noexcept {
  *this = std::move(other);
}

MappedFile &MappedFile::operator=(MappedFile &&other) noexcept {
  std::swap(file, other.file);
  std::swap(name, other.name);
  std::swap(bytes, other.bytes);
  std::swap(length, other.length);
  std::swap(watch, other.watch);
  if (watch)
    watch->file = this;
  if (other.watch)
    other.watch->file = &other;
  return *this;
}

MappedFile::~MappedFile() {
  if (watch) {
    watch->begin = nullptr;
    if ((watch->isCut || hasShrunk()) && closedCutFile().empty())
      closedCutFile() = name;
    watch->isCut = false;
    watch->isTaken = false;
  }
  if (bytes)
    ::munmap(const_cast<char *>(bytes), length);
}

MaybeError MappedFile::open(const std::string &path) {
  MappedFile fresh;
  fresh.name = path;
  if (MaybeError error = fresh.file.open(path))
    return error;
  if (uint64_t size = fresh.file.size()) {
    void *mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE,
                          fresh.file.descriptor(), 0);
    if (mapped == MAP_FAILED)
      return "cannot read '" + path + "': " + std::strerror(errno);
    fresh.bytes = static_cast<const char *>(mapped);
    fresh.length = size;
    for (Watch &candidate : watches)
      if (!candidate.isTaken.exchange(true)) {
        fresh.watch = &candidate;
        candidate.file = &fresh;
        candidate.size = size;
        candidate.begin = static_cast<char *>(mapped);
        break;
      }
  }
  *this = std::move(fresh);
  return std::nullopt;
}
