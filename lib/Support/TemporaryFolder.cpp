//===- TemporaryFolder.cpp - Temporary folders, removed in the end --------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Support/TemporaryFolder.h"
#include "tern/runtime/AtomicFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace tern;
namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;
using llvm::StringRef;

namespace {

constexpr int kSignals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE};
/// More folders than these are left to the next run after a signal.
constexpr int kNumSlots = 8;
std::atomic<char *> liveFolders[kNumSlots];
struct sigaction previousActions[NSIG];

/// Removes a folder of files with nothing but what signal handlers may call.
void removeFromHandler(const char *folder) {
  int fd = ::open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd >= 0) {
    alignas(dirent64) char buffer[4096];
    ssize_t size;
    while ((size = ::getdents64(fd, buffer, sizeof(buffer))) > 0)
      for (ssize_t at = 0; at < size;) {
        const auto *entry = reinterpret_cast<const dirent64 *>(buffer + at);
        (void)::unlinkat(fd, entry->d_name, 0);
        at += entry->d_reclen;
      }
    (void)::close(fd);
  }
  (void)::rmdir(folder);
}

void handleSignal(int signal) {
  TemporaryFolder::removeAll();
  // What was to happen without this handler.
  (void)::sigaction(signal, &previousActions[signal], nullptr);
  (void)::raise(signal);
}

/// Once, when the first folder is made: LLVM's handlers are in place then.
void installHandlers() {
  for (int signal : kSignals) {
    if (::sigaction(signal, nullptr, &previousActions[signal]) != 0 ||
        previousActions[signal].sa_handler == SIG_IGN)
      continue;
    struct sigaction action = {};
    action.sa_handler = handleSignal;
    ::sigemptyset(&action.sa_mask);
    (void)::sigaction(signal, &action, nullptr);
  }
}

bool isRandomPart(StringRef text) {
  return text.size() == 6 && llvm::all_of(text, llvm::isAlnum);
}

/// Whether the path still leads to the open folder.
bool isAt(int fd, const std::string &path) {
  struct stat open, named;
  return ::fstat(fd, &open) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

int openFolder(const std::string &path) {
  return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/// Removes the folders of killed programs: our own ones that nobody has locked.
void removeAbandoned(const std::string &parent, StringRef prefix) {
  std::error_code error;
  for (fs::directory_iterator it(parent, error, /*follow_symlinks=*/false), end;
       it != end && !error; it.increment(error)) {
    StringRef name = path::filename(it->path());
    if (!name.consume_front(prefix) || !isRandomPart(name))
      continue;
    std::string folder = it->path();
    int fd = openFolder(folder);
    if (fd < 0)
      continue;
    struct stat status;
    if (::fstat(fd, &status) == 0 && status.st_uid == ::geteuid() &&
        ::flock(fd, LOCK_EX | LOCK_NB) == 0 && isAt(fd, folder))
      (void)fs::remove_directories(folder);
    (void)::close(fd);
  }
}

} // namespace

void TemporaryFolder::removeAll() {
  // Later ones may lie in earlier ones.
  for (int i = kNumSlots; i-- > 0;)
    if (const char *folder = liveFolders[i].exchange(nullptr))
      removeFromHandler(folder);
}

std::error_code TemporaryFolder::create(StringRef parent, StringRef prefix) {
  static const bool installed = (installHandlers(), true);
  (void)installed;
  llvm::SmallString<128> absolute(parent);
  if (std::error_code error = fs::make_absolute(absolute))
    return error;
  path::remove_dots(absolute);
  removeAbandoned(absolute.str().str(), prefix);
  path::append(absolute, prefix + "XXXXXX");
  // A program that starts now may take the folder for an abandoned one before
  // it is locked.
  for (int attempt = 0; attempt < 100; ++attempt) {
    std::string made = absolute.str().str();
    if (!::mkdtemp(made.data()))
      return std::error_code(errno, std::generic_category());
    int fd = openFolder(made);
    // Where there are no locks nobody takes folders away either.
    if (fd >= 0 &&
        (::flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) &&
        isAt(fd, made)) {
      path = std::move(made);
      descriptor = fd;
      break;
    }
    if (fd >= 0)
      (void)::close(fd);
  }
  if (path.empty())
    return std::make_error_code(std::errc::resource_unavailable_try_again);
  char *copy = ::strdup(path.c_str());
  for (int i = 0; copy && i < kNumSlots && slot < 0; ++i) {
    char *none = nullptr;
    if (liveFolders[i].compare_exchange_strong(none, copy))
      slot = i;
  }
  if (slot < 0)
    std::free(copy);
  return {};
}

llvm::Error TemporaryFolder::createBeside(StringRef file) {
  std::string target = runtime::AtomicFile::resolve(file.str());
  StringRef parent = path::parent_path(target);
  if (std::error_code error =
          create(parent.empty() ? "." : parent,
                 runtime::AtomicFile::temporaryPrefix(target)))
    return llvm::createStringError(error, "cannot write '" + file.str() +
                                              "': " + error.message());
  return llvm::Error::success();
}

llvm::Error TemporaryFolder::createInSystemFolder() {
  llvm::SmallString<128> parent;
  path::system_temp_directory(/*ErasedOnReboot=*/true, parent);
  if (std::error_code error = create(parent, "ternc-"))
    return llvm::createStringError(error, "cannot make a folder in '" +
                                              parent.str().str() +
                                              "': " + error.message());
  return llvm::Error::success();
}

std::string TemporaryFolder::getFile(StringRef name) const {
  llvm::SmallString<128> file(path);
  path::append(file, name);
  return file.str().str();
}

TemporaryFolder::~TemporaryFolder() {
  // Nobody can do anything about a folder that stays; the next run tries again.
  if (!path.empty())
    (void)fs::remove_directories(path);
  if (slot >= 0)
    std::free(liveFolders[slot].exchange(nullptr));
  // Ends the lock.
  if (descriptor >= 0)
    (void)::close(descriptor);
}
