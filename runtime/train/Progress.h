//===- Progress.h - Print the progress of a run -----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_PROGRESS_H
#define TERN_RUNTIME_PROGRESS_H

#include <chrono>
#include <cstdint>
#include <string>

namespace tern::runtime {

/// What a run is at.
struct ProgressState {
  int64_t done, total;
  double loss, lr, itemsPerSecond;
  /// Until the end.
  double secondsLeft;
};

/// One line of less than `columns` characters, which a terminal does not wrap:
/// as much of it as there is room for, and a bar if there is room left.
std::string formatBar(const ProgressState &state, int columns);

/// The line that a log gets: "step 10 of 100: loss ...".
std::string formatLogLine(const ProgressState &state);

/// On a terminal (the standard error) one line that changes; elsewhere a line
/// every few seconds.
class ProgressBar {
public:
  ProgressBar(int64_t done, int64_t total);
  ~ProgressBar() { hide(); }
  bool isOnTerminal() const { return isTerminal; }
  void show(int64_t done, double loss, double lr, double itemsPerSecond);
  void hide();

private:
  using Clock = std::chrono::steady_clock;
  bool isTerminal, wasShown = false;
  int64_t first, total;
  Clock::time_point start = Clock::now(), last = start;
};

/// "0:07", "1:02:03".
std::string formatDuration(double seconds);

} // namespace tern::runtime

#endif // TERN_RUNTIME_PROGRESS_H
