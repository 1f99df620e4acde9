//===- Library.cpp - A shared library with a model -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Library.h"
#include "../io/MappedFile.h"
#include "ElfCheck.h"
#include "ForkHook.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace tern::runtime;

namespace tern::runtime {
/// What dlopen returned.
struct HandleDeleter {
  void operator()(void *handle) const { ::dlclose(handle); }
};
using Handle = std::unique_ptr<void, HandleDeleter>;

/// A file that is loaded. It stays open: while it is, no other file gets its
/// number, by which dlopen tells files apart, nor its descriptor's name.
class LoadedFile {
public:
  /// Leaves the handle with the caller if it throws.
  LoadedFile(OpenFile file, Handle &handle, const std::string &name);
  ~LoadedFile();
  LoadedFile(const LoadedFile &) = delete;
  LoadedFile &operator=(const LoadedFile &) = delete;

  /// Debuggers and backtraces show what the loader calls a library, and look
  /// there for its symbols: the file's name says more than its descriptor's,
  /// and is of use when the process is gone.
  void showName();
  /// Back to what it was loaded by, which leads to it even if its name now
  /// leads to another.
  void showDescriptor();

  /// Whether someone wrote to the file: cut it short, or cut it and filled it
  /// again, which undoes the relocations in memory. The loader too crashes on
  /// such a library.
  bool isDamaged() const;

  OpenFile file;
  void *const handle;
  const std::string name;
  size_t users = 1;

private:
  link_map *map = nullptr;
  char *loadedBy = nullptr;
  /// A copy of it: whoever unloads the library may have no memory for one.
  std::string how;
  /// The dynamic section as it was relocated.
  std::vector<ElfW(Dyn)> dynamic;
};
} // namespace tern::runtime

/// What is loaded, each file once; to be used with the lock held.
static ForkSafeMutex &registryLock() {
  static auto &lock = *new ForkSafeMutex;
  return lock;
}
static std::vector<LoadedFile *> &registry() {
  static auto &files = *new std::vector<LoadedFile *>;
  return files;
}

LoadedFile::LoadedFile(OpenFile file, Handle &loaded, const std::string &name)
    : file(std::move(file)), handle(loaded.get()), name(name) {
  if (::dlinfo(handle, RTLD_DI_LINKMAP, static_cast<void *>(&map)) == 0) {
    loadedBy = map->l_name;
    how = loadedBy;
    const ElfW(Dyn) *end = map->l_ld;
    while (end->d_tag != DT_NULL)
      ++end;
    dynamic.assign(static_cast<const ElfW(Dyn) *>(map->l_ld), end);
  } else {
    map = nullptr;
  }
  (void)loaded.release();
}

bool LoadedFile::isDamaged() const {
  return file.hasShrunk() ||
         (!dynamic.empty() &&
          std::memcmp(map->l_ld, dynamic.data(),
                      dynamic.size() * sizeof(ElfW(Dyn))) != 0);
}

void LoadedFile::showName() {
  if (map)
    map->l_name = const_cast<char *>(name.c_str());
}

void LoadedFile::showDescriptor() {
  if (map)
    map->l_name = loadedBy;
}

LoadedFile::~LoadedFile() {
  // The loader frees the string.
  showDescriptor();
  if (isDamaged()) {
    // There is nothing left that could be unloaded.
    file.leak();
    return;
  }
  ::dlclose(handle);
  // Someone else may have a handle of it too, or it is never unloaded.
  if (void *stillLoaded = ::dlopen(how.c_str(), RTLD_NOW | RTLD_NOLOAD)) {
    ::dlclose(stillLoaded);
    file.leak();
  }
}

Library::~Library() {
  if (!file)
    return;
  std::lock_guard<ForkSafeMutex> lock(registryLock());
  if (--file->users != 0)
    return;
  std::vector<LoadedFile *> &files = registry();
  files.erase(std::find(files.begin(), files.end(), file));
  delete file;
}

/// A copy in memory, which has a number of its own.
static MaybeError copyFile(const OpenFile &file, const std::string &path,
                           OpenFile &copy) {
  auto fail = [&](const char *what) {
    return "cannot load '" + path + "', which was written to while it was " +
           "loaded: " + what + ": " + std::strerror(errno);
  };
  int fd = ::memfd_create("tern-artifact", MFD_CLOEXEC);
  if (fd < 0)
    return fail("cannot make a copy");
  std::vector<char> buffer(size_t(1) << 20);
  for (off_t at = 0;;) {
    ssize_t count =
        ::pread(file.descriptor(), buffer.data(), buffer.size(), at);
    if (count < 0 && errno == EINTR)
      continue;
    if (count == 0)
      break;
    for (ssize_t done = 0; count > 0 && done < count;) {
      ssize_t wrote = ::pwrite(fd, buffer.data() + done,
                               static_cast<size_t>(count - done), at + done);
      if (wrote < 0 && errno == EINTR)
        continue;
      if (wrote <= 0)
        count = -1;
      else
        done += wrote;
    }
    if (count < 0) {
      MaybeError error = fail("cannot make a copy");
      ::close(fd);
      return error;
    }
    at += count;
  }
  return copy.adopt(fd, path);
}

static MaybeError checkFile(const OpenFile &file, const std::string &path,
                            const std::string &symbol) {
  void *mapped = nullptr;
  if (file.size()) {
    mapped = ::mmap(nullptr, file.size(), PROT_READ, MAP_PRIVATE,
                    file.descriptor(), 0);
    if (mapped == MAP_FAILED)
      return "cannot read '" + path + "': " + std::strerror(errno);
  }
  MaybeError error = checkSharedLibrary(static_cast<const char *>(mapped),
                                        file.size(), "'" + path + "'", symbol);
  if (mapped)
    ::munmap(mapped, file.size());
  return error;
}

/// What the system calls an open file: "/proc/123/fd/4". A debugger can follow
/// it too, unlike /proc/self. Empty if there is no such thing.
static std::string descriptorPath(const OpenFile &file,
                                  const std::string &proc) {
  char self[32];
  ssize_t length = ::readlink((proc + "/self").c_str(), self, sizeof(self) - 1);
  if (length <= 0)
    return "";
  self[length] = '\0';
  std::string path =
      proc + "/" + self + "/fd/" + std::to_string(file.descriptor());
  struct stat status;
  if (::stat(path.c_str(), &status) != 0 || !file.isSameFile(status))
    return "";
  return path;
}

static std::string absolutePath(const std::string &path) {
  char *resolved = ::realpath(path.c_str(), nullptr);
  std::string result = resolved ? resolved : path;
  std::free(resolved);
  return result;
}

static bool isLoaded(const std::string &path) {
  void *handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_NOLOAD);
  if (handle)
    ::dlclose(handle);
  return handle != nullptr;
}

static Failure cannotLoad(const std::string &path, const std::string &why) {
  return Failure{TERN_BAD_ARTIFACT, "cannot load '" + path + "': " + why};
}

/// What helps against what the loader says; empty if nothing is known.
static const char *getRemedy(const std::string &why) {
  auto has = [&](const char *part) {
    return why.find(part) != std::string::npos;
  };
  if (has("Operation not permitted") || has("Permission denied"))
    return "; code may not run from that file system (noexec): copy the file "
           "to another";
  if (has("GLIBC_"))
    return "; this system's C library is older than that of the one it was "
           "linked on: compile the model here, or link an object (-o X.o) here";
  if (has("undefined symbol"))
    return "; compile the model again with the version of Tern that runs it";
  if (has("cannot open shared object file"))
    return "; install that library, or compile the model again";
  if (has("Cannot allocate memory") || has("cannot allocate memory"))
    return "; free some memory, or raise its limit (ulimit -v)";
  return "";
}

static MaybeFailure load(const std::string &how, const std::string &path,
                         Handle &handle) {
  handle.reset(::dlopen(how.c_str(), RTLD_NOW | RTLD_LOCAL));
  if (handle)
    return std::nullopt;
  const char *problem = ::dlerror();
  std::string why = problem ? problem : "unknown reason";
  // The descriptor's name means nothing to the reader.
  if (why.compare(0, how.size() + 2, how + ": ") == 0)
    why.erase(0, how.size() + 2);
  return cannotLoad(path, why + getRemedy(why));
}

/// Loads without /proc: by name, which must mean this file all the while.
static MaybeFailure loadByName(const OpenFile &file, const std::string &path,
                               Handle &handle) {
  std::string how = absolutePath(path);
  if (isLoaded(how))
    return cannotLoad(path, "another version of it is still loaded, and only "
                            "with /proc mounted can both be; destroy that "
                            "program first, or load a copy by another name");
  if (MaybeFailure failure = load(how, path, handle))
    return failure;
  struct stat status;
  if (::stat(how.c_str(), &status) == 0 && file.isSameFile(status))
    return std::nullopt;
  handle.reset();
  return cannotLoad(path, "it was replaced meanwhile; load it again");
}

MaybeFailure Library::open(const std::string &path, const std::string &proc,
                           const std::string &symbol) {
  OpenFile opened;
  if (MaybeError error = opened.open(path))
    return Failure{TERN_IO_ERROR, *error};
  if (MaybeError error = checkFile(opened, path, symbol))
    return Failure{TERN_BAD_ARTIFACT, *error};

  std::lock_guard<ForkSafeMutex> lock(registryLock());
  std::string name = absolutePath(path);
  for (const LoadedFile *loaded : registry())
    if (loaded->isDamaged())
      return cannotLoad(path, describeCutFile(loaded->name));
  for (LoadedFile *loaded : registry())
    if (loaded->file.isSameVersion(opened)) {
      file = loaded;
      ++file->users;
      return std::nullopt;
    }
  std::string how = descriptorPath(opened, proc);
  Handle handle;
  if (how.empty()) {
    if (MaybeFailure failure = loadByName(opened, path, handle))
      return failure;
  } else {
    // The file is loaded, but as what it was before someone wrote to it; or by
    // others than this class, which does not know what it was.
    if (isLoaded(how)) {
      OpenFile copy;
      if (MaybeError error = copyFile(opened, path, copy))
        return Failure{TERN_IO_ERROR, *error};
      if (MaybeError error = checkFile(copy, path, symbol))
        return Failure{TERN_BAD_ARTIFACT, *error};
      opened = std::move(copy);
      how = descriptorPath(opened, proc);
      if (how.empty() || isLoaded(how))
        return cannotLoad(path, "another library goes by the same name");
    }
    if (MaybeFailure failure = load(how, path, handle))
      return failure;
  }
  // What is loaded must not be lost where memory ends.
  registry().reserve(registry().size() + 1);
  auto fresh = std::make_unique<LoadedFile>(std::move(opened), handle, name);
  registry().push_back(fresh.get());
  for (LoadedFile *loaded : registry())
    if (loaded->name == name)
      loaded->showDescriptor();
  file = fresh.release();
  file->showName();
  return std::nullopt;
}

bool Library::isDamaged() const { return file && file->isDamaged(); }

void *Library::find(const std::string &symbol) const {
  return ::dlsym(file->handle, symbol.c_str());
}

MaybeFailure tern::runtime::checkAbi(uint32_t abi, const std::string &name) {
  if (abi == TERN_ARTIFACT_ABI)
    return std::nullopt;
  return Failure{TERN_BAD_ARTIFACT,
                 name + " has artifact ABI " + std::to_string(abi) +
                     ", this runtime has " + std::to_string(TERN_ARTIFACT_ABI) +
                     "; compile the model again"};
}

std::string tern::runtime::defaultWeightsPath(const std::string &artifact) {
  std::string stem = artifact;
  if (stem.size() > 3 && stem.compare(stem.size() - 3, 3, ".so") == 0)
    stem.resize(stem.size() - 3);
  return stem + ".safetensors";
}
