//===- Shuffle.cpp - Counter-based random orders ---------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Shuffle.h"

using namespace tern::runtime;

static constexpr uint64_t golden = 0x9e3779b97f4a7c15;

uint64_t tern::runtime::mixBits(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

Permutation::Permutation(uint64_t size, uint64_t seed, uint64_t stream)
    : size(size) {
  while (halfBits < 32 && size > uint64_t(1) << (2 * halfBits))
    ++halfBits;
  uint64_t key = mixBits(mixBits(seed + golden) + stream);
  for (uint64_t &round : keys)
    round = mixBits(key += golden);
}

uint64_t Permutation::operator()(uint64_t index) const {
  uint64_t mask = (uint64_t(1) << halfBits) - 1;
  do {
    uint64_t left = index >> halfBits, right = index & mask;
    for (uint64_t key : keys) {
      uint64_t next = left ^ (mixBits(key ^ (right * golden)) & mask);
      left = right;
      right = next;
    }
    index = left << halfBits | right;
  } while (index >= size);
  return index;
}
