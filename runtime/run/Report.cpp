//===- Report.cpp - --info and --benchmark of tern-run ----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Report.h"
#include "../core/Program.h"
#include "tern/runtime/Text.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>

#include <sys/stat.h>

using namespace tern::runtime;
using nlohmann::ordered_json;

static void printTensors(const char *title,
                         const std::vector<Session::Tensor> &tensors) {
  std::printf("%s:\n", title);
  for (const Session::Tensor &tensor : tensors)
    std::printf("  %s: %s\n", printable(tensor.name).c_str(),
                printable(tensor.type()).c_str());
}

static std::string join(const ordered_json &strings, const char *otherwise) {
  std::string text;
  for (const ordered_json &value : strings)
    text += (text.empty() ? "" : " ") + value.get<std::string>();
  return text.empty() ? otherwise : text;
}

void tern::runtime::printInfo(const Session &session, const Options &options,
                              const MaybeError &problem) {
  // The runtime has checked it; absent keys that it ignores read as null.
  ordered_json signature =
      ordered_json::parse(tern_program_signature(session.program));
  int64_t batch = options.batch ? options.batch : 1;
  std::vector<int64_t> dims;
  ordered_json dimValues = ordered_json::object();
  const char *function = session.function.c_str();
  for (size_t i = 0; i < tern_function_num_dims(session.program, function);
       ++i) {
    std::string name = tern_function_dim_name(session.program, function, i);
    int64_t given = session.program->stateExtent(name);
    dims.push_back(given > 0                       ? given
                   : name == session.batchSymbol() ? batch
                                                   : 1);
    dimValues[name] = dims.back();
  }
  int64_t arena = 0;
  if (tern_function_arena_size(session.program, function, dims.data(),
                               dims.size(), &arena) != TERN_OK)
    arena = -1;
  std::string weights = tern_program_weights_path(session.program);
  uint32_t threads = tern_program_num_threads(session.program);
  // The parameters of the weights file, and what calls update.
  int64_t bytes = 0, numParams = 0;
  std::vector<Session::Tensor> state;
  for (const StateSpec &spec : session.program->signature.state) {
    numParams += spec.isParam;
    if (spec.isParam)
      bytes += spec.numBytes();
    else
      state.push_back(spec);
  }

  if (options.info == "json") {
    ordered_json info = {{"signature", signature},  {"param_bytes", bytes},
                         {"weights_file", nullptr}, {"arena_bytes", arena},
                         {"arena_dims", dimValues}, {"threads", threads},
                         {"problem", nullptr}};
    if (!weights.empty())
      info["weights_file"] = weights;
    if (problem)
      info["problem"] = *problem;
    std::printf("%s\n",
                info.dump(2, ' ', true, ordered_json::error_handler_t::replace)
                    .c_str());
    return;
  }

  std::printf("model: %s\n",
              printable(signature["model"].get<std::string>()).c_str());
  std::string version =
      signature.contains("tern") && signature["tern"].is_string()
          ? signature["tern"].get<std::string>()
          : "?";
  std::printf("compiled by: Tern %s for %s\n", printable(version).c_str(),
              printable(signature["triple"].get<std::string>()).c_str());
  std::printf("processor features: %s\n",
              printable(join(signature["features"], "none")).c_str());
  const auto &functions = session.program->signature.functions;
  if (functions.size() > 1) {
    std::string names;
    for (const FunctionSpec &other : functions)
      names += " " + other.name;
    std::printf("functions:%s; of %s:\n", printable(names).c_str(),
                printable(session.function).c_str());
  }
  printTensors("inputs", session.inputs);
  printTensors("outputs", session.outputs);
  if (!state.empty())
    printTensors("state", state);
  std::string scalars;
  for (const ScalarSpec &scalar : session.program->signature.scalars)
    scalars += (scalars.empty() ? "" : " ") + scalar.name;
  if (!scalars.empty())
    std::printf("scalars: %s\n", printable(scalars).c_str());
  std::printf("parameters: %lld tensors, %s\n",
              static_cast<long long>(numParams), formatBytes(bytes).c_str());
  std::string kind = signature["weights"].get<std::string>();
  std::printf("weights: %s\n",
              printable(weights.empty() ? kind : weights).c_str());
  std::string assumed;
  for (const auto &[name, value] : dimValues.items())
    assumed += (assumed.empty() ? " (" : ", ") + name + " = " + value.dump();
  std::printf("scratch memory: %s%s%s\n", formatBytes(arena).c_str(),
              printable(assumed).c_str(), assumed.empty() ? "" : ")");
  if (threads)
    std::printf("threads: %u\n", threads);
  if (problem)
    std::printf("problem: %s\n", printable(*problem).c_str());
}

MaybeError tern::runtime::makeUpInputs(const Session &session, int64_t batch,
                                       std::vector<HostTensor> &inputs,
                                       const std::vector<bool> &taken) {
  std::map<std::string, int64_t> extents;
  std::string leading = session.batchSymbol();
  for (size_t i = 0; i < inputs.size(); ++i)
    for (size_t d = 0; taken[i] && d < inputs[i].shape.size() &&
                       d < session.inputs[i].symbols.size();
         ++d)
      extents[session.inputs[i].symbols[d]] = inputs[i].shape[d];
  extents.emplace(leading, batch ? batch : 1);

  uint32_t state = 1;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (taken[i])
      continue;
    const Session::Tensor &spec = session.inputs[i];
    std::vector<int64_t> shape = spec.shape;
    for (size_t d = 0; d < shape.size(); ++d)
      if (shape[d] < 0)
        shape[d] = extents.emplace(spec.symbols[d], 1).first->second;
    if (MaybeError error = HostTensor::allocate(spec.dtype, shape, inputs[i]))
      return "input '" + spec.name + "': " + *error;
    // Floats in [-1, 1); of integers 0 and 1, which are valid wherever an
    // index or a mask is wanted.
    int64_t count = inputs[i].numElements();
    for (int64_t k = 0; k < count; ++k) {
      state = state * 1664525u + 1013904223u;
      storeElement(inputs[i], k,
                   isFloat(spec.dtype) ? (state >> 8) / 8388608.0 - 1.0
                                       : (state >> 31));
    }
  }
  return std::nullopt;
}

MaybeError tern::runtime::runBenchmark(Session &session, double seconds,
                                       const std::vector<HostTensor> &inputs) {
  // The first run touches the weights and grows the scratch memory.
  std::vector<HostTensor> outputs;
  if (MaybeError error = session.run(inputs, outputs))
    return error;
  std::vector<double> times;
  double total = 0;
  while (times.size() < 3 || (total < seconds && times.size() < 10'000'000)) {
    session.seconds = 0;
    if (MaybeError error = session.runInto(inputs, outputs))
      return error;
    times.push_back(session.seconds);
    total += session.seconds;
  }
  std::sort(times.begin(), times.end());
  double median = times[times.size() / 2];
  long long items = session.numItems(inputs);
  std::printf("benchmark: %zu invocations of %lld item%s in %.2f s, %u "
              "thread%s\n",
              times.size(), items, items == 1 ? "" : "s", total,
              tern_program_num_threads(session.program),
              tern_program_num_threads(session.program) == 1 ? "" : "s");
  std::printf("  %12s %12s %12s %14s\n", "min ms", "median ms", "max ms",
              "items/s");
  std::printf("  %12.4f %12.4f %12.4f %14.1f\n", times.front() * 1e3,
              median * 1e3, times.back() * 1e3,
              static_cast<double>(items) / median);
  return std::nullopt;
}
