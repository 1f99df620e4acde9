//===- Checkpoint.cpp - Read and write checkpoints --------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Program.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

using namespace tern::runtime;

static constexpr const char *fingerprintKey = "tern_fingerprint";
static constexpr const char *stepKey = "tern_step";
static constexpr const char *windowKey = "tern_window";
static constexpr const char *versionKey = "tern_version";

/// Fills a tensor with one value; only floats can have one that is not 0.
static void fill(DType dtype, void *data, int64_t count, double value) {
  if (dtype == DType::F32)
    std::fill_n(static_cast<float *>(data), count, static_cast<float>(value));
  else if (dtype == DType::F64)
    std::fill_n(static_cast<double *>(data), count, value);
  else
    std::memset(data, 0, static_cast<size_t>(count) * dtypeSize(dtype));
}

/// Compares a tensor of a file with what the model needs.
static MaybeError checkView(const SafetensorsView &view, const StateSpec &spec,
                            const std::string &model) {
  if (view.dtype != spec.dtype || view.shape != spec.shape)
    return "has '" + spec.name + "' as " + typeString(view.dtype, view.shape) +
           ", " + model + " needs " + spec.type();
  // Elements of a hostile file may lie anywhere; copies of them do not.
  std::vector<uint64_t> aligned;
  const void *data = view.data;
  if (reinterpret_cast<uintptr_t>(data) % dtypeSize(view.dtype)) {
    aligned.resize(view.size / sizeof(uint64_t) + 1);
    std::memcpy(aligned.data(), data, view.size);
    data = aligned.data();
  }
  if (std::optional<int64_t> element =
          spec.findBad(data, numElements(view.shape).value_or(0)))
    return "has a NaN or an infinity in '" + spec.name + "' at element " +
           std::to_string(*element);
  return std::nullopt;
}

MaybeFailure TernProgram::init() {
  if (MaybeFailure failure = checkOwnsState())
    return failure;
  MappedFile mapped;
  SafetensorsIndex index;
  std::string file;
  if (givenWeights || artifact.weights || signature.weights != "none")
    if (MaybeFailure failure = readWeights(mapped, index, file))
      return failure;
  auto bad = [&](const std::string &what) {
    return Failure{TERN_BAD_WEIGHTS, file + " " + what};
  };
  for (const StateSpec &spec : signature.state) {
    auto it = index.tensors.find(spec.name);
    if (it == index.tensors.end()) {
      if (!spec.init)
        return bad("lacks '" + spec.name + "'");
    } else if (MaybeError error = checkView(it->second, spec, name)) {
      return bad(*error);
    }
  }
  for (size_t i = 0; i < signature.state.size(); ++i) {
    const StateSpec &spec = signature.state[i];
    auto it = index.tensors.find(spec.name);
    // Optimizers begin anew, whatever the file is.
    if (it == index.tensors.end() || (!spec.isParam && spec.init))
      fill(spec.dtype, state[i], numElements(spec.shape).value_or(0),
           *spec.init);
    else if (it->second.size)
      std::memcpy(state[i], it->second.data, it->second.size);
  }
  steps = 0;
  resetWindows();
  hasValues = true;
  metadata.clear();
  return std::nullopt;
}

void TernProgram::fillState() {
  for (size_t i = 0; i < signature.state.size(); ++i)
    if (const StateSpec &spec = signature.state[i]; owns(i) && spec.init)
      fill(spec.dtype, state[i], numElements(spec.shape).value_or(0),
           *spec.init);
  hasValues = true;
}

MaybeFailure TernProgram::resetState() {
  if (signature.isTraining())
    return invalid(name + " is a training artifact: tern_trainer_init gives "
                          "its state initial values");
  if (!host.numThreads())
    return invalid(name + " was loaded for its signature only");
  fillState();
  return std::nullopt;
}

MaybeFailure TernProgram::save(const std::string &path,
                               std::map<std::string, std::string> strings) {
  if (MaybeFailure failure = checkOwnsState())
    return failure;
  if (MaybeFailure failure = checkHasValues())
    return failure;
  if (auto bad = findNonFiniteState())
    return invalid(
        "cannot write '" + path + "': '" + signature.state[bad->first].name +
        "' has a NaN or an infinity at element " + std::to_string(bad->second));
  for (const auto &[key, value] : strings)
    if (key.compare(0, 5, "tern_") == 0)
      return invalid("metadata '" + key + "' begins with tern_");
  strings["format"] = "pt";
  strings[fingerprintKey] = signature.fingerprint;
  strings[stepKey] = std::to_string(steps);
  strings[versionKey] = TERN_VERSION;
  if (signature.findScalar("accumulate"))
    strings[windowKey] = windowText();
  for (const auto &[key, value] : signature.conversion)
    strings["tern_" + key] = value;
  strings["tern_model"] = signature.model;
  strings["tern_loss"] = signature.loss;
  strings["tern_optimizer"] = signature.optimizer;
  std::vector<SafetensorsWriter::Entry> entries;
  entries.reserve(signature.state.size());
  for (const StateSpec &spec : signature.state)
    entries.push_back({spec.name, spec.dtype, spec.shape});
  SafetensorsWriter writer;
  MaybeError error = writer.open(path, std::move(entries), std::move(strings));
  for (size_t i = 0; i < signature.state.size() && !error; ++i) {
    int64_t bytes = signature.state[i].numBytes();
    error = writer.append(state[i], static_cast<uint64_t>(bytes));
  }
  if (!error)
    error = writer.finish(/*durable=*/true);
  if (error)
    return Failure{TERN_IO_ERROR, *error};
  return std::nullopt;
}

static std::string lookUp(const SafetensorsIndex &index, const char *key) {
  auto it = index.metadata.find(key);
  return it == index.metadata.end() ? "?" : it->second;
}

/// If another version wrote a file, which; what is unlike may be so in the
/// versions only.
static std::string describeVersion(const SafetensorsIndex &index) {
  auto it = index.metadata.find(versionKey);
  if (it != index.metadata.end() && it->second == TERN_VERSION)
    return "";
  return "; it was written by Tern " + lookUp(index, versionKey) +
         ", this is Tern " TERN_VERSION;
}

MaybeFailure TernProgram::restore(const std::string &path) {
  if (MaybeFailure failure = checkOwnsState())
    return failure;
  std::string file = "'" + path + "'";
  auto bad = [&](const std::string &what) {
    return Failure{TERN_BAD_WEIGHTS, file + " " + what};
  };
  MappedFile mapped;
  if (MaybeError error = mapped.open(path))
    return Failure{TERN_IO_ERROR, *error};
  SafetensorsIndex index;
  if (MaybeError error = parseSafetensors(mapped.data(), mapped.size(), index))
    return bad("is malformed: " + *error);
  auto fingerprint = index.metadata.find(fingerprintKey);
  auto step = index.metadata.find(stepKey);
  if (fingerprint == index.metadata.end() || step == index.metadata.end())
    return bad("is not a checkpoint of Tern: its metadata has no " +
               std::string(fingerprint == index.metadata.end() ? fingerprintKey
                                                               : stepKey));
  if (fingerprint->second != signature.fingerprint)
    return bad("is a checkpoint of another model, loss or optimizer ('" +
               lookUp(index, "tern_model") + "', " +
               lookUp(index, "tern_loss") + ", " +
               lookUp(index, "tern_optimizer") + "), " + name + " is '" +
               signature.model + "', " + signature.loss + ", " +
               signature.optimizer + describeVersion(index));
  errno = 0;
  char *end = nullptr;
  long long count = std::strtoll(step->second.c_str(), &end, 10);
  if (*end || step->second.empty() || errno || count < 0)
    return bad("has a bad " + std::string(stepKey));
  decltype(window) resumed;
  if (auto it = index.metadata.find(windowKey); it != index.metadata.end())
    if (MaybeError error = parseWindow(it->second, count, resumed))
      return bad("has a bad " + std::string(windowKey));
  for (const StateSpec &spec : signature.state) {
    auto it = index.tensors.find(spec.name);
    if (it == index.tensors.end())
      return bad("lacks '" + spec.name + "'");
    if (MaybeError error = checkView(it->second, spec, name))
      return bad(*error);
  }
  if (index.tensors.size() != signature.state.size())
    return bad("has tensors that the model does not have");
  for (size_t i = 0; i < signature.state.size(); ++i) {
    const SafetensorsView &view = index.tensors[signature.state[i].name];
    if (view.size)
      std::memcpy(state[i], view.data, view.size);
  }
  metadata = std::move(index.metadata);
  steps = count;
  window = resumed;
  hasValues = true;
  return std::nullopt;
}
