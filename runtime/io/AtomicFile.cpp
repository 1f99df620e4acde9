//===- AtomicFile.cpp - Files that appear whole or not at all ---*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/runtime/AtomicFile.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace tern::runtime;

/// In seconds. The first covers the moment between creating and locking, and
/// clocks that differ.
static constexpr double unlockedAge = 60, unknownAge = 3600;

MaybeError AtomicFile::fail(const std::string &what) {
  code = errno;
  std::string message = "cannot " + what + " '" + path + "'";
  if (code)
    message += std::string(": ") + std::strerror(code);
  discard();
  return message;
}

/// Where the name without folders begins.
static size_t findBase(const std::string &target) {
  size_t slash = target.rfind('/');
  return slash == std::string::npos ? 0 : slash + 1;
}

std::string AtomicFile::resolve(const std::string &path) {
  std::string target = path;
  // As many as Linux follows.
  for (int links = 0; links < 40; ++links) {
    if (char *resolved = ::realpath(target.c_str(), nullptr)) {
      target = resolved;
      std::free(resolved);
      break;
    }
    char link[PATH_MAX];
    ssize_t size = ::readlink(target.c_str(), link, sizeof(link));
    if (size <= 0 || size == sizeof(link))
      break;
    std::string next(link, static_cast<size_t>(size));
    target = next[0] == '/' ? next : target.substr(0, findBase(target)) + next;
  }
  return target;
}

std::string AtomicFile::shortenName(const std::string &name, size_t limit) {
  size_t size = name.size();
  if (size > limit)
    // No character has more than four bytes.
    for (size = limit; size + 4 > limit && (name[size] & 0xc0) == 0x80;)
      --size;
  return name.substr(0, size);
}

std::string AtomicFile::temporaryPrefix(const std::string &target) {
  return "." + shortenName(target.substr(findBase(target)), 64) + ".tmp";
}

static std::string randomDigits() {
  uint64_t number = 0;
  if (::getrandom(&number, sizeof(number), 0) != sizeof(number)) {
    // Not random, but names that are taken are tried again.
    static uint64_t counter = 0;
    timespec now = {};
    ::clock_gettime(CLOCK_REALTIME, &now);
    number = static_cast<uint64_t>(now.tv_sec) * 1000000000 +
             static_cast<uint64_t>(now.tv_nsec) +
             (static_cast<uint64_t>(::getpid()) << 40) +
             __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
  }
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx",
                static_cast<unsigned long long>(number));
  return text;
}

MaybeError AtomicFile::create(unsigned mode) {
  std::string prefix =
      target.substr(0, findBase(target)) + temporaryPrefix(target);
  for (int attempt = 0; fd < 0; ++attempt) {
    temporary = prefix + randomDigits();
    fd = ::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 && errno != EINTR && (errno != EEXIST || attempt == 100)) {
      temporary.clear();
      return fail("write");
    }
  }
  // Without locks the file's age has to do.
  (void)::flock(fd, LOCK_EX | LOCK_NB);
  return std::nullopt;
}

bool AtomicFile::takeOwner(int fd, const struct stat &existing,
                           unsigned &mode) {
  struct stat created;
  if (::fstat(fd, &created) != 0)
    return false;
  // Set-user-id and its like do not pass on to other contents.
  mode = existing.st_mode & 0777;
  if ((created.st_uid != existing.st_uid ||
       created.st_gid != existing.st_gid) &&
      ::fchown(fd, existing.st_uid, existing.st_gid) != 0 &&
      created.st_gid != existing.st_gid &&
      ::fchown(fd, static_cast<uid_t>(-1), existing.st_gid) != 0)
    mode = (mode & 0707) | (mode & 07) << 3;
  return true;
}

MaybeError AtomicFile::open(const std::string &newPath, unsigned mode) {
  discard();
  path = newPath;
  target = resolve(path);
  end = 0;
  code = 0;
  if (findBase(target) == target.size())
    return "cannot write '" + path + "': it names no file";
  struct stat status;
  if (::stat(target.c_str(), &status) != 0)
    return errno == ENOENT ? create(mode) : fail("write");
  // Renaming would replace the device or pipe itself.
  if (!S_ISREG(status.st_mode))
    return "cannot write '" + path + "': it is not a regular file";
  // Renaming needs no permission on the file, but its owner meant something.
  if (::access(target.c_str(), W_OK) != 0)
    return fail("write");
  // The owner's permissions are the process's own, and needed now.
  if (MaybeError error = create(0600))
    return error;
  if (!takeOwner(fd, status, mode))
    return fail("write");
  // Not all file systems have permissions.
  (void)::fchmod(fd, mode);
  return std::nullopt;
}

MaybeError AtomicFile::write(const void *data, size_t size) {
  uint64_t offset = end;
  if (MaybeError error = writeAt(offset, data, size))
    return error;
  end = offset + size;
  return std::nullopt;
}

/// Calls `move` for pieces of `size` bytes until all are written or read. False
/// if one fails, or moves nothing, which is the error `none`.
template <typename Move>
static bool moveAll(size_t size, int none, const Move &move) {
  for (size_t done = 0; done < size;) {
    // Linux moves at most 2 GiB at once.
    ssize_t moved = move(done, std::min(size - done, size_t(1) << 30));
    if (moved < 0 && errno == EINTR)
      continue;
    if (moved == 0)
      errno = none;
    if (moved <= 0)
      return false;
    done += static_cast<size_t>(moved);
  }
  return true;
}

MaybeError AtomicFile::writeAt(uint64_t offset, const void *data, size_t size) {
  if (fd < 0)
    return "cannot write '" + path + "': it is not open";
  auto write = [&](size_t done, size_t piece) {
    return ::pwrite(fd, static_cast<const char *>(data) + done, piece,
                    static_cast<off_t>(offset + done));
  };
  return moveAll(size, ENOSPC, write) ? std::nullopt : fail("write");
}

MaybeError AtomicFile::readAt(uint64_t offset, void *data, size_t size) {
  if (fd < 0)
    return "cannot write '" + path + "': it is not open";
  auto read = [&](size_t done, size_t piece) {
    return ::pread(fd, static_cast<char *>(data) + done, piece,
                   static_cast<off_t>(offset + done));
  };
  return moveAll(size, EIO, read) ? std::nullopt : fail("read back");
}

/// Some file systems, in memory say, have nothing to synchronize with.
static bool synchronize(int fd) {
  int status;
  do
    status = ::fsync(fd);
  while (status != 0 && errno == EINTR);
  return status == 0 || errno == EINVAL || errno == ENOSYS;
}

MaybeError AtomicFile::sync() {
  if (fd < 0)
    return "cannot write '" + path + "': it is not open";
  return synchronize(fd) ? std::nullopt : fail("write");
}

MaybeError AtomicFile::commit(bool durable) {
  if (fd < 0)
    return "cannot write '" + path + "': it is not open";
  if (durable && !synchronize(fd))
    return fail("write");
  // Some file systems report a full disk or quota only on closing. A second
  // descriptor tells, while the first one keeps the lock until the file has its
  // name. Linux closes it even if a signal comes in between.
  int second = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (second < 0 || (::close(second) != 0 && errno != EINTR))
    return fail("write");
  if (::rename(temporary.c_str(), target.c_str()) != 0)
    return fail("rename a temporary file to");
  temporary.clear();
  ::close(fd);
  fd = -1;
  return durable ? syncFolder(target) : std::nullopt;
}

void AtomicFile::discard() {
  // Before closing, which ends the lock.
  if (!temporary.empty())
    ::unlink(temporary.c_str());
  temporary.clear();
  if (fd >= 0)
    ::close(fd);
  fd = -1;
}

MaybeError AtomicFile::syncFolder(const std::string &path) {
  std::string target = resolve(path);
  std::string folder = target.substr(0, findBase(target));
  int fd;
  do
    fd = ::open(folder.empty() ? "." : folder.c_str(),
                O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  while (fd < 0 && errno == EINTR);
  // One that may be written but not read, say.
  if (fd < 0)
    return std::nullopt;
  bool isSynchronized = synchronize(fd);
  int code = errno;
  ::close(fd);
  if (isSynchronized)
    return std::nullopt;
  return "cannot write the folder of '" + path + "': " + std::strerror(code);
}

/// Whether `rest` can follow the prefix of a temporary file: 16 hexadecimal
/// digits, or PID.NUMBER.
static bool isTemporarySuffix(const std::string &rest) {
  if (rest.size() == 16 &&
      rest.find_first_not_of("0123456789abcdef") == std::string::npos)
    return true;
  size_t dot = rest.find('.');
  return dot != std::string::npos && dot > 0 && dot + 1 < rest.size() &&
         rest.find_first_not_of("0123456789.") == std::string::npos &&
         rest.find('.', dot + 1) == std::string::npos;
}

/// Whether nobody writes the open file any more.
static bool isAbandoned(int fd) {
  struct stat status;
  timespec now;
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) ||
      ::clock_gettime(CLOCK_REALTIME, &now) != 0)
    return false;
  double age = static_cast<double>(now.tv_sec - status.st_mtim.tv_sec) +
               static_cast<double>(now.tv_nsec - status.st_mtim.tv_nsec) * 1e-9;
  if (age < unlockedAge)
    return false;
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0)
    return true;
  return errno != EWOULDBLOCK && age >= unknownAge;
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
    if (name.compare(0, prefix.size(), prefix) != 0 ||
        !isTemporarySuffix(name.substr(prefix.size())))
      continue;
    std::string file = folder + name;
    int fd =
        ::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
      continue;
    if (isAbandoned(fd))
      ::unlink(file.c_str());
    ::close(fd);
  }
  ::closedir(entries);
}
