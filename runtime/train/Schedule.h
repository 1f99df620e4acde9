//===- Schedule.h - Learning rate over steps --------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_SCHEDULE_H
#define TERN_RUNTIME_SCHEDULE_H

#include "tern/runtime/DType.h"

namespace tern::runtime {

enum class ScheduleKind { Constant, Linear, Cosine, TwoStage };

/// "constant", "linear", "cosine", "two-stage".
std::optional<ScheduleKind> parseSchedule(const std::string &name);

/// The learning rate is a factor times a peak. The factor rises over `warmup`
/// steps to 1. Then, with p = 0 ... 1 from `decayStart` (or the end of the
/// warm-up, whichever is later) to `steps`, it is
///   constant   1
///   linear     1 + (floor - 1) p
///   cosine     floor + (1 - floor) (1 + cos(pi p)) / 2
///   two-stage  1, and `floor` from `stageStart` on, where the weight decay
///              becomes `secondDecay`
/// p of step t (from 1) is that of the t - 1 steps before it, so it never
/// reaches 1.
struct Schedule {
  struct Values {
    double factor, weightDecay, lambda;
  };

  ScheduleKind kind = ScheduleKind::Constant;
  int64_t steps = 0, warmup = 0;
  int64_t decayStart = 0, stageStart = 0;
  double floor = 0;
  double weightDecay = 0, secondDecay = 0;
  /// Lambda is (t - 1) / lambdaWarmup, at most 1.
  int64_t lambdaWarmup = 0;

  /// For step t, from 1.
  Values at(int64_t t) const;
};

} // namespace tern::runtime

#endif // TERN_RUNTIME_SCHEDULE_H
