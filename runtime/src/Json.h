//===- Json.h - Parse JSON that nobody vouches for --------------*- C++ -*-===//
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

/// Parses with a limit on nesting and without duplicate keys in the outermost
/// object. Errors are messages, not exceptions.
[[nodiscard]] MaybeError parseJson(const char *begin, const char *end,
                                   nlohmann::json &result);

} // namespace tern::runtime

#endif // TERN_RUNTIME_JSON_H
