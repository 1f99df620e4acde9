//===- Plot.h - Draw losses over steps --------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_PLOT_H
#define TERN_RUNTIME_PLOT_H

#include "Metrics.h"

#include <memory>

namespace tern::runtime {

enum class PlotFormat { SVG, PNG };

/// The format that a file's suffix asks for, .svg or .png; none if another.
std::optional<PlotFormat> findPlotFormat(const std::string &path);

/// Draws losses over steps; the title is any text. The file's contents.
std::string drawCurve(const Curve &curve, const std::string &title,
                      PlotFormat format = PlotFormat::SVG);

/// What a picture is drawn on, 800 by 480 with the origin at the top left.
class Canvas {
public:
  struct Point {
    double x, y;
  };
  struct Style {
    /// "#rrggbb".
    const char *color = "#000000";
    double size = 12;
    /// Upwards, to be read from the right.
    bool isVertical = false;
  };
  static constexpr double width = 800, height = 480;

  virtual ~Canvas() = default;
  /// `anchor`: "start", "middle" or "end" of the line is at the point. The text
  /// is printable().
  virtual void text(Point at, const char *anchor, const std::string &what,
                    const Style &style) = 0;
  /// Thin lines, horizontal and vertical.
  virtual void grid(const std::vector<std::pair<Point, Point>> &lines) = 0;
  virtual void polyline(const std::vector<Point> &points, const char *color,
                        double lineWidth) = 0;
  virtual void dot(Point at, double radius, const char *color) = 0;
  /// The file's contents.
  virtual std::string finish() = 0;
};

/// A canvas whose file is a PNG of twice the size; of text it has capital
/// letters, digits and some signs.
std::unique_ptr<Canvas> makeRaster();

} // namespace tern::runtime

#endif // TERN_RUNTIME_PLOT_H
