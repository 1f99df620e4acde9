//===- ArenaLayout.cpp - Offsets of buffers in an arena -------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ArenaLayout.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include <limits>

using namespace tern;

int64_t tern::layOutArena(llvm::MutableArrayRef<ArenaSlot> slots) {
  llvm::SmallVector<ArenaSlot *> order;
  for (ArenaSlot &slot : slots)
    order.push_back(&slot);
  llvm::sort(order, [](ArenaSlot *a, ArenaSlot *b) {
    if (a->size != b->size)
      return a->size > b->size;
    return a->first != b->first ? a->first < b->first : a < b;
  });

  int64_t total = 0;
  llvm::SmallVector<ArenaSlot *> placed; // By offset.
  for (ArenaSlot *slot : order) {
    int64_t end = 0, best = -1;
    int64_t bestGap = std::numeric_limits<int64_t>::max();
    for (ArenaSlot *other : placed) {
      if (other->last < slot->first || slot->last < other->first)
        continue;
      int64_t gap = other->offset - end;
      if (gap >= slot->size && gap < bestGap) {
        best = end;
        bestGap = gap;
      }
      end = std::max(end, other->offset + other->size);
    }
    slot->offset = best < 0 ? end : best;
    total = std::max(total, slot->offset + slot->size);
    placed.insert(llvm::upper_bound(placed, slot,
                                    [](ArenaSlot *a, ArenaSlot *b) {
                                      return a->offset < b->offset;
                                    }),
                  slot);
  }
  return total;
}
