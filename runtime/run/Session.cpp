//===- Session.cpp - Runtime.h's C API for HostTensors ----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Session.h"
#include "../core/CApi.h"
#include "../io/MappedFile.h"
#include "tern/runtime/Text.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include <unistd.h>

using namespace tern::runtime;

namespace {
/// "37 of 100" on a terminal, gone when done; elsewhere a line every few
/// seconds.
class Progress {
public:
  Progress() : isTerminal(::isatty(STDERR_FILENO)) {}
  ~Progress() {
    if (wasShown)
      std::fprintf(stderr, "\r\033[K");
  }
  void show(int64_t done, int64_t total) {
    auto now = std::chrono::steady_clock::now();
    if (now - last < std::chrono::milliseconds(isTerminal ? 100 : 5000))
      return;
    last = now;
    wasShown = isTerminal;
    std::fprintf(stderr, isTerminal ? "\r%lld of %lld" : "%lld of %lld\n",
                 static_cast<long long>(done), static_cast<long long>(total));
  }

private:
  bool isTerminal, wasShown = false;
  std::chrono::steady_clock::time_point last = std::chrono::steady_clock::now();
};
} // namespace

MaybeError LoadedProgram::load(const std::string &artifact,
                               const TernArtifact *linked,
                               const TernProgramOptions &options) {
  const char *path = linked ? nullptr : artifact.c_str();
  if (create(path, linked, &options, trains, &program) != TERN_OK)
    return tern_last_error();
  return readInterface();
}

MaybeError Session::readInterface() {
  const std::vector<FunctionSpec> &all = program->signature.functions;
  bool isNamed = !function.empty();
  if (!isNamed)
    function = findSpec(program, "main") || !takesAny ? "main" : all[0].name;
  const FunctionSpec *spec = findSpec(program, function.c_str());
  if (!spec) {
    std::string names;
    std::vector<std::string> known;
    for (const FunctionSpec &other : all) {
      names += (names.empty() ? "" : ", ") + other.name;
      known.push_back(other.name);
    }
    return program->name + " has no function '" + function +
           "'; there are: " + names +
           (isNamed ? suggest(function, known) : " (--function=NAME)");
  }
  inputs = spec->inputs;
  outputs = spec->outputs;
  return std::nullopt;
}

MaybeError Session::outputExtents(const std::vector<HostTensor> &given,
                                  std::vector<int64_t> &extents) {
  extents.resize(countExtents(outputs));
  TensorView view(given);
  if (tern_function_output_shapes(program, function.c_str(), view.data(),
                                  view.size(), extents.data(),
                                  extents.size()) != TERN_OK)
    return tern_last_error();
  return std::nullopt;
}

MaybeError Session::runInto(const std::vector<HostTensor> &given,
                            const std::vector<HostTensor> &results) {
  TensorView in(given), out(results);
  auto start = std::chrono::steady_clock::now();
  TernStatus status = tern_function_invoke(program, function.c_str(), in.data(),
                                           in.size(), out.data(), out.size());
  seconds +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
          .count();
  items += numItems(given);
  if (status != TERN_OK)
    return tern_last_error();
  // What was computed from zeros is no result.
  if (std::optional<std::string> cut = findCutFile())
    return describeCutFile(*cut);
  return std::nullopt;
}

MaybeError Session::run(const std::vector<HostTensor> &given,
                        std::vector<HostTensor> &results) {
  std::vector<int64_t> extents;
  if (MaybeError error = outputExtents(given, extents))
    return error;
  results.clear();
  if (MaybeError error = allocateOutputs(outputs, extents, results))
    return error;
  return runInto(given, results);
}

std::string Session::batchSymbol() const {
  for (const Tensor &input : inputs)
    if (!input.symbols.empty() && !input.symbols[0].empty())
      return input.symbols[0];
  return "";
}

std::vector<HostTensor> Session::slice(const std::vector<HostTensor> &given,
                                       int64_t begin, int64_t end) const {
  std::string symbol = batchSymbol();
  std::vector<HostTensor> pieces = given;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!symbol.empty() && !inputs[i].symbols.empty() &&
        inputs[i].symbols[0] == symbol)
      pieces[i] = given[i].rows(begin, std::min(end, given[i].shape[0]));
  return pieces;
}

int64_t Session::numItems(const std::vector<HostTensor> &given) const {
  std::string symbol = batchSymbol();
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!symbol.empty() && !inputs[i].symbols.empty() &&
        inputs[i].symbols[0] == symbol)
      return given[i].shape.empty() ? 1 : given[i].shape[0];
  return 1;
}

MaybeError Session::runBatches(const std::vector<HostTensor> &given,
                               int64_t batch,
                               std::vector<HostTensor> &results) {
  std::string symbol = batchSymbol();
  if (symbol.empty())
    return "--batch: no input of the model begins with a symbolic extent (" +
           listTensors(inputs) + ")";
  // Shapes of the whole; this also checks the inputs before they are sliced.
  std::vector<int64_t> extents;
  if (MaybeError error = outputExtents(given, extents))
    return error;
  int64_t total = numItems(given);
  if (total <= batch)
    return run(given, results);
  for (const Tensor &output : outputs)
    if (output.symbols.empty() || output.symbols[0] != symbol)
      return "--batch: output '" + output.name + "' (" + output.type() +
             ") does not begin with '" + symbol +
             "', so pieces of it cannot be joined";
  results.clear();
  if (MaybeError error = allocateOutputs(outputs, extents, results))
    return error;
  Progress progress;
  for (int64_t begin = 0; begin < total; begin += batch) {
    int64_t end = std::min(total, begin + batch);
    std::vector<HostTensor> pieces;
    pieces.reserve(results.size());
    for (const HostTensor &result : results)
      pieces.push_back(result.rows(begin, end));
    if (MaybeError error = runInto(slice(given, begin, end), pieces))
      return error;
    progress.show(end, total);
  }
  return std::nullopt;
}
