//===- Plot.cpp - Draw losses over steps ------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Plot.h"
#include "tern/runtime/Text.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace tern::runtime;

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
class VectorCanvas : public Canvas {
public:
  VectorCanvas() {
    svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " +
          number(width) + " " + number(height) +
          "\" font-family=\"sans-serif\" font-size=\"12\">\n"
          "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  }

  void text(Point at, const char *anchor, const std::string &what,
            const Style &style) override {
    if (style.isVertical)
      at = {-at.y, at.x};
    svg += "<text x=\"" + number(at.x) + "\" y=\"" + number(at.y) +
           "\" text-anchor=\"" + anchor + "\"";
    if (style.size != Style().size)
      svg += " font-size=\"" + number(style.size) + "\"";
    if (style.isVertical)
      svg += " transform=\"rotate(-90)\"";
    if (std::strcmp(style.color, Style().color) != 0)
      svg += std::string(" fill=\"") + style.color + "\"";
    svg += ">" + escape(what) + "</text>\n";
  }

  void grid(const std::vector<std::pair<Point, Point>> &lines) override {
    std::string path;
    for (const auto &[from, to] : lines)
      path += "M" + number(from.x) + " " + number(from.y) +
              (from.x == to.x ? "V" + number(to.y) : "H" + number(to.x));
    svg += "<path stroke=\"#ddd\" d=\"" + path + "\"/>\n";
  }

  void polyline(const std::vector<Point> &points, const char *color,
                double lineWidth) override {
    std::string coordinates;
    for (const Point &point : points)
      coordinates += number(point.x) + "," + number(point.y) + " ";
    svg += std::string("<polyline fill=\"none\" stroke=\"") + color +
           "\" stroke-width=\"" + number(lineWidth) + "\" points=\"" +
           coordinates + "\"/>\n";
  }

  void dot(Point at, double radius, const char *color) override {
    svg += "<circle r=\"" + number(radius) + "\" fill=\"" + color + "\" cx=\"" +
           number(at.x) + "\" cy=\"" + number(at.y) + "\"/>\n";
  }

  std::string finish() override { return svg + "</svg>\n"; }

private:
  std::string svg;
};
} // namespace

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

std::optional<PlotFormat>
tern::runtime::findPlotFormat(const std::string &path) {
  std::string suffix = path.size() > 4 ? path.substr(path.size() - 4) : "";
  if (suffix == ".svg")
    return PlotFormat::SVG;
  if (suffix == ".png")
    return PlotFormat::PNG;
  return std::nullopt;
}

std::string tern::runtime::drawCurve(const Curve &curve,
                                     const std::string &title,
                                     PlotFormat format) {
  Curve shown;
  for (const Curve::Point &point : curve.train)
    if (std::isfinite(point.loss))
      shown.train.push_back(point);
  for (const Curve::Point &point : curve.validation)
    if (std::isfinite(point.loss))
      shown.validation.push_back(point);
  Axis x = {INFINITY, -INFINITY, left, Canvas::width - right};
  Axis y = {INFINITY, -INFINITY, Canvas::height - bottom, top};
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

  std::unique_ptr<Canvas> canvas;
  if (format == PlotFormat::PNG)
    canvas = makeRaster();
  else
    canvas = std::make_unique<VectorCanvas>();
  constexpr double width = Canvas::width, height = Canvas::height;
  const char *light = "#9ecae1", *dark = "#08519c", *other = "#d94801";
  canvas->text({width / 2, 24}, "middle", shorten(printable(title), 80),
               {Canvas::Style().color, 16});
  std::vector<std::pair<Canvas::Point, Canvas::Point>> grid;
  for (double v : x.ticks()) {
    grid.push_back({{x(v), top}, {x(v), height - bottom}});
    canvas->text({x(v), height - bottom + 18}, "middle", number(v), {});
  }
  for (double v : y.ticks()) {
    grid.push_back({{left, y(v)}, {width - right, y(v)}});
    canvas->text({left - 8, y(v) + 4}, "end", number(v), {});
  }
  canvas->grid(grid);
  canvas->text({width / 2, height - 10}, "middle", "step", {});
  canvas->text({18, height / 2}, "middle", "loss",
               {Canvas::Style().color, 12, /*isVertical=*/true});
  auto place = [&](const std::vector<Curve::Point> &points) {
    std::vector<Canvas::Point> placed;
    placed.reserve(points.size());
    for (const Curve::Point &point : points)
      placed.push_back({x(static_cast<double>(point.step)), y(point.loss)});
    return placed;
  };
  if (!shown.train.empty()) {
    canvas->polyline(place(thin(shown.train, 1500)), light, 1);
    canvas->polyline(place(thin(shown.train, 60)), dark, 2);
    canvas->text({width - right, top - 8}, "end", "training", {dark});
  }
  if (!shown.validation.empty()) {
    canvas->polyline(place(shown.validation), other, 2);
    for (const Canvas::Point &point : place(thin(shown.validation, 200)))
      canvas->dot(point, 2.5, other);
    canvas->text({width - right - 80, top - 8}, "end", "validation", {other});
  }
  return canvas->finish();
}
