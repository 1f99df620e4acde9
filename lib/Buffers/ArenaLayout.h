//===- ArenaLayout.h - Offsets of buffers in an arena -----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_BUFFERS_ARENALAYOUT_H
#define TERN_LIB_BUFFERS_ARENALAYOUT_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>

namespace tern {

/// Every buffer starts at a multiple of this many bytes.
inline constexpr int64_t kArenaAlignment = 64;

/// A buffer that is alive from operation `first` to operation `last`, both
/// inclusive, and `size` units long.
struct ArenaSlot {
  int64_t first, last;
  int64_t size;
  /// Set by layOutArena.
  int64_t offset = 0;
};

/// Gives slots that are alive at once disjoint ranges and returns the end of
/// the highest one. Greedy by size: each slot, the largest first, takes the
/// smallest gap it fits in, else the end. (Y. Pisarchyk, J. Lee: Efficient
/// Memory Management for Deep Neural Net Inference, arXiv:2001.03288.)
int64_t layOutArena(llvm::MutableArrayRef<ArenaSlot> slots);

} // namespace tern

#endif // TERN_LIB_BUFFERS_ARENALAYOUT_H
