//===- NonFinite.cpp - Find NaNs and infinities ----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NonFinite.h"
#include "../io/ElementType.h"

#include <algorithm>

using namespace tern::runtime;

/// The first number whose magnitude is infinity's or above it, where NaNs are;
/// with `onlyNaN`, above it.
template <typename Bits>
static std::optional<int64_t> find(const void *data, int64_t count,
                                   Bits infinity, bool onlyNaN) {
  const Bits *bits = static_cast<const Bits *>(data);
  constexpr Bits magnitude = static_cast<Bits>(~Bits(0)) >> 1;
  Bits least = static_cast<Bits>(infinity + (onlyNaN ? 1 : 0));
  constexpr int64_t block = 4096;
  for (int64_t begin = 0; begin < count; begin += block) {
    int64_t end = std::min(count, begin + block);
    // Without an early exit the loop becomes vector code.
    bool found = false;
    for (int64_t i = begin; i < end; ++i)
      found |= (bits[i] & magnitude) >= least;
    for (int64_t i = begin; found && i < end; ++i)
      if ((bits[i] & magnitude) >= least)
        return i;
  }
  return std::nullopt;
}

static std::optional<int64_t> find(DType dtype, const void *data, int64_t count,
                                   bool onlyNaN) {
  return withInfinity(dtype, [&](auto infinity) {
    return find(data, count, infinity, onlyNaN);
  });
}

std::optional<int64_t>
tern::runtime::findNonFinite(DType dtype, const void *data, int64_t count) {
  return find(dtype, data, count, /*onlyNaN=*/false);
}

std::optional<int64_t> tern::runtime::findNaN(DType dtype, const void *data,
                                              int64_t count) {
  return find(dtype, data, count, /*onlyNaN=*/true);
}
