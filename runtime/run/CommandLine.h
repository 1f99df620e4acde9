//===- CommandLine.h - Options that all programs have -----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_COMMANDLINE_H
#define TERN_RUNTIME_COMMANDLINE_H

#include "tern/runtime/DType.h"
#include "tern/runtime/Runtime.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
} // namespace CLI

namespace tern::runtime {

/// Options that all programs have.
struct CommonOptions {
  /// The shared library; empty in a linked executable.
  std::string artifact;
  std::string weights;
  /// A library of Device.h.
  std::string device;
  /// "", "text" or "json".
  std::string info;
  uint32_t threads = 0;
  bool verify = false, verbose = false;
  /// NAME=N, the state's extents.
  std::vector<std::string> stateDims;
};

/// How a program presents them.
struct CommandLineTexts {
  /// Its name, where it is not a linked executable.
  const char *tool;
  /// What it does with a model, and what compiles those.
  const char *verb, *compiler;
  const char *info, *verbose;
  std::string footer;
};

/// Begins a command line: the footer, --version and the artifact.
void beginCommandLine(CLI::App &app, const CommandLineTexts &texts,
                      bool isLinked, CommonOptions &options);

/// Adds what comes last: --info, --threads, --verify, --verbose, --completion.
void endCommandLine(CLI::App &app, const CommandLineTexts &texts, bool isLinked,
                    CommonOptions &options);

/// An option with one value each time it is given: what follows may be the
/// artifact.
CLI::Option *addList(CLI::App &app, const char *name,
                     std::vector<std::string> &values, const char *help);
/// A number N from `smallest` on.
CLI::Option *addCount(CLI::App &app, const char *name, int64_t &value,
                      int64_t smallest, const char *help);

/// Parses. `bare` has the values that options stand for which are given
/// without one. The exit status if the program has nothing left to do, after
/// an error or for instance --help.
std::optional<int> parseArguments(CLI::App &app, int argc, char **argv,
                                  std::map<std::string, std::string> bare);

/// A main function: runs `body`, which may set the exit status. An error, an
/// exception or a standard output that cannot be written is one line and status
/// 1; so is what ends in std::terminate(), such as memory that runs out in a
/// function that may not throw.
int runMain(const std::function<MaybeError(int &status)> &body);

/// Prints one line on the standard error: "kind: text", made printable().
void printMessage(const char *kind, const std::string &text);

/// Where this program's own file is; empty if the system does not say.
std::string executablePath();

/// The weights file to read: what the options say, or for an executable whose
/// artifact `linked` (else null) has no weights in it, its own name with
/// .safetensors. Empty: the runtime knows.
std::string findWeights(const CommonOptions &options,
                        const TernArtifact *linked);

/// The name and the value of NAME=VALUE, an argument of `option`.
[[nodiscard]] MaybeError parseAssignment(const char *option,
                                         const std::string &argument,
                                         std::string &name, double &value);

/// What options say of loading, with what it points to.
struct LoadOptions {
  TernProgramOptions settings = {};
  std::string weights;
  std::vector<std::pair<std::string, int64_t>> extents;
  std::vector<TernDim> dims;

  LoadOptions() = default;
  LoadOptions(const LoadOptions &) = delete;
  LoadOptions &operator=(const LoadOptions &) = delete;
};

/// Fills `load` with what the options, which must outlive it, say of loading an
/// artifact.
[[nodiscard]] MaybeError makeLoadOptions(const CommonOptions &options,
                                         const TernArtifact *linked,
                                         LoadOptions &load);

} // namespace tern::runtime

#endif // TERN_RUNTIME_COMMANDLINE_H
