//===- Progress.cpp - Print the progress of a run ---------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <sys/ioctl.h>
#include <unistd.h>

using namespace tern::runtime;

/// A terminal's line is written anew as often, another gets one as seldom.
static constexpr std::chrono::milliseconds terminalInterval(100);
static constexpr std::chrono::seconds logInterval(5);

template <typename... Args>
static std::string format(const char *pattern, Args... args) {
  char text[160];
  std::snprintf(text, sizeof(text), pattern, args...);
  return text;
}

std::string tern::runtime::formatBar(const ProgressState &state, int columns) {
  // A character in the last column makes some terminals wrap.
  size_t room = columns > 1 ? static_cast<size_t>(columns - 1) : 0;
  std::string line = format("%lld/%lld", static_cast<long long>(state.done),
                            static_cast<long long>(state.total));
  if (line.size() > room)
    line =
        format("%.0f%%", state.total ? 100.0 * static_cast<double>(state.done) /
                                           static_cast<double>(state.total)
                                     : 100.0);
  if (line.size() > room)
    return "";
  // The most wanted first.
  const std::string parts[] = {
      format(" loss %.4g", state.loss),
      "  ETA " + formatDuration(state.secondsLeft),
      format("  %.4g items/s", state.itemsPerSecond),
      format("  lr %.2e", state.lr),
  };
  std::string rest;
  for (const std::string &part : parts) {
    if (line.size() + rest.size() + part.size() > room)
      break;
    rest += part;
  }
  // " [", "]" and at least four characters between them.
  size_t left = room - line.size() - rest.size();
  if (left >= 7) {
    size_t width = std::min<size_t>(left - 3, 24);
    double fraction = state.total ? static_cast<double>(state.done) /
                                        static_cast<double>(state.total)
                                  : 1.0;
    std::string bar(static_cast<size_t>(fraction * static_cast<double>(width)),
                    '=');
    bar += '>';
    bar.resize(width, ' ');
    line += " [" + bar + "]";
  }
  return line + rest;
}

std::string tern::runtime::formatLogLine(const ProgressState &state) {
  return format("step %lld of %lld: loss %.6g, lr %.3g, %.4g items/s, ",
                static_cast<long long>(state.done),
                static_cast<long long>(state.total), state.loss, state.lr,
                state.itemsPerSecond) +
         formatDuration(state.secondsLeft) + " left";
}

ProgressBar::ProgressBar(int64_t done, int64_t total)
    : isTerminal(::isatty(STDERR_FILENO)), first(done), total(total) {}

void ProgressBar::show(int64_t done, double loss, double lr,
                       double itemsPerSecond) {
  Clock::time_point now = Clock::now();
  if (isTerminal ? wasShown && now - last < terminalInterval
                 : now - last < logInterval)
    return;
  last = now;
  double seconds = std::chrono::duration<double>(now - start).count();
  double left = seconds /
                static_cast<double>(std::max<int64_t>(1, done - first)) *
                static_cast<double>(total - done);
  ProgressState state = {done, total, loss, lr, itemsPerSecond, left};
  if (!isTerminal) {
    std::fprintf(stderr, "%s\n", formatLogLine(state).c_str());
    return;
  }
  wasShown = true;
  winsize window = {};
  int columns =
      ::ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0
          ? window.ws_col
          : 80;
  std::fprintf(stderr, "\r%s\033[K", formatBar(state, columns).c_str());
  std::fflush(stderr);
}

void ProgressBar::hide() {
  if (wasShown)
    std::fprintf(stderr, "\r\033[K");
  wasShown = false;
}

std::string tern::runtime::formatDuration(double seconds) {
  long long all =
      std::isnan(seconds) ? 0 : std::llround(std::min(seconds, 1e9));
  if (all >= 3600)
    return format("%lld:%02lld:%02lld", all / 3600, all / 60 % 60, all % 60);
  return format("%lld:%02lld", all / 60, all % 60);
}
