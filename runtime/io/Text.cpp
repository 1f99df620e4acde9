//===- Text.cpp - Escape names, suggest spellings ---------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/runtime/Text.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdio>
#include <numeric>
#include <optional>

using namespace tern::runtime;

static bool isContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// The character at the beginning of `text`, and its length in bytes; a length
/// of 0 if these are not the bytes of one.
static uint32_t decode(std::string_view text, size_t &length) {
  length = 0;
  auto first = static_cast<unsigned char>(text[0]);
  size_t size = first < 0x80   ? 1
                : first < 0xC0 ? 0
                : first < 0xE0 ? 2
                : first < 0xF0 ? 3
                : first < 0xF8 ? 4
                               : 0;
  if (size == 0 || size > text.size())
    return 0;
  uint32_t code = size == 1 ? first : first & (0x7F >> size);
  for (size_t i = 1; i < size; ++i) {
    if (!isContinuation(text[i]))
      return 0;
    code = code << 6 | (static_cast<unsigned char>(text[i]) & 0x3F);
  }
  static constexpr uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < smallest[size] || code > 0x10FFFF ||
      (code >= 0xD800 && code < 0xE000))
    return 0;
  length = size;
  return code;
}

/// Whether a character is not seen, or changes how others are: the control
/// characters, the format characters but joiners of scripts, the separators of
/// lines, what is no character (Unicode 15, categories Cc, Cf, Zl, Zp, Cn).
static bool isHidden(uint32_t code) {
  static constexpr struct {
    uint32_t first, last;
  } ranges[] = {
      {0x0, 0x1F},        {0x7F, 0x9F},       {0xAD, 0xAD},
      {0x61C, 0x61C},     {0x180E, 0x180E},   {0x200B, 0x200B},
      {0x200E, 0x200F},   {0x2028, 0x202E},   {0x2060, 0x206F},
      {0xFDD0, 0xFDEF},   {0xFEFF, 0xFEFF},   {0xFFF9, 0xFFFB},
      {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE0FFF},
  };
  if ((code & 0xFFFE) == 0xFFFE)
    return true;
  return std::any_of(std::begin(ranges), std::end(ranges), [&](auto range) {
    return code >= range.first && code <= range.last;
  });
}

static std::string escape(const char *format, uint32_t code) {
  char text[16];
  std::snprintf(text, sizeof(text), format, static_cast<unsigned>(code));
  return text;
}

/// Calls `body` with the bytes of each character and its code; with one byte
/// and no code where they are none.
template <typename Body>
static void forEachCharacter(std::string_view text, const Body &body) {
  while (!text.empty()) {
    size_t length = 0;
    std::optional<uint32_t> code = decode(text, length);
    if (length == 0) {
      code = std::nullopt;
      length = 1;
    }
    body(text.substr(0, length), code);
    text.remove_prefix(length);
  }
}

std::string tern::runtime::printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  forEachCharacter(
      text, [&](std::string_view bytes, std::optional<uint32_t> code) {
        if (!code)
          result += escape("\\x%02x", static_cast<unsigned char>(bytes[0]));
        else if (!isHidden(*code))
          result += bytes;
        else if (code == '\n')
          result += "\\n";
        else if (code == '\r')
          result += "\\r";
        else if (code == '\t')
          result += "\\t";
        else
          result += escape(*code < 0x80      ? "\\x%02x"
                           : *code < 0x10000 ? "\\u%04x"
                                             : "\\U%08x",
                           *code);
      });
  return result;
}

bool tern::runtime::isText(std::string_view bytes) {
  while (!bytes.empty()) {
    size_t length = 0;
    if (decode(bytes, length) == 0)
      return false;
    bytes.remove_prefix(length);
  }
  return true;
}

size_t tern::runtime::countCharacters(std::string_view text) {
  return text.size() - static_cast<size_t>(std::count_if(
                           text.begin(), text.end(), isContinuation));
}

std::string tern::runtime::shorten(std::string_view text, size_t width) {
  size_t count = countCharacters(text);
  if (count <= width)
    return std::string(text);
  // Names differ at their ends.
  size_t head = (width - 3) / 2, tail = width - 3 - head, index = 0;
  std::string result;
  for (char c : text) {
    bool isFirst = !isContinuation(c);
    if (isFirst && index++ == head)
      result += "...";
    if (index <= head || index > count - tail)
      result += c;
  }
  return result;
}

std::string tern::runtime::messageLine(std::string_view text) {
  return shorten(printable(text), 4000);
}

std::string tern::runtime::quote(std::string_view name) {
  return "'" + shorten(printable(name), 200) + "'";
}

std::string tern::runtime::escapeJson(std::string_view json) {
  std::string result;
  result.reserve(json.size());
  forEachCharacter(json, [&](std::string_view, std::optional<uint32_t> known) {
    uint32_t code = known.value_or(0xFFFD);
    // What is beyond 16 bits is two halves.
    if (code >= 0x10000)
      result += escape("\\u%04x", 0xD7C0 + (code >> 10)) +
                escape("\\u%04x", 0xDC00 + (code & 0x3FF));
    else if (code >= 0x7F)
      result += escape("\\u%04x", code);
    else
      result += static_cast<char>(code);
  });
  return result;
}

/// How many characters must be inserted, removed, replaced or exchanged with
/// their neighbour to make one word the other (optimal string alignment).
static size_t getDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> older, old(b.size() + 1), now(b.size() + 1);
  std::iota(old.begin(), old.end(), size_t(0));
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replaced = old[j - 1] + (a[i - 1] != b[j - 1]);
      now[j] = std::min({replaced, old[j] + 1, now[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = std::min(now[j], older[j - 2] + 1);
    }
    older = old;
    std::swap(old, now);
  }
  return old[b.size()];
}

std::string tern::runtime::suggest(std::string_view word,
                                   const std::vector<std::string> &known) {
  auto fold = [](std::string_view text) {
    std::string folded(text);
    for (char &c : folded)
      c = c == '_'
              ? '-'
              : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return folded;
  };
  // No word is near to one that is much longer.
  if (word.empty() || word.size() > 64)
    return "";
  std::string folded = fold(word), best;
  size_t least = 0;
  for (const std::string &candidate : known) {
    if (candidate == word)
      return "";
    std::string other = fold(candidate);
    size_t distance = getDistance(folded, other);
    size_t length = std::max(folded.size(), other.size());
    // One mistake in three characters; or what is left of a longer word.
    bool isPart = folded.size() >= 3 && other.find(folded) == 0;
    if (distance > (length + 1) / 3 && !isPart)
      continue;
    if (!best.empty() && distance >= least)
      continue;
    least = distance;
    best = candidate;
  }
  return best.empty() ? "" : "; did you mean '" + best + "'?";
}

std::string tern::runtime::formatBytes(int64_t bytes) {
  const char *units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit < 4; ++unit)
    value /= 1024;
  char text[64];
  std::snprintf(text, sizeof(text), unit ? "%.1f %s" : "%.0f %s", value,
                units[unit]);
  return text;
}
