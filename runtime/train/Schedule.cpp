//===- Schedule.cpp - Learning rate over steps ------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Schedule.h"

#include <algorithm>
#include <cmath>

using namespace tern::runtime;

std::optional<ScheduleKind>
tern::runtime::parseSchedule(const std::string &name) {
  static constexpr std::pair<const char *, ScheduleKind> kinds[] = {
      {"constant", ScheduleKind::Constant},
      {"linear", ScheduleKind::Linear},
      {"cosine", ScheduleKind::Cosine},
      {"two-stage", ScheduleKind::TwoStage},
  };
  for (const auto &[known, kind] : kinds)
    if (name == known)
      return kind;
  return std::nullopt;
}

static double ratio(int64_t a, int64_t b) {
  return static_cast<double>(a) / static_cast<double>(b);
}

Schedule::Values Schedule::at(int64_t t) const {
  Values values = {1, weightDecay, 1};
  if (t <= lambdaWarmup)
    values.lambda = ratio(t - 1, lambdaWarmup);
  if (kind == ScheduleKind::TwoStage && t > stageStart)
    values.weightDecay = secondDecay;
  if (t <= warmup) {
    values.factor = ratio(t, warmup);
    return values;
  }
  int64_t start = std::max(warmup, decayStart);
  double p = t > start && steps > start
                 ? std::min(1.0, ratio(t - 1 - start, steps - start))
                 : 0;
  switch (kind) {
  case ScheduleKind::Constant:
    break;
  case ScheduleKind::Linear:
    values.factor = 1 + (floor - 1) * p;
    break;
  case ScheduleKind::Cosine:
    values.factor = floor + (1 - floor) * (1 + std::cos(M_PI * p)) / 2;
    break;
  case ScheduleKind::TwoStage:
    values.factor = t > stageStart ? floor : 1;
    break;
  }
  return values;
}
