//===- Raster.cpp - Draw and write PNG --------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Own code because a library that draws (cairo) or writes PNG (libpng) would be
// one more that every training executable has to be linked with. zlib is there.
//
//===----------------------------------------------------------------------===//

#include "Plot.h"
#include "tern/runtime/Text.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include <zlib.h>

using namespace tern::runtime;

/// The strokes of a character on a grid of 5 by 7 points: pairs of digits, x
/// and y (down); a blank begins a new stroke.
static const char *getStrokes(char c) {
  switch (std::toupper(static_cast<unsigned char>(c))) {
  case ' ':
    return "";
  case '0':
    return "103041453616050110 0541";
  case '1':
    return "112026 1636";
  case '2':
    return "01103041420646";
  case '3':
    return "0040234445361605";
  case '4':
    return "3630040444";
  case '5':
    return "400002324345361605";
  case '6':
    return "30100105163645433203";
  case '7':
    return "004016";
  case '8':
    return "103041423313020110 1304051636454433";
  case '9':
    return "43130201103041453616";
  case 'A':
    return "0603204346 0444";
  case 'B':
    return "000636454433 033342413000";
  case 'C':
    return "4130100105163645";
  case 'D':
    return "00063645413000";
  case 'E':
    return "40000646 0333";
  case 'F':
    return "400006 0333";
  case 'G':
    return "413010010516364543 23";
  case 'H':
    return "0006 4046 0343";
  case 'I':
    return "1030 2026 1636";
  case 'J':
    return "2040 3035261605";
  case 'K':
    return "0006 400346";
  case 'L':
    return "000646";
  case 'M':
    return "0600234046";
  case 'N':
    return "06004640";
  case 'O':
    return "103041453616050110";
  case 'P':
    return "06003041423303";
  case 'Q':
    return "103041453616050110 2446";
  case 'R':
    return "06003041423303 2346";
  case 'S':
    return "413010010213334445361605";
  case 'T':
    return "0040 2026";
  case 'U':
    return "000516364540";
  case 'V':
    return "002640";
  case 'W':
    return "0016233640";
  case 'X':
    return "0046 4006";
  case 'Y':
    return "002340 2326";
  case 'Z':
    return "00400646";
  case '-':
    return "1333";
  case '+':
    return "0343 2125";
  case '=':
    return "0242 0444";
  case '.':
    return "2526";
  case ',':
    return "2516";
  case ':':
    return "2122 2526";
  case ';':
    return "2122 2516";
  case '\'':
    return "2022";
  case '"':
    return "1012 3032";
  case '_':
    return "0646";
  case '/':
    return "0640";
  case '\\':
    return "0046";
  case '|':
    return "2026";
  case '(':
    return "30212536";
  case ')':
    return "10212516";
  case '[':
    return "30101636";
  case ']':
    return "10303616";
  case '<':
    return "401346";
  case '>':
    return "003306";
  case '%':
    return "0640 0001 4546";
  case '#':
    return "1016 3036 0242 0444";
  case '*':
    return "2125 0343 1234 3214";
  default:
    return "0040460600";
  }
}

namespace {
class Raster : public Canvas {
public:
  Raster() : pixels(size_t(columns) * rows * 3, 255) {}

  void text(Point at, const char *anchor, const std::string &what,
            const Style &style) override {
    // A character is 0.6 of its size wide, and capitals are 0.7 of it high.
    double unit = style.size / 10, advance = 6 * unit;
    // One of UTF-8 is one here.
    std::string shown;
    for (char c : what)
      if ((static_cast<unsigned char>(c) & 0xC0) != 0x80)
        shown += c;
    double length = advance * static_cast<double>(shown.size()) - 2 * unit;
    double begin = std::strcmp(anchor, "end") == 0      ? -length
                   : std::strcmp(anchor, "middle") == 0 ? -length / 2
                                                        : 0;
    for (size_t i = 0; i < shown.size(); ++i) {
      std::vector<Point> stroke;
      auto draw = [&] {
        for (size_t k = 1; k < stroke.size(); ++k)
          segment(stroke[k - 1], stroke[k], style.color, 0.11 * style.size);
      };
      double x = begin + advance * static_cast<double>(i);
      int first = -1;
      for (const char *p = getStrokes(shown[i]); *p; ++p) {
        if (*p == ' ' && first < 0) {
          draw();
          stroke.clear();
        } else if (*p != ' ' && first < 0) {
          first = *p - '0';
        } else if (*p != ' ') {
          double along = x + first * unit, up = (6 - (*p - '0')) * unit;
          stroke.push_back(style.isVertical ? Point{at.x - up, at.y - along}
                                            : Point{at.x + along, at.y - up});
          first = -1;
        }
      }
      draw();
    }
  }

  void grid(const std::vector<std::pair<Point, Point>> &lines) override {
    for (const auto &[from, to] : lines)
      segment(from, to, "#dddddd", 1);
  }

  void polyline(const std::vector<Point> &points, const char *color,
                double lineWidth) override {
    for (size_t i = 1; i < points.size(); ++i)
      segment(points[i - 1], points[i], color, lineWidth);
  }

  void dot(Point at, double radius, const char *color) override {
    segment(at, at, color, 2 * radius);
  }

  std::string finish() override;

private:
  static constexpr int scale = 2;
  static constexpr int columns = static_cast<int>(width) * scale,
                       rows = static_cast<int>(height) * scale;

  /// All that is nearer to the line than half its width; what lies half in a
  /// pixel colours it by half.
  void segment(Point from, Point to, const char *color, double lineWidth) {
    unsigned long rgb = std::strtoul(color + 1, nullptr, 16);
    double x0 = from.x * scale, y0 = from.y * scale;
    double dx = to.x * scale - x0, dy = to.y * scale - y0;
    double reach = lineWidth * scale / 2, square = dx * dx + dy * dy;
    auto clip = [](double value, int end) {
      return static_cast<int>(std::clamp<double>(value, 0, end));
    };
    int left = clip(std::min(x0, x0 + dx) - reach - 1, columns);
    int right = clip(std::max(x0, x0 + dx) + reach + 2, columns);
    int top = clip(std::min(y0, y0 + dy) - reach - 1, rows);
    int bottom = clip(std::max(y0, y0 + dy) + reach + 2, rows);
    for (int y = top; y < bottom; ++y)
      for (int x = left; x < right; ++x) {
        double px = x + 0.5 - x0, py = y + 0.5 - y0;
        double t =
            square > 0 ? std::clamp((px * dx + py * dy) / square, 0.0, 1.0) : 0;
        double distance = std::hypot(px - t * dx, py - t * dy);
        double cover = std::clamp(reach + 0.5 - distance, 0.0, 1.0);
        unsigned char *pixel = &pixels[(static_cast<size_t>(y) * columns +
                                        static_cast<size_t>(x)) *
                                       3];
        for (int i = 0; cover > 0 && i < 3; ++i) {
          double ink = static_cast<double>(rgb >> (16 - 8 * i) & 0xFF);
          pixel[i] = static_cast<unsigned char>(
              std::lround(pixel[i] + cover * (ink - pixel[i])));
        }
      }
  }

  std::vector<unsigned char> pixels;
};
} // namespace

static void putNumber(std::string &text, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8)
    text += static_cast<char>(value >> shift & 0xFF);
}

/// A chunk of PNG (RFC 2083): length, type, data, and the CRC of the latter
/// two.
static void putChunk(std::string &file, const std::string &type,
                     const std::string &data) {
  putNumber(file, static_cast<uint32_t>(data.size()));
  std::string body = type + data;
  file += body;
  putNumber(file, static_cast<uint32_t>(
                      ::crc32(0, reinterpret_cast<const Bytef *>(body.data()),
                              static_cast<uInt>(body.size()))));
}

std::string Raster::finish() {
  // Each row begins with the kind of its filter, 0: none.
  std::string raw;
  for (int y = 0; y < rows; ++y) {
    raw += '\0';
    raw.append(reinterpret_cast<const char *>(
                   &pixels[static_cast<size_t>(y) * columns * 3]),
               size_t(columns) * 3);
  }
  uLongf size = ::compressBound(static_cast<uLong>(raw.size()));
  std::string packed(size, '\0');
  if (::compress2(reinterpret_cast<Bytef *>(packed.data()), &size,
                  reinterpret_cast<const Bytef *>(raw.data()),
                  static_cast<uLong>(raw.size()), 9) != Z_OK)
    throw std::bad_alloc();
  packed.resize(size);
  // 8 bits each of red, green and blue; deflate; no interlacing.
  std::string header;
  putNumber(header, columns);
  putNumber(header, rows);
  header += std::string("\x08\x02\x00\x00\x00", 5);
  std::string file = "\x89PNG\r\n\x1a\n";
  putChunk(file, "IHDR", header);
  putChunk(file, "IDAT", packed);
  putChunk(file, "IEND", "");
  return file;
}

std::unique_ptr<Canvas> tern::runtime::makeRaster() {
  return std::make_unique<Raster>();
}
