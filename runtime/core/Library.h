//===- Library.h - A shared library with a model ---------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_LIBRARY_H
#define TERN_RUNTIME_LIBRARY_H

#include "Host.h"

#include <type_traits>

namespace tern::runtime {

class LoadedFile;

/// An artifact opened with dlopen.
///
/// The file is opened once and loaded through its descriptor, so that what was
/// checked is what runs: dlopen alone gives the old library for the name of one
/// that was replaced, as long as it is loaded. Two of the same file share one.
class Library {
public:
  Library() = default;
  Library(const Library &) = delete;
  Library &operator=(const Library &) = delete;
  ~Library();

  /// `proc` is where the system shows a process's open files. Where it is not
  /// mounted, files are loaded by name, and one whose predecessor of the same
  /// name is still loaded is an error.
  /// `symbol` is what the library must define.
  MaybeFailure open(const std::string &path, const std::string &proc = "/proc",
                    const std::string &symbol = "tern_model");
  explicit operator bool() const { return file; }

  /// Whether someone wrote to the file in a way that broke what is in memory.
  bool isDamaged() const;

  /// Null if there is no such symbol.
  void *find(const std::string &symbol) const;
  template <typename Pointer>
  void find(const std::string &symbol, Pointer &pointer) const {
    pointer = reinterpret_cast<Pointer>(find(symbol));
  }

private:
  LoadedFile *file = nullptr;
};

/// What an artifact of another version is told. `name` is for messages: 'X.so'.
MaybeFailure checkAbi(uint32_t abi, const std::string &name);

/// The name of an artifact's default weights: X.so -> X.safetensors.
std::string defaultWeightsPath(const std::string &artifact);

} // namespace tern::runtime

#endif // TERN_RUNTIME_LIBRARY_H
