//===- OutputGuard.h - Refuse to write over inputs --------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_SUPPORT_OUTPUTGUARD_H
#define TERN_SUPPORT_OUTPUTGUARD_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/FileSystem/UniqueID.h"
#include <map>
#include <string>

namespace tern {

/// What a program reads and writes, so that it replaces no file that it should
/// not. Files are compared by device and inode: links do not hide them.
class OutputGuard {
public:
  /// With `force` outputs may replace any safetensors file, though no input.
  explicit OutputGuard(bool force = false) : force(force) {}

  /// The file is read and must never be written. `what` is for messages: "the
  /// model". A file that does not exist, or is no regular file, is ignored.
  void addInput(const llvm::Twine &path, llvm::StringRef what);
  /// What standard input is read from, if it is a file.
  void addStandardInput();

  /// Checks that the file may be written, before anything is. `what` as above:
  /// "the output". One error each, naming the file: it is an input; it was
  /// claimed already; it is no regular file; its folder does not exist; it is a
  /// safetensors file, by name or by contents, that is not the weights of a
  /// compiled model (it may be anybody's, or a checkpoint).
  llvm::Error claim(const llvm::Twine &path, llvm::StringRef what);

  /// The first of these checks alone.
  llvm::Error checkNotInput(const llvm::Twine &path, llvm::StringRef what);

private:
  struct File {
    std::string path, what;
  };

  bool force;
  std::map<llvm::sys::fs::UniqueID, File> inputs;
  /// Outputs by the folder and the name that they will have there.
  std::map<std::pair<llvm::sys::fs::UniqueID, std::string>, File> outputs;
  /// Outputs that exist already.
  std::map<llvm::sys::fs::UniqueID, File> existing;
};

/// For tools whose options are MLIR's, of which only MLIR knows what they mean:
/// an error if two arguments, or values of options, are one regular file that
/// exists. Either might be an output. Options of plugins may name one twice.
llvm::Error checkCommandLineOutputs(int argc, const char *const *argv);

} // namespace tern

#endif // TERN_SUPPORT_OUTPUTGUARD_H
