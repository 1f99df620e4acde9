//===- Metrics.h - Write losses as .jsonl, .csv, events ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_METRICS_H
#define TERN_RUNTIME_METRICS_H

#include "tern/runtime/DType.h"

#include <utility>

namespace tern::runtime {

/// Losses over steps.
struct Curve {
  struct Point {
    int64_t step;
    double loss;
  };
  std::vector<Point> train, validation;
};

/// Writes what was measured at steps, as it comes.
class MetricsLog {
public:
  enum class Format {
    /// *.jsonl: an object a line; numbers that JSON lacks are null.
    JSONLines,
    /// *.csv: RFC 4180, the columns' names first; what is not measured at a
    /// step is empty.
    CSV,
    /// A folder, or a name that ends in a slash: an event file in it, a new one
    /// each time.
    TensorBoard,
  };
  /// The format that a path asks for; none if its suffix is another.
  static std::optional<Format> findFormat(const std::string &path);

  MetricsLog() = default;
  MetricsLog(const MetricsLog &) = delete;
  MetricsLog &operator=(const MetricsLog &) = delete;
  ~MetricsLog();

  /// Begins a file, whose path findFormat() knows. With `keep` >= 0 lines of an
  /// existing one up to this step stay, and their losses go to `curve`; what is
  /// later, or half a line, goes. `columns`: the names of all fields that
  /// write() may be given, for CSV.
  [[nodiscard]] MaybeError open(const std::string &path, int64_t keep,
                                const std::vector<std::string> &columns,
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
  MaybeError openFolder(int64_t keep);
  MaybeError readKept(int64_t keep, const std::string &header,
                      std::string &kept, Curve &curve);
  MaybeError append(const std::string &record);
  void close();

  int fd = -1;
  bool outOfRoom = false;
  std::string path;
  Format format = Format::JSONLines;
  std::vector<std::string> columns;
};

/// Whether an error number of the system is one of MetricsLog::isOutOfRoom.
bool isOutOfRoom(int code);

} // namespace tern::runtime

#endif // TERN_RUNTIME_METRICS_H
