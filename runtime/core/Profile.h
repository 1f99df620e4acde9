//===- Profile.h - Write Chrome traces of runs ------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_PROFILE_H
#define TERN_RUNTIME_PROFILE_H

#include "tern/runtime/DType.h"

namespace tern::runtime {

/// Spans of time per thread, written as a Chrome trace. Each thread records
/// under its own index, so recording takes no lock.
class Profile {
public:
  explicit Profile(unsigned numThreads);

  /// Nanoseconds of a clock that only goes forward.
  static int64_t now();

  /// `label` must live until write(); `items` >= 0 is shown with the span.
  void add(unsigned thread, const char *label, int64_t begin, int64_t end,
           int64_t items);
  [[nodiscard]] MaybeError write(const std::string &path,
                                 const std::string &process) const;

private:
  struct Span {
    const char *label;
    int64_t begin, end, items;
  };
  // Bounds the memory of a profile that nobody ends (32 MB per thread).
  static constexpr size_t maxSpans = size_t(1) << 20;

  int64_t start;
  std::vector<std::vector<Span>> threads;
  std::vector<uint64_t> dropped;
};

} // namespace tern::runtime

#endif // TERN_RUNTIME_PROFILE_H
