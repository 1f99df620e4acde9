//===- Completion.h - Completion of command lines in shells -----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Tools print the scripts themselves, from the options that they parse:
// `TOOL --completion=bash`.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_COMPLETION_H
#define TERN_RUNTIME_COMPLETION_H

#include <string>
#include <vector>

namespace CLI {
class App;
} // namespace CLI

namespace tern::runtime {

struct CompletionOption {
  enum class Value {
    None,
    /// Only after an equals sign.
    Optional,
    Required,
  };

  /// With its dashes.
  std::string name;
  std::string description;
  Value value = Value::None;
  /// What values are: `a|b|c` just these; otherwise where it says so files
  /// ("file", "tensor") or folders ("folder", "dir").
  std::string hint = {};
  bool isRepeated = false;
};

/// The completion script of `tool` for bash, zsh or fish; empty for another
/// shell. What is no option is a file.
std::string getCompletion(const std::string &shell, const std::string &tool,
                          const std::vector<CompletionOption> &options);

/// Adds the option --completion, which prints the script with all options that
/// the app has by then and ends the run successfully.
void addCompletionOption(CLI::App &app);

} // namespace tern::runtime

#endif // TERN_RUNTIME_COMPLETION_H
