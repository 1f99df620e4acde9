//===- Philox.h - Philox4x32-10 random numbers as IR ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as
// easy as 1, 2, 3" (SC 2011): a function from a counter of four words and a key
// of two to four random words. It has no state, so the number that belongs to
// an element is the same whoever computes it, and when.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_SUPPORT_PHILOX_H
#define TERN_SUPPORT_PHILOX_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include <array>

namespace tern {

/// Draws by counter (place, place >> 32, step, stream) and key (seed,
/// seed >> 32); the lower 32 bits of each.
class Philox {
public:
  /// The words that are no part of a place, computed at `b`. Seed and step are
  /// i64.
  Philox(mlir::ImplicitLocOpBuilder &b, mlir::Value seed, mlir::Value step,
         uint64_t stream);

  /// The first word for a place, which is i64: an i64 below 2^32.
  mlir::Value draw(mlir::ImplicitLocOpBuilder &b, mlir::Value place) const;

private:
  static constexpr int numRounds = 10;
  /// Words are i64 below 2^32: products of two need no other type.
  std::array<std::array<mlir::Value, 2>, numRounds> keys;
  mlir::Value step, stream;
};

} // namespace tern

#endif // TERN_SUPPORT_PHILOX_H
