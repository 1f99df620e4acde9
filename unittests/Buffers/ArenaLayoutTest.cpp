//===- ArenaLayoutTest.cpp - Offsets in arenas ----------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../../lib/Buffers/ArenaLayout.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <random>
#include <vector>

using tern::ArenaSlot;
using tern::kArenaAlignment;
using tern::layOutArena;

namespace {

/// The most bytes that are alive at one time: no layout is smaller.
int64_t lowerBound(const std::vector<ArenaSlot> &slots) {
  int64_t most = 0;
  for (const ArenaSlot &at : slots) {
    int64_t alive = 0;
    for (const ArenaSlot &slot : slots)
      if (slot.first <= at.first && at.first <= slot.last)
        alive += slot.size;
    most = std::max(most, alive);
  }
  return most;
}

void checkDisjoint(const std::vector<ArenaSlot> &slots, int64_t total) {
  for (size_t i = 0; i < slots.size(); ++i) {
    const ArenaSlot &a = slots[i];
    EXPECT_GE(a.offset, 0);
    EXPECT_LE(a.offset + a.size, total);
    EXPECT_EQ(a.offset % kArenaAlignment, 0);
    for (size_t j = 0; j < i; ++j) {
      const ArenaSlot &b = slots[j];
      bool together = a.first <= b.last && b.first <= a.last;
      bool overlap =
          a.offset < b.offset + b.size && b.offset < a.offset + a.size;
      EXPECT_FALSE(together && overlap)
          << "slots " << i << " and " << j << " share bytes while both live";
    }
  }
}

TEST(ArenaLayout, Empty) {
  std::vector<ArenaSlot> slots;
  EXPECT_EQ(layOutArena(slots), 0);
}

TEST(ArenaLayout, ChainTakesTwoPlaces) {
  // Each layer reads the one before: a classic ping-pong.
  std::vector<ArenaSlot> slots;
  slots.reserve(10);
  for (int64_t i = 0; i < 10; ++i)
    slots.push_back({i, i + 1, 128});
  EXPECT_EQ(layOutArena(slots), 256);
  checkDisjoint(slots, 256);
}

TEST(ArenaLayout, FillsTheGap) {
  // The small one fits below the large one that outlives its neighbour.
  std::vector<ArenaSlot> slots = {{0, 5, 256}, {0, 2, 192}, {3, 5, 64}};
  EXPECT_EQ(layOutArena(slots), 448);
  checkDisjoint(slots, 448);
}

TEST(ArenaLayout, RandomLifetimes) {
  // The same each time. NOLINTNEXTLINE(bugprone-random-generator-seed)
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<ArenaSlot> slots(1 + random() % 40);
    for (ArenaSlot &slot : slots) {
      slot.first = random() % 50;
      slot.last = slot.first + random() % 10;
      slot.size = (1 + random() % 100) * kArenaAlignment;
    }
    int64_t total = layOutArena(slots);
    checkDisjoint(slots, total);
    EXPECT_GE(total, lowerBound(slots));
    EXPECT_LE(total, 2 * lowerBound(slots));
  }
}

} // namespace
