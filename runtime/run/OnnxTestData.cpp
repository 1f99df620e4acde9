//===- OnnxTestData.cpp - Run the ONNX project's test data ------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OnnxTestData.h"
#include "tern/runtime/Text.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>

using namespace tern::runtime;
namespace fs = std::filesystem;

static bool isThere(const fs::path &path) {
  std::error_code code;
  return fs::exists(path, code);
}

/// Reads KIND_0.pb, KIND_1.pb, ... Each belongs to the tensor of that name,
/// or if there is none, of that number.
static MaybeError readAll(const fs::path &set, const std::string &kind,
                          const std::vector<Session::Tensor> &specs,
                          OnnxTensorReader readOnnx,
                          std::vector<HostTensor> &values,
                          std::vector<bool> &found) {
  values.assign(specs.size(), HostTensor());
  found.assign(specs.size(), false);
  for (size_t i = 0;; ++i) {
    fs::path path = set / (kind + "_" + std::to_string(i) + ".pb");
    if (!isThere(path))
      return std::nullopt;
    HostTensor value;
    std::string name;
    if (MaybeError error = readOnnx(path.string(), value, name))
      return error;
    auto named = std::find_if(specs.begin(), specs.end(),
                              [&](const auto &t) { return t.name == name; });
    size_t index =
        named == specs.end() ? i : static_cast<size_t>(named - specs.begin());
    if (index >= specs.size() || found[index])
      return "'" +
             path.string().append("' ('").append(name).append(
                 "') matches no ") +
             kind + " of the model (" + listTensors(specs) + ")";
    // NumPy has no bfloat16, so the ONNX project's files hold its bits as u16.
    if (value.dtype == DType::U16 && specs[index].dtype == DType::BF16)
      value.dtype = DType::BF16;
    values[index] = value;
    found[index] = true;
  }
}

static MaybeError runSet(Session &session, const fs::path &set,
                         const Tolerance &tolerance, OnnxTensorReader readOnnx,
                         MaybeError &difference) {
  std::vector<HostTensor> inputs, expected, outputs;
  std::vector<bool> found;
  if (MaybeError error =
          readAll(set, "input", session.inputs, readOnnx, inputs, found))
    return error;
  for (size_t i = 0; i < found.size(); ++i)
    if (!found[i])
      return "'" + set.string() + "' has no file for input '" +
             session.inputs[i].name + "'";
  if (MaybeError error =
          readAll(set, "output", session.outputs, readOnnx, expected, found))
    return error;
  if (std::find(found.begin(), found.end(), true) == found.end())
    return "'" + set.string() + "' has no output_0.pb to compare with";
  if (MaybeError error = session.run(inputs, outputs))
    return "'" + set.string() + "': " + *error;
  for (size_t i = 0; i < found.size() && !difference; ++i)
    if (found[i])
      if (MaybeError error = compareTensors(outputs[i], expected[i], tolerance))
        difference = "output '" + session.outputs[i].name + "' " + *error;
  return std::nullopt;
}

MaybeError tern::runtime::runOnnxTestData(Session &session,
                                          const std::string &folder,
                                          const Tolerance &tolerance,
                                          OnnxTensorReader readOnnx) {
  std::vector<fs::path> sets;
  std::error_code code;
  for (fs::directory_iterator it(folder, code), end; !code && it != end;
       it.increment(code))
    if (it->path().filename().string().rfind("test_data_set_", 0) == 0)
      sets.push_back(it->path());
  if (code)
    return "cannot read '" + folder + "': " + code.message();
  if (isThere(fs::path(folder) / "output_0.pb"))
    sets.emplace_back(folder);
  if (sets.empty())
    return "'" + folder +
           "' is no ONNX test data: it has neither "
           "test_data_set_* nor output_0.pb";
  // By number: the tenth after the ninth.
  std::sort(sets.begin(), sets.end(), [](const auto &a, const auto &b) {
    size_t lengthA = a.native().size(), lengthB = b.native().size();
    return lengthA != lengthB ? lengthA < lengthB : a < b;
  });
  size_t failures = 0;
  for (const fs::path &set : sets) {
    MaybeError difference;
    if (MaybeError error =
            runSet(session, set, tolerance, readOnnx, difference))
      return error;
    failures += difference.has_value();
    std::printf("%s: %s\n", printable(set.filename().string()).c_str(),
                printable(difference.value_or("ok")).c_str());
  }
  if (failures)
    return std::to_string(failures) + " of " + std::to_string(sets.size()) +
           " data sets in '" + folder + "' differ";
  return std::nullopt;
}
