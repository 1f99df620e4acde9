//===- Json.h - Parse JSON of untrusted files -------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_JSON_H
#define TERN_RUNTIME_JSON_H

#include "tern/runtime/DType.h"

#include <nlohmann/json.hpp>

namespace tern::runtime {

/// A value that may hold others. They are taken apart from the leaves, so that
/// nothing is left to the library's destructor: it allocates, and where memory
/// ends it ends the process. (For the same reason what is written is put
/// together from leaves: ordered_json copies and destroys whole trees.)
struct JsonRoot : nlohmann::json {
  JsonRoot() = default;
  JsonRoot(const JsonRoot &) = delete;
  JsonRoot &operator=(const JsonRoot &) = delete;
  ~JsonRoot() { takeApart(*this); }

  static void takeApart(nlohmann::json &value) noexcept;
};

/// A string as JSON; what is not UTF-8 is replaced.
std::string quoteJson(const std::string &text);

/// Parses with a limit on nesting and without duplicate keys in the outermost
/// object. Errors are messages, not exceptions, but for std::bad_alloc.
[[nodiscard]] MaybeError parseJson(const char *begin, const char *end,
                                   JsonRoot &result);

} // namespace tern::runtime

#endif // TERN_RUNTIME_JSON_H
