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

/// An artifact opened with dlopen.
class Library {
public:
  Library() = default;
  Library(const Library &) = delete;
  Library &operator=(const Library &) = delete;
  ~Library();

  MaybeFailure open(const std::string &path);
  explicit operator bool() const { return handle; }

  /// Null if there is no such symbol.
  void *find(const std::string &symbol) const;
  template <typename Pointer>
  void find(const std::string &symbol, Pointer &pointer) const {
    pointer = reinterpret_cast<Pointer>(find(symbol));
  }

private:
  void *handle = nullptr;
};

/// Checks an artifact's version. `name` is for messages: 'X.so'.
MaybeFailure checkAbi(uint32_t (*abi)(void), const std::string &name);

/// The name of an artifact's default weights: X.so -> X.safetensors.
std::string defaultWeightsPath(const std::string &artifact);

} // namespace tern::runtime

#endif // TERN_RUNTIME_LIBRARY_H
