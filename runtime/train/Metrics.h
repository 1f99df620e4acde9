//===- Metrics.h - What a run leaves to be looked at -----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_METRICS_H
#define TERN_RUNTIME_METRICS_H

#include "tern/runtime/DType.h"

#include <chrono>
#include <cstdio>

namespace tern::runtime {

/// Losses over steps.
struct Curve {
  struct Point {
    int64_t step;
    double loss;
  };
  std::vector<Point> train, validation;
};

/// Writes lines of JSON as they come.
class MetricsLog {
public:
  MetricsLog() = default;
  MetricsLog(const MetricsLog &) = delete;
  MetricsLog &operator=(const MetricsLog &) = delete;
  ~MetricsLog();

  /// Begins a file. With `keep` >= 0 lines of an existing one up to this step
  /// stay, and their losses go to `curve`; what is later, or half a line, goes.
  [[nodiscard]] MaybeError open(const std::string &path, int64_t keep,
                                Curve &curve);
  /// Whether open() failed for lack of room (a full disk, a quota, a limit of
  /// files' sizes) or for an error of the device: nothing the user got wrong.
  bool isOutOfRoom() const { return outOfRoom; }
  using Field = std::pair<std::string, double>;
  /// No-op unless open. Numbers are written so that they read back as floats.
  /// After an error the lines that are whole stay, and nothing more is written.
  [[nodiscard]] MaybeError write(int64_t step,
                                 const std::vector<Field> &fields);

private:
  void close();

  int fd = -1;
  bool outOfRoom = false;
  std::string path;
};

/// Whether an error number of the system is one of MetricsLog::isOutOfRoom.
bool isOutOfRoom(int code);

/// Draws losses over steps; the title is any text.
std::string drawCurve(const Curve &curve, const std::string &title);

/// One line on a terminal (the standard error), nothing elsewhere.
class ProgressBar {
public:
  ProgressBar(int64_t done, int64_t total);
  ~ProgressBar() { hide(); }
  bool isOnTerminal() const { return isShown; }
  void show(int64_t done, double loss, double lr, double itemsPerSecond);
  void hide();

private:
  using Clock = std::chrono::steady_clock;
  bool isShown, wasShown = false;
  int64_t first, total;
  Clock::time_point start = Clock::now(), last;
};

/// "0:07", "1:02:03".
std::string formatDuration(double seconds);

} // namespace tern::runtime

#endif // TERN_RUNTIME_METRICS_H
