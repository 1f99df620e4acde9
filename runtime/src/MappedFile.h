//===- MappedFile.h - Files in memory, read-only ----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_MAPPEDFILE_H
#define TERN_RUNTIME_MAPPEDFILE_H

#include "tern/runtime/DType.h"

namespace tern::runtime {

/// A whole regular file mapped on read-only pages.
class MappedFile {
public:
  MappedFile() = default;
  MappedFile(MappedFile &&other) noexcept;
  MappedFile &operator=(MappedFile &&other) noexcept;
  ~MappedFile();

  [[nodiscard]] MaybeError open(const std::string &path);

  const char *data() const { return bytes; }
  uint64_t size() const { return length; }

private:
  const char *bytes = nullptr;
  uint64_t length = 0;
};

} // namespace tern::runtime

#endif // TERN_RUNTIME_MAPPEDFILE_H
