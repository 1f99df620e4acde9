//===- Sha256.h - A hash of bytes -------------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_SHA256_H
#define TERN_RUNTIME_SHA256_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace tern::runtime {

/// SHA-256 (FIPS 180-4) of bytes that come in pieces. Own code because
/// executables link the runtime statically, and libraries that have it, of
/// cryptography all, would be most of them.
class Sha256 {
public:
  void update(const void *data, uint64_t size);
  /// The hash of everything so far in 64 lowercase hexadecimal digits. Nothing
  /// may come after.
  std::string finish();

private:
  void addBlock(const unsigned char *block);

  std::array<uint32_t, 8> state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372,
                                   0xa54ff53a, 0x510e527f, 0x9b05688c,
                                   0x1f83d9ab, 0x5be0cd19};
  /// The bytes that do not fill a block yet.
  std::array<unsigned char, 64> rest;
  uint64_t total = 0;
};

} // namespace tern::runtime

#endif // TERN_RUNTIME_SHA256_H
