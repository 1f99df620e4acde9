//===- CommandLine.h - What the programs' command lines share ---*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_COMMANDLINE_H
#define TERN_RUNTIME_COMMANDLINE_H

#include <cstdint>
#include <exception>
#include <map>
#include <optional>
#include <string>

namespace CLI {
class App;
} // namespace CLI

namespace tern::runtime {

/// Options that all programs have.
struct CommonOptions {
  /// The shared library; empty in a linked executable.
  std::string artifact;
  std::string weights;
  /// "", "text" or "json".
  std::string info;
  uint32_t threads = 0;
  bool verify = false, verbose = false;
};

/// How a program presents them.
struct CommandLineTexts {
  /// Its name, where it is not a linked executable.
  const char *tool;
  /// How ternc is told to write its artifacts.
  const char *compile;
  const char *info, *verbose;
  std::string footer;
};

/// Begins a command line: the footer, --version and the artifact.
void beginCommandLine(CLI::App &app, const CommandLineTexts &texts,
                      bool isLinked, CommonOptions &options);

/// Adds what comes last: --info, --threads, --verify, --verbose, --completion.
void endCommandLine(CLI::App &app, const CommandLineTexts &texts, bool isLinked,
                    CommonOptions &options);

/// Parses. `bare` has the values that options stand for which are given
/// without one. The exit status if the program has nothing left to do, after
/// an error or for instance --help.
std::optional<int> parseArguments(CLI::App &app, int argc, char **argv,
                                  std::map<std::string, std::string> bare);

/// Has what ends in std::terminate(), such as memory that runs out in a
/// function that may not throw, end in a line of error and status 1.
void exitOnTerminate();

/// Prints one line on the standard error: "kind: text", made printable().
void printMessage(const char *kind, const std::string &text);

/// What a program says of an exception that reaches its main function.
std::string describeException(const std::exception &exception);

/// Where this program's own file is; empty if the system does not say.
std::string executablePath();

/// The weights file to read: what the options say, or for a linked executable
/// that has no weights in it, its own name with .safetensors. Empty: the
/// runtime knows.
std::string findWeights(const CommonOptions &options, bool isLinkedWithout);

} // namespace tern::runtime

#endif // TERN_RUNTIME_COMMANDLINE_H
