//===- Link.h - Shared libraries and executables ----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TARGET_LINK_H
#define TERN_LIB_TARGET_LINK_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace tern {

/// A file that is removed at the end of its scope, and when the program is
/// interrupted.
class TemporaryFile {
public:
  TemporaryFile() = default;
  TemporaryFile(const TemporaryFile &) = delete;
  ~TemporaryFile();

  /// Creates an empty file in the folder for temporary files or, with
  /// `beside`, in the folder of that path.
  llvm::Error create(llvm::StringRef suffix, llvm::StringRef beside = {});
  /// Renames the file; it then stays.
  llvm::Error moveTo(llvm::StringRef target);
  const std::string &getPath() const { return path; }

private:
  std::string path;
};

/// Links `inputs` with the system's C compiler as a driver. A shared library
/// may need nothing but libc and libm.
llvm::Error linkProduct(llvm::ArrayRef<std::string> inputs,
                        llvm::StringRef output, bool isLibrary,
                        llvm::StringRef triple, bool verbose);

} // namespace tern

#endif // TERN_LIB_TARGET_LINK_H
