//===- Publish.cpp - Rename finished files into place ---------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Publish.h"
#include "tern/runtime/AtomicFile.h"
#include "tern/runtime/WeightsFile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Errno.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <cerrno>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace tern;
namespace fs = llvm::sys::fs;
namespace path = llvm::sys::path;
using llvm::StringRef;
using llvm::Twine;
using runtime::AtomicFile;

namespace {

/// An open file or folder.
class Descriptor {
public:
  Descriptor(const std::string &path, int flags)
      : fd(llvm::sys::RetryAfterSignal(-1, ::open, path.c_str(),
                                       flags | O_CLOEXEC)) {}
  Descriptor(const Descriptor &) = delete;
  ~Descriptor() {
    if (fd >= 0)
      (void)::close(fd);
  }
  int get() const { return fd; }

private:
  int fd;
};

llvm::Error writeError(StringRef path, int code) {
  return llvm::createStringError("cannot write '" + path +
                                 "': " + std::generic_category().message(code));
}

llvm::Error toError(runtime::MaybeError problem) {
  return problem ? llvm::createStringError(*problem) : llvm::Error::success();
}

/// The folder of a file, where links at its name lead.
std::string getFolder(const std::string &file) {
  std::string real = AtomicFile::resolve(file);
  StringRef folder = path::parent_path(real);
  return folder.empty() ? "." : folder.str();
}

/// Appends a whole file.
llvm::Error copyInto(AtomicFile &copy, int from, StringRef target) {
  std::vector<char> buffer(1 << 20);
  for (off_t at = 0;;) {
    ssize_t size = ::pread(from, buffer.data(), buffer.size(), at);
    if (size < 0 && errno == EINTR)
      continue;
    if (size < 0)
      return writeError(target, errno);
    if (size == 0)
      return llvm::Error::success();
    if (auto problem = copy.write(buffer.data(), static_cast<size_t>(size)))
      return toError(problem);
    at += size;
  }
}

/// Gives a file the owner, group and permissions of one that takes the place of
/// `model`; 0, or an error's number.
int takePermissions(int fd, const std::string &model, bool isProgram) {
  unsigned mode = 0666 & ~fs::getUmask();
  struct stat existing;
  if (::stat(model.c_str(), &existing) == 0 &&
      !AtomicFile::takeOwner(fd, existing, mode))
    return errno;
  if (isProgram)
    mode |= (mode & 0444) >> 2;
  return ::fchmod(fd, mode) == 0 ? 0 : errno;
}

/// Moves a file to `target` with the permissions that a file at `model` would
/// hand on.
llvm::Error place(const std::string &path, const std::string &target,
                  const std::string &model, bool isProgram, bool durable) {
  Descriptor file(path, O_RDONLY);
  if (file.get() < 0)
    return writeError(target, errno);
  std::string real = AtomicFile::resolve(target);
  if (int code =
          takePermissions(file.get(), AtomicFile::resolve(model), isProgram))
    return writeError(target, code);
  // Some file systems, in memory say, have nothing to synchronize with.
  if (durable && llvm::sys::RetryAfterSignal(-1, ::fsync, file.get()) != 0 &&
      errno != EINVAL && errno != ENOSYS)
    return writeError(target, errno);
  if (::rename(path.c_str(), real.c_str()) == 0)
    return durable ? toError(AtomicFile::syncFolder(real))
                   : llvm::Error::success();
  if (errno != EXDEV)
    return writeError(target, errno);
  // A link to another file system.
  AtomicFile copy;
  if (auto problem = copy.open(real))
    return toError(problem);
  if (llvm::Error error = copyInto(copy, file.get(), target))
    return error;
  Descriptor copied(copy.temporaryPath(), O_RDONLY);
  if (int code = copied.get() < 0
                     ? errno
                     : takePermissions(copied.get(), AtomicFile::resolve(model),
                                       isProgram))
    return writeError(target, code);
  return toError(copy.commit(durable));
}

bool isId(StringRef text) {
  return text.size() == 32 && llvm::all_of(text, [](char c) {
           return llvm::isDigit(c) || (c >= 'a' && c <= 'f');
         });
}

bool containsText(const Twine &file, const Twine &text) {
  auto buffer = llvm::MemoryBuffer::getFile(file, /*IsText=*/false,
                                            /*RequiresNullTerminator=*/false);
  return buffer && (*buffer)->getBuffer().contains(text.str());
}

/// Removes STEM.ID.safetensors that crashes left: weights whose metadata has
/// the id in their name, which is neither `id` nor in the code beside them.
void removeLeftWeights(const std::string &weights, StringRef id) {
  StringRef stem = weights;
  if (!stem.consume_back(".safetensors"))
    return;
  std::string prefix = (path::filename(stem) + ".").str();
  StringRef folder = path::parent_path(weights);
  std::error_code error;
  for (fs::directory_iterator it(folder.empty() ? "." : folder, error,
                                 /*follow_symlinks=*/false),
       end;
       it != end && !error; it.increment(error)) {
    StringRef other = path::filename(it->path());
    if (!other.consume_front(prefix) || !other.consume_back(".safetensors") ||
        !isId(other) || other == id || !fs::is_regular_file(it->path()))
      continue;
    bool isNeeded = llvm::any_of(
        llvm::ArrayRef<const char *>{"", ".so", ".o"}, [&](const char *suffix) {
          return containsText(stem + Twine(suffix), other);
        });
    if (!isNeeded &&
        containsText(it->path(), "\"tern_weights_id\":\"" + other + "\""))
      (void)fs::remove(it->path());
  }
}

} // namespace

llvm::Error tern::publish(const FinishedFile &file, bool durable) {
  return place(file.path, file.target, file.target, file.isProgram, durable);
}

llvm::Error tern::publishPair(const FinishedFile &code,
                              const FinishedFile &weights, StringRef id,
                              bool durable) {
  // Two compilers that write the same files take turns, so that the last code
  // meets the last weights. Without locks they do not. What need not last is in
  // a temporary folder of this process, which has locked it already.
  Descriptor folder(getFolder(code.target), O_RDONLY | O_DIRECTORY);
  if (durable && folder.get() >= 0)
    (void)llvm::sys::RetryAfterSignal(-1, ::flock, folder.get(), LOCK_EX);

  std::string withId = runtime::weightsPathWithId(weights.target, id.str());
  if (llvm::Error error = place(weights.path, withId, weights.target,
                                weights.isProgram, durable))
    return error;
  if (llvm::Error error = publish(code, durable)) {
    removeLeftWeights(weights.target, /*id=*/"");
    return error;
  }
  if (llvm::Error error = publish({withId, weights.target}, durable))
    return error;
  removeLeftWeights(weights.target, id);
  return llvm::Error::success();
}
