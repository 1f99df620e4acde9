//===- Plot.cpp - Draw losses over steps -----------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Metrics.h"
#include "tern/runtime/Text.h"

#include <algorithm>
#include <cmath>

using namespace tern::runtime;

static constexpr double width = 800, height = 480;
static constexpr double left = 70, right = 20, top = 50, bottom = 50;

static std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

/// As XML, which has no way to write most control characters.
static std::string escape(const std::string &text) {
  std::string escaped;
  for (char c : printable(text))
    escaped += c == '<'   ? "&lt;"
               : c == '>' ? "&gt;"
               : c == '&' ? "&amp;"
               : c == '"' ? "&quot;"
                          : std::string(1, c);
  return escaped;
}

namespace {
struct Axis {
  double low, high, from, to;
  double operator()(double value) const {
    return from + (value - low) / (high - low) * (to - from);
  }
  /// 1, 2 or 5 times a power of ten, so that there are 4 to 10 ticks.
  double tick() const {
    double unit = std::pow(10, std::floor(std::log10((high - low) / 4)));
    for (double factor : {5.0, 2.0})
      if ((high - low) / (unit * factor) >= 4)
        return unit * factor;
    return unit;
  }
  /// Multiples of tick() within the axis.
  std::vector<double> ticks() const {
    double step = tick();
    auto first = static_cast<int64_t>(std::ceil(low / step));
    auto last = static_cast<int64_t>(std::floor(high / step));
    std::vector<double> values;
    for (int64_t i = first; i <= last; ++i)
      values.push_back(static_cast<double>(i) * step);
    return values;
  }
};
} // namespace

static std::string text(double x, double y, const char *anchor,
                        const std::string &what, const char *more = "") {
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) +
         "\" text-anchor=\"" + anchor + "\"" + more + ">" + what + "</text>\n";
}

/// Means of at most `count` groups of neighbours.
static std::vector<Curve::Point> thin(const std::vector<Curve::Point> &points,
                                      size_t count) {
  size_t group = (points.size() + count - 1) / count;
  std::vector<Curve::Point> result;
  for (size_t i = 0; i < points.size(); i += group) {
    size_t end = std::min(points.size(), i + group);
    double sum = 0;
    for (size_t j = i; j < end; ++j)
      sum += points[j].loss;
    result.push_back(
        {points[(i + end - 1) / 2].step, sum / static_cast<double>(end - i)});
  }
  return result;
}

static std::string line(const std::vector<Curve::Point> &points, const Axis &x,
                        const Axis &y, const char *style) {
  std::string coordinates;
  for (const Curve::Point &point : points)
    coordinates += number(x(static_cast<double>(point.step))) + "," +
                   number(y(point.loss)) + " ";
  return "<polyline fill=\"none\" " + std::string(style) + " points=\"" +
         coordinates + "\"/>\n";
}

std::string tern::runtime::drawCurve(const Curve &curve,
                                     const std::string &title) {
  Curve shown;
  for (const Curve::Point &point : curve.train)
    if (std::isfinite(point.loss))
      shown.train.push_back(point);
  for (const Curve::Point &point : curve.validation)
    if (std::isfinite(point.loss))
      shown.validation.push_back(point);
  Axis x = {INFINITY, -INFINITY, left, width - right};
  Axis y = {INFINITY, -INFINITY, height - bottom, top};
  for (const auto *points : {&shown.train, &shown.validation})
    for (const Curve::Point &point : *points) {
      x.low = std::min(x.low, static_cast<double>(point.step));
      x.high = std::max(x.high, static_cast<double>(point.step));
      y.low = std::min(y.low, point.loss);
      y.high = std::max(y.high, point.loss);
    }
  // Nothing, or a single point, still needs a range.
  if (!(x.high > x.low)) {
    x.low = std::isfinite(x.low) ? x.low - 1 : 0;
    x.high = x.low + 2;
  }
  if (!(y.high > y.low)) {
    y.low = std::isfinite(y.low) ? y.low - 0.5 : 0;
    y.high = y.low + 1;
  }
  double margin = 0.04 * (y.high - y.low);
  y.low -= margin;
  y.high += margin;

  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " +
                    number(width) + " " + number(height) +
                    "\" font-family=\"sans-serif\" font-size=\"12\">\n"
                    "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  svg += text(width / 2, 24, "middle", escape(shorten(printable(title), 80)),
              " font-size=\"16\"");
  std::string grid;
  for (double v : x.ticks()) {
    grid +=
        "M" + number(x(v)) + " " + number(top) + "V" + number(height - bottom);
    svg += text(x(v), height - bottom + 18, "middle", number(v));
  }
  for (double v : y.ticks()) {
    grid +=
        "M" + number(left) + " " + number(y(v)) + "H" + number(width - right);
    svg += text(left - 8, y(v) + 4, "end", number(v));
  }
  svg += "<path stroke=\"#ddd\" d=\"" + grid + "\"/>\n";
  svg += text(width / 2, height - 10, "middle", "step");
  svg += text(-height / 2, 18, "middle", "loss", " transform=\"rotate(-90)\"");
  if (!shown.train.empty()) {
    svg += line(thin(shown.train, 1500), x, y,
                "stroke=\"#9ecae1\" stroke-width=\"1\"");
    svg += line(thin(shown.train, 60), x, y,
                "stroke=\"#08519c\" stroke-width=\"2\"");
    svg += text(width - right, top - 8, "end", "training", " fill=\"#08519c\"");
  }
  if (!shown.validation.empty()) {
    svg +=
        line(shown.validation, x, y, "stroke=\"#d94801\" stroke-width=\"2\"");
    for (const Curve::Point &point : thin(shown.validation, 200))
      svg += "<circle r=\"2.5\" fill=\"#d94801\" cx=\"" +
             number(x(static_cast<double>(point.step))) + "\" cy=\"" +
             number(y(point.loss)) + "\"/>\n";
    svg += text(width - right - 80, top - 8, "end", "validation",
                " fill=\"#d94801\"");
  }
  return svg + "</svg>\n";
}
