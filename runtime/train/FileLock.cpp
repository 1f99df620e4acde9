//===- FileLock.cpp - Lock a file by one beside it --------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FileLock.h"
#include "tern/runtime/AtomicFile.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace tern::runtime;

/// The name of the lock's file. Of a long name there is a part and a hash
/// (FNV-1a) of the whole.
static std::string makeLockPath(const std::string &path) {
  std::string target = AtomicFile::resolve(path);
  size_t slash = target.rfind('/');
  size_t base = slash == std::string::npos ? 0 : slash + 1;
  std::string name = target.substr(base);
  if (name.size() > 200) {
    uint64_t hash = 0xcbf29ce484222325;
    for (char c : name)
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    name = AtomicFile::shortenName(name, 200) + "." + std::to_string(hash);
  }
  return target.substr(0, base) + "." + name + ".lock";
}

MaybeError FileLock::acquire(const std::string &path, bool &isTaken) {
  release();
  isTaken = false;
  lockPath = makeLockPath(path);
  auto fail = [&]() -> MaybeError {
    std::string message = "cannot lock '" + path + "' with '" + lockPath +
                          "': " + std::strerror(errno);
    if (fd >= 0)
      ::close(fd);
    fd = -1;
    return message;
  };
  for (;;) {
    fd = ::open(lockPath.c_str(),
                O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (fd < 0 && errno == EINTR)
      continue;
    if (fd < 0)
      return fail();
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) {
        isTaken = true;
        ::close(fd);
        fd = -1;
        return "another run is writing '" + path +
               "'; give each run a --checkpoint of its own";
      }
      if (errno == EINTR) {
        ::close(fd);
        continue;
      }
      // No locks here.
      return std::nullopt;
    }
    // Whoever held it before may have removed its file in between, and then
    // this is a lock on nothing.
    struct stat mine, named;
    if (::fstat(fd, &mine) != 0)
      return fail();
    if (::stat(lockPath.c_str(), &named) == 0 && mine.st_ino == named.st_ino &&
        mine.st_dev == named.st_dev)
      return std::nullopt;
    ::close(fd);
  }
}

void FileLock::release() {
  if (fd < 0)
    return;
  // Before the lock is given up, or it could be another's.
  ::unlink(lockPath.c_str());
  ::close(fd);
  fd = -1;
}
