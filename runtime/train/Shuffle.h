//===- Shuffle.h - Counter-based random orders -----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_SHUFFLE_H
#define TERN_RUNTIME_SHUFFLE_H

#include <cstddef>
#include <cstdint>

namespace tern::runtime {

/// The output function of SplitMix64 (Steele, Lea, Flood: Fast splittable
/// pseudorandom number generators, 2014): a bijection that mixes all bits.
uint64_t mixBits(uint64_t value);

/// A random order of the numbers [0, size), of which each element can be
/// computed by itself: nothing but the arguments is state. A balanced Feistel
/// network of 8 rounds, whose round function is mixBits, permutes the next
/// power of 4; elements beyond `size` are stepped over by permuting again
/// ("cycle walking"; Black, Rogaway: Ciphers with arbitrary finite domains,
/// 2002).
class Permutation {
public:
  /// Different streams of one seed are different orders.
  Permutation(uint64_t size, uint64_t seed, uint64_t stream);
  /// `index` < size.
  uint64_t operator()(uint64_t index) const;

private:
  static constexpr size_t numRounds = 8;
  uint64_t size;
  unsigned halfBits = 4;
  uint64_t keys[numRounds];
};

} // namespace tern::runtime

#endif // TERN_RUNTIME_SHUFFLE_H
