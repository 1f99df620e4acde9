//===- Json.cpp - Parse JSON that nobody vouches for ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Json.h"

#include <set>

using namespace tern::runtime;
using nlohmann::json;

static constexpr int maxDepth = 16;

// Checked beforehand, so that no recursion of the library can run deep.
static bool isShallow(const char *begin, const char *end) {
  int depth = 0;
  bool inString = false;
  for (const char *p = begin; p != end; ++p) {
    if (inString) {
      if (*p == '\\' && p + 1 != end)
        ++p;
      else if (*p == '"')
        inString = false;
    } else if (*p == '"') {
      inString = true;
    } else if (*p == '[' || *p == '{') {
      if (++depth > maxDepth)
        return false;
    } else if (*p == ']' || *p == '}') {
      --depth;
    }
  }
  return true;
}

MaybeError tern::runtime::parseJson(const char *begin, const char *end,
                                    json &result) {
  if (!isShallow(begin, end))
    return "its JSON is nested too deeply";
  std::set<std::string> keys;
  std::string duplicate;
  auto onEvent = [&](int depth, json::parse_event_t event, json &value) {
    if (event == json::parse_event_t::key && depth == 1 &&
        !keys.insert(value.get<std::string>()).second)
      duplicate = value.get<std::string>();
    return true;
  };
  result = json::parse(begin, end, onEvent, /*allow_exceptions=*/false);
  if (result.is_discarded())
    return "it is not valid JSON";
  if (!duplicate.empty())
    return "its JSON has '" + duplicate + "' twice";
  return std::nullopt;
}
