//===- CommandLine.cpp - Options that all programs have ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CommandLine.h"
#include "../io/MappedFile.h"
#include "Completion.h"
#include "tern/runtime/Text.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>

#include <unistd.h>

using namespace tern::runtime;

void tern::runtime::beginCommandLine(CLI::App &app,
                                     const CommandLineTexts &texts,
                                     bool isLinked, CommonOptions &options) {
  if (!isLinked)
    app.name(texts.tool);
  app.description(
      std::string(texts.verb) +
      (isLinked ? " the model compiled into this executable."
                : std::string(" a model compiled by ") + texts.compiler + "."));
  app.footer(texts.footer);
  app.get_formatter()->column_width(34);
  app.set_version_flag("--version",
                       std::string(texts.tool) + " " + tern_runtime_version());
  if (!isLinked)
    app.add_option("ARTIFACT", options.artifact,
                   std::string("Shared library written by ") + texts.compiler +
                       " -o NAME.so")
        ->required();
}

void tern::runtime::endCommandLine(CLI::App &app, const CommandLineTexts &texts,
                                   bool isLinked, CommonOptions &options) {
  app.add_option("--info", options.info, texts.info)
      ->type_name("[=json]")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_option("--threads", options.threads,
                 "Number of threads (default: physical cores)")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  app.add_option("--device", options.device,
                 "Library of the device that a model was compiled for")
      ->type_name("FILE");
  addList(app, "--state-dim", options.stateDims,
          "An extent of the model's state, such as the capacity of a cache")
      ->type_name("NAME=N");
  app.add_flag("--verify", options.verify,
               "Compare the whole weights file with the hash that the model "
               "has of it");
  app.add_flag("--verbose", options.verbose, texts.verbose);
  if (!isLinked)
    addCompletionOption(app);
}

CLI::Option *tern::runtime::addList(CLI::App &app, const char *name,
                                    std::vector<std::string> &values,
                                    const char *help) {
  return app.add_option(name, values, help)
      ->type_size(1)
      ->allow_extra_args(false);
}

CLI::Option *tern::runtime::addCount(CLI::App &app, const char *name,
                                     int64_t &value, int64_t smallest,
                                     const char *help) {
  return app.add_option(name, value, help)
      ->type_name("N")
      ->check(CLI::Range(smallest, int64_t(1) << 53));
}

/// What the user may have meant where the parser refuses an argument; empty if
/// there is no telling.
static std::string explain(const CLI::App &app, const CLI::ParseError &error,
                           const std::vector<std::string> &arguments,
                           const std::map<std::string, std::string> &bare) {
  // "--benchmark 5": what an option may have stands behind a "=".
  for (size_t i = 0; i + 1 < arguments.size(); ++i)
    if (bare.count(arguments[i]) && arguments[i + 1][0] != '-')
      return "; did you mean '" + arguments[i] + "=" + arguments[i + 1] + "'?";
  std::vector<std::string> known;
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError)) {
    for (const CLI::Option *option : app.get_options())
      for (const std::string &name : option->get_lnames())
        known.push_back("--" + name);
    for (const std::string &argument : arguments)
      if (argument.rfind("--", 0) == 0)
        if (std::string name = argument.substr(0, argument.find('='));
            std::find(known.begin(), known.end(), name) == known.end())
          return suggest(name, known);
    return "";
  }
  // "--schedule: cosin not in {constant,linear}".
  std::string text = error.what(), choice;
  size_t colon = text.find(": "), set = text.find(" not in {");
  if (colon == std::string::npos || set == std::string::npos || set < colon)
    return "";
  for (char c : text.substr(set + 9)) {
    if (c != ',' && c != '}') {
      choice += c;
      continue;
    }
    known.push_back(choice);
    choice.clear();
  }
  return suggest(text.substr(colon + 2, set - colon - 2), known);
}

std::optional<int>
tern::runtime::parseArguments(CLI::App &app, int argc, char **argv,
                              std::map<std::string, std::string> bare) {
  bare.emplace("--info", "text");
  // Optional values need "=", or the artifact would be taken for one.
  std::vector<std::string> arguments;
  for (int i = argc - 1; i > 0; --i) {
    std::string argument = argv[i];
    if (auto value = bare.find(argument); value != bare.end())
      argument += "=" + value->second;
    arguments.push_back(argument);
  }
  try {
    app.parse(arguments);
  } catch (const CLI::ParseError &e) {
    if (e.get_exit_code() == 0)
      return app.exit(e);
    printMessage("error", e.what() +
                              explain(app, e, {argv + 1, argv + argc}, bare) +
                              " (see --help)");
    return 1;
  }
  return std::nullopt;
}

void tern::runtime::printMessage(const char *kind, const std::string &text) {
  std::fprintf(stderr, "%s: %s\n", kind, messageLine(text).c_str());
}

/// What a program says of an exception that reaches its main function.
static std::string describeException(const std::exception &exception) {
  // Containers throw length_error for sizes that no memory could hold.
  if (dynamic_cast<const std::bad_alloc *>(&exception) ||
      dynamic_cast<const std::length_error *>(&exception))
    return "out of memory";
  return exception.what();
}

static void exitOnTerminate() {
  std::set_terminate([] {
    try {
      if (std::exception_ptr current = std::current_exception())
        std::rethrow_exception(current);
      std::fputs("error: the program cannot go on\n", stderr);
    } catch (const std::exception &e) {
      printMessage("error", describeException(e));
    } catch (...) {
      std::fputs("error: unknown exception\n", stderr);
    }
    ::_exit(1);
  });
}

int tern::runtime::runMain(const std::function<MaybeError(int &)> &body) {
  surviveCutFiles();
  exitOnTerminate();
  try {
    int status = 0;
    MaybeError error = body(status);
    // What was printed matters as much as what was written to files.
    if (std::fflush(stdout) != 0 && !error)
      error = "cannot write to the standard output";
    if (!error)
      return status;
    printMessage("error", *error);
  } catch (const std::exception &e) {
    printMessage("error", describeException(e));
  }
  return 1;
}

std::string tern::runtime::executablePath() {
  std::string path(4096, '\0');
  ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  path.resize(length > 0 ? static_cast<size_t>(length) : 0);
  return path;
}

std::string tern::runtime::findWeights(const CommonOptions &options,
                                       const TernArtifact *linked) {
  if (!options.weights.empty() || !linked)
    return options.weights;
  // It may be an earlier version's, and have fewer fields.
  bool hasWeights =
      linked->size > offsetof(TernArtifact, weights) && linked->weights;
  return hasWeights ? "" : executablePath() + ".safetensors";
}

MaybeError tern::runtime::parseAssignment(const char *option,
                                          const std::string &argument,
                                          std::string &name, double &value) {
  size_t equals = argument.find('=');
  if (equals == std::string::npos)
    return std::string(option) + ": '" + argument + "' is not NAME=VALUE";
  name = argument.substr(0, equals);
  std::string text = argument.substr(equals + 1);
  char *end = nullptr;
  value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end)
    return std::string(option) + ": '" + text + "' is not a number";
  return std::nullopt;
}

MaybeError tern::runtime::makeLoadOptions(const CommonOptions &options,
                                          const TernArtifact *linked,
                                          LoadOptions &load) {
  for (const std::string &argument : options.stateDims) {
    double value = 0;
    if (MaybeError error = parseAssignment(
            "--state-dim", argument, load.extents.emplace_back().first, value))
      return error;
    if (value != std::floor(value) || std::fabs(value) > 0x1p53)
      return "--state-dim: '" + argument + "' is no extent";
    load.extents.back().second = static_cast<int64_t>(value);
  }
  for (const auto &[name, extent] : load.extents)
    load.dims.push_back({name.c_str(), extent});
  load.weights = findWeights(options, linked);
  load.settings.size = sizeof(load.settings);
  load.settings.num_threads = options.threads;
  if (!load.weights.empty())
    load.settings.weights_path = load.weights.c_str();
  if (!options.device.empty())
    load.settings.device_path = options.device.c_str();
  if (options.verify)
    load.settings.flags |= TERN_LOAD_VERIFY_WEIGHTS;
  load.settings.state_dims = load.dims.data();
  load.settings.num_state_dims = load.dims.size();
  return std::nullopt;
}
