//===- TemporaryFolder.h - Temporary folders, removed in the end ----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_SUPPORT_TEMPORARYFOLDER_H
#define TERN_SUPPORT_TEMPORARYFOLDER_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include <string>

namespace tern {

/// A new folder that only its owner may enter. It goes, with all that is in it,
/// at the end of its scope and when the program is interrupted. What a killed
/// program left goes when the next folder is made in the same place: while it
/// is in use a folder is locked (flock), and the lock ends with the process.
class TemporaryFolder {
public:
  TemporaryFolder() = default;
  TemporaryFolder(const TemporaryFolder &) = delete;
  ~TemporaryFolder();

  /// Makes the folder beside the file `path`, on the same file system, so that
  /// files can be renamed to it. Symbolic links are followed. An error says
  /// that `path` cannot be written.
  llvm::Error createBeside(llvm::StringRef path);
  /// Makes it in the system's folder for temporary files.
  llvm::Error createInSystemFolder();

  /// The absolute path of a file in the folder.
  std::string getFile(llvm::StringRef name) const;
  llvm::StringRef getPath() const { return path; }

  /// Removes all folders of this process, for handlers that end it: calls
  /// nothing that a signal handler may not, and allocates nothing.
  static void removeAll();

private:
  /// Makes PARENT/PREFIX and six random letters.
  std::error_code create(llvm::StringRef parent, llvm::StringRef prefix);

  std::string path;
  /// Holds the lock.
  int descriptor = -1;
  /// Where the signal handler finds it.
  int slot = -1;
};

} // namespace tern

#endif // TERN_SUPPORT_TEMPORARYFOLDER_H
