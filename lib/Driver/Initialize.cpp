//===- Initialize.cpp - Random initial parameters -------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Initialize.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/SHA256.h"
#include <cmath>

using namespace tern;

/// The output function of splitmix64, a bijection that mixes all bits.
static uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

void tern::initializeUniform(llvm::MutableArrayRef<float> values,
                             llvm::StringRef name, uint64_t seed,
                             int64_t fanIn) {
  // Every parameter has a stream of its own, whatever others there are.
  llvm::SHA256 hash;
  hash.update(name);
  auto digest = hash.final();
  uint64_t stream = 0;
  for (int byte = 0; byte < 8; ++byte)
    stream = stream << 8 | digest[byte];
  uint64_t start = mix(mix(seed + 0x9e3779b97f4a7c15) ^ stream);
  double bound = 1 / std::sqrt(static_cast<double>(fanIn));
  for (auto [i, value] : llvm::enumerate(values)) {
    uint64_t bits = mix(start + (i + 1) * 0x9e3779b97f4a7c15);
    double unit = static_cast<double>(bits >> 11) * 0x1p-53;
    value = static_cast<float>((2 * unit - 1) * bound);
  }
}
