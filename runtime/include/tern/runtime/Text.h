//===- Text.h - Escape names, suggest spellings -----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_TEXT_H
#define TERN_RUNTIME_TEXT_H

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tern::runtime {

/// The text as one line that shows what is in it: names of models, and of
/// files, may hold anything. Escaped, as Python would, are control characters
/// (line breaks, what terminals obey, NUL), characters that have no width or
/// change the direction of writing, and bytes that are not UTF-8; the result is
/// UTF-8. A backslash stays one, so that what is escaped already, or a path,
/// stays as it is: the result is for reading, not for parsing.
std::string printable(std::string_view text);

/// Whether the bytes are UTF-8 without NUL: what files of JSON, and C, can hold
/// as a name.
bool isText(std::string_view bytes);

/// The number of characters of UTF-8 text.
size_t countCharacters(std::string_view text);

/// UTF-8 text of at most `width` >= 5 characters; the middle of a longer one is
/// an ellipsis.
std::string shorten(std::string_view text, size_t width);

/// A message: printable, and 4000 characters of it at most.
std::string messageLine(std::string_view text);

/// A name in quotes, printable and of 200 characters at most.
std::string quote(std::string_view name);

/// The same value as JSON of ASCII characters: what printable() escapes in
/// names is escaped here by JSON's rules. `json` is UTF-8.
std::string escapeJson(std::string_view json);

/// "; did you mean 'x'?" with the known word that is nearest to `word`; empty
/// if none is near, or `word` is known.
std::string suggest(std::string_view word,
                    const std::vector<std::string> &known);

/// "12.3 KiB".
std::string formatBytes(int64_t bytes);

} // namespace tern::runtime

#endif // TERN_RUNTIME_TEXT_H
