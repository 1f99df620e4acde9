//===- AtomicFile.h - Files that appear whole or not at all -----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_ATOMICFILE_H
#define TERN_RUNTIME_ATOMICFILE_H

#include "tern/runtime/DType.h"

struct stat;

namespace tern::runtime {

/// Writes to a temporary file in the target's folder; commit() renames it.
/// Until then, and after any error, the target is as it was. Symbolic links are
/// followed; a target that is not a regular file (a device, a folder) is an
/// error.
///
/// The temporary file is a new one (O_CREAT, O_EXCL, O_CLOEXEC), with a random
/// name: .NAME.tmp and 16 hexadecimal digits, NAME being at most 64 bytes of
/// the target's. Process ids would repeat: in a container every process is
/// number 1. A target that exists hands on its permissions, and its owner and
/// group if the process may; if not its group, the new group may do what others
/// may. From its creation on the file lets nobody do more than that.
///
/// Until it is renamed the file is locked (flock), which is how removeStale()
/// tells what a killed process left behind from what is being written.
class AtomicFile {
public:
  AtomicFile() = default;
  AtomicFile(const AtomicFile &) = delete;
  AtomicFile &operator=(const AtomicFile &) = delete;
  ~AtomicFile() { discard(); }

  /// Creates the temporary file. `mode` is that of a target which does not
  /// exist yet; the umask applies to it.
  [[nodiscard]] MaybeError open(const std::string &path, unsigned mode = 0666);
  /// Appends.
  [[nodiscard]] MaybeError write(const void *data, size_t size);
  /// Writes at a position; does not move the end for write().
  [[nodiscard]] MaybeError writeAt(uint64_t offset, const void *data,
                                   size_t size);
  /// Reads `size` bytes that were written at a position.
  [[nodiscard]] MaybeError readAt(uint64_t offset, void *data, size_t size);
  /// Puts the contents on the disk, so that a commit() soon after can hardly
  /// fail: for files that belong together. Writing may go on.
  [[nodiscard]] MaybeError sync();
  /// Renames and closes. With `durable` the contents are on the disk before and
  /// the new name is after it: the target is whole, old or new, even if the
  /// machine fails.
  [[nodiscard]] MaybeError commit(bool durable = false);
  /// Removes the temporary file, if any.
  void discard();

  bool isOpen() const { return fd >= 0; }
  /// The temporary file, for programs that are to write it; they must write
  /// into it, not replace it. Empty unless open.
  const std::string &temporaryPath() const { return temporary; }
  /// The error number of the system behind the last error, 0 if there is none.
  int errorCode() const { return code; }

  /// Removes temporary files of this target, of this version and earlier ones
  /// (.NAME.tmpPID.NUMBER), that killed processes left behind: those that
  /// nobody has locked and that were not written to for a minute, or for an
  /// hour where the file system has no locks. Does nothing if it cannot.
  static void removeStale(const std::string &path);

  /// The file that a path means: follows symbolic links, also to one that is
  /// not there yet.
  static std::string resolve(const std::string &path);

  /// What the names of a target's temporary files and folders begin with: a
  /// dot, at most 64 bytes of its name, and .tmp.
  static std::string temporaryPrefix(const std::string &target);
  /// At most `limit` bytes of a file's name: names have a limit, 255 bytes
  /// nearly everywhere. Some file systems insist on UTF-8, so it is cut where a
  /// character begins.
  static std::string shortenName(const std::string &name, size_t limit);

  /// Gives an open file the owner and group of the file whose place it is to
  /// take, as far as the process may, and says which permissions that one hands
  /// on: whoever is in another group than before may do what others may. False
  /// is an error of the system, by errno.
  [[nodiscard]] static bool takeOwner(int fd, const struct stat &existing,
                                      unsigned &mode);

  /// Puts the names in the folder of `path` on the disk: those of files that
  /// were created, renamed or removed. File systems that cannot are no error.
  [[nodiscard]] static MaybeError syncFolder(const std::string &path);

private:
  MaybeError fail(const std::string &what);
  MaybeError create(unsigned mode);

  int fd = -1, code = 0;
  uint64_t end = 0;
  std::string path;
  std::string target;
  std::string temporary;
};

} // namespace tern::runtime

#endif // TERN_RUNTIME_ATOMICFILE_H
