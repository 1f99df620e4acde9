//===- Session.cpp - A program and its tensors ------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Session.h"
#include "../io/MappedFile.h"

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

MaybeError Session::load(const std::string &artifact,
                         const TernArtifact *linked,
                         const TernProgramOptions &options) {
  TernStatus status =
      linked ? tern_program_link(linked, &options, &program)
             : tern_program_load(artifact.c_str(), &options, &program);
  if (status != TERN_OK)
    return tern_last_error();
  TernTensorInfo info;
  for (size_t i = 0; i < tern_program_num_inputs(program); ++i)
    if (tern_program_input(program, i, &info) == TERN_OK)
      inputs.push_back(fromInfo(info));
  for (size_t i = 0; i < tern_program_num_outputs(program); ++i)
    if (tern_program_output(program, i, &info) == TERN_OK)
      outputs.push_back(fromInfo(info));
  return std::nullopt;
}

MaybeError Session::outputShapes(const std::vector<HostTensor> &given,
                                 std::vector<std::vector<int64_t>> &shapes) {
  size_t numExtents = 0;
  for (const Tensor &output : outputs)
    numExtents += output.shape.size();
  std::vector<int64_t> extents(numExtents);
  TensorView view(given);
  if (tern_program_output_shapes(program, view.data(), view.size(),
                                 extents.data(), extents.size()) != TERN_OK)
    return tern_last_error();
  auto next = extents.begin();
  for (const Tensor &output : outputs) {
    auto end = next + static_cast<ptrdiff_t>(output.shape.size());
    shapes.emplace_back(next, end);
    next = end;
  }
  return std::nullopt;
}

MaybeError Session::runInto(const std::vector<HostTensor> &given,
                            const std::vector<HostTensor> &results) {
  TensorView in(given), out(results);
  auto start = std::chrono::steady_clock::now();
  TernStatus status = tern_program_invoke(program, in.data(), in.size(),
                                          out.data(), out.size());
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
  std::vector<std::vector<int64_t>> shapes;
  if (MaybeError error = outputShapes(given, shapes))
    return error;
  results.assign(outputs.size(), HostTensor());
  for (size_t i = 0; i < outputs.size(); ++i)
    if (MaybeError error =
            HostTensor::allocate(outputs[i].dtype, shapes[i], results[i]))
      return "output '" + outputs[i].name + "': " + *error;
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
  std::vector<std::vector<int64_t>> shapes;
  if (MaybeError error = outputShapes(given, shapes))
    return error;
  int64_t total = numItems(given);
  if (total <= batch)
    return run(given, results);
  results.assign(outputs.size(), HostTensor());
  for (size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].symbols.empty() || outputs[i].symbols[0] != symbol)
      return "--batch: output '" + outputs[i].name + "' (" + outputs[i].type() +
             ") does not begin with '" + symbol +
             "', so pieces of it cannot be joined";
    if (MaybeError error =
            HostTensor::allocate(outputs[i].dtype, shapes[i], results[i]))
      return "output '" + outputs[i].name + "': " + *error;
  }
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
