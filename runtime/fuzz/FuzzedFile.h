//===- FuzzedFile.h - Fuzzed bytes as a memfd -------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_FUZZ_FUZZEDFILE_H
#define TERN_RUNTIME_FUZZ_FUZZEDFILE_H

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include <sys/mman.h>
#include <unistd.h>

/// A file in memory, as long as this lives.
class FuzzedFile {
public:
  FuzzedFile(const uint8_t *data, size_t size)
      : descriptor(::memfd_create("fuzzed", MFD_CLOEXEC)) {
    if (descriptor < 0 ||
        ::write(descriptor, data, size) != static_cast<ssize_t>(size))
      std::abort();
  }
  FuzzedFile(const FuzzedFile &) = delete;
  FuzzedFile &operator=(const FuzzedFile &) = delete;
  ~FuzzedFile() { ::close(descriptor); }

  std::string path() const {
    return "/proc/self/fd/" + std::to_string(descriptor);
  }

private:
  int descriptor;
};

/// What is refused is refused with words.
inline void checkMessage(const std::string &message) {
  if (message.empty())
    __builtin_trap();
}

#endif // TERN_RUNTIME_FUZZ_FUZZEDFILE_H
