//===- TrainSignature.cpp - What a training artifact holds -----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TrainSignature.h"
#include "SignatureParser.h"
#include "tern/runtime/Artifact.h"

#include <cmath>
#include <set>

using namespace tern::runtime;
using nlohmann::json;

static constexpr size_t forward = 0, evalStep = 1, trainStep = 2,
                        trainStepFloat = 3;

bool tern::runtime::isCountedScalar(const std::string &name) {
  return name == "step" || name == "accumulate_start" ||
         name == "accumulate_updates" || name == "accumulate_close";
}

template <typename Spec>
static std::optional<size_t> find(const std::vector<Spec> &specs,
                                  const std::string &name) {
  for (size_t i = 0; i < specs.size(); ++i)
    if (specs[i].name == name)
      return i;
  return std::nullopt;
}

std::optional<size_t> TrainSignature::findState(const std::string &name) const {
  return find(state, name);
}

std::optional<size_t>
TrainSignature::findScalar(const std::string &name) const {
  return find(scalars, name);
}

static MaybeError parseNumber(const json &object, const char *key,
                              std::optional<double> &value) {
  auto it = object.find(key);
  if (it == object.end())
    return std::nullopt;
  if (!it->is_number() || !std::isfinite(it->get<double>()))
    return "'" + std::string(key) + "' is not a finite number";
  value = it->get<double>();
  return std::nullopt;
}

static MaybeError parseInteger(const json &object, const char *key,
                               std::optional<int64_t> &value) {
  auto it = object.find(key);
  if (it == object.end())
    return std::nullopt;
  if (!it->is_number_integer() ||
      (it->is_number_unsigned() && it->get<uint64_t>() > INT64_MAX))
    return "'" + std::string(key) + "' is not a 64-bit integer";
  value = it->get<int64_t>();
  return std::nullopt;
}

static MaybeError parseConversion(const json &root, TrainSignature &signature) {
  auto it = root.find("conversion");
  if (it == root.end())
    return std::nullopt;
  if (!it->is_object())
    return "'conversion' is not an object";
  for (const auto &[key, value] : it->items())
    signature.conversion[key] =
        value.is_string() ? value.get<std::string>() : value.dump();
  return std::nullopt;
}

static MaybeError parseState(const json &root, TrainSignature &signature) {
  // Extents are numbers here: there are no dims.
  std::vector<TensorSpec> tensors;
  if (MaybeError error = parseTensors(root, "state", {},
                                      /*mayBeUnknown=*/false, tensors))
    return error;
  const json &list = root["state"];
  for (size_t i = 0; i < tensors.size(); ++i) {
    StateSpec spec;
    static_cast<TensorSpec &>(spec) = std::move(tensors[i]);
    std::string where = "in '" + spec.name + "': ", role;
    if (!byteSize(spec.dtype, spec.shape))
      return where + "its size overflows";
    if (MaybeError error = parseString(list[i], "role", role))
      return where + *error;
    if (role != "param" && role != "buffer" && role != "state")
      return where + "'role' is not param, buffer or state";
    spec.isParam = role != "state";
    spec.isBuffer = role == "buffer";
    if (auto it = list[i].find("trainable"); it != list[i].end()) {
      if (!it->is_boolean())
        return where + "'trainable' is not true or false";
      spec.trainable = it->get<bool>();
    }
    if (MaybeError error = parseNumber(list[i], "init", spec.init))
      return where + *error;
    if (spec.init && *spec.init != 0 && spec.dtype != DType::F32 &&
        spec.dtype != DType::F64)
      return where + "only f32 and f64 can have an 'init' that is not 0";
    if (!spec.init && signature.weights == "none")
      return where + "it has no 'init', and the artifact no weights";
    signature.state.push_back(std::move(spec));
  }
  return std::nullopt;
}

static MaybeError parseScalars(const json &root, TrainSignature &signature) {
  auto it = root.find("scalars");
  if (it == root.end() || !it->is_array())
    return "'scalars' is not a list";
  for (const json &object : *it) {
    ScalarSpec spec;
    if (MaybeError error = parseNameAndDType(object, spec.name, spec.dtype))
      return error;
    std::string where = "in scalar '" + spec.name + "': ";
    if (signature.findScalar(spec.name))
      return where + "the name is used twice";
    if (spec.dtype != DType::F32 && spec.dtype != DType::F64 &&
        spec.dtype != DType::I32 && spec.dtype != DType::I64)
      return where + "its dtype is not f32, f64, i32 or i64";
    if (MaybeError error = parseNumber(object, "default", spec.defaultValue))
      return where + *error;
    signature.scalars.push_back(std::move(spec));
  }
  return std::nullopt;
}

static MaybeError parseFunction(const json &object,
                                const TrainSignature &signature,
                                FunctionSpec &function) {
  if (!object.is_object())
    return "it is not an object";
  if (MaybeError error = parseInterface(object, function))
    return error;
  std::vector<std::string> names;
  if (MaybeError error = parseStrings(object, "scalars", names))
    return error;
  for (const std::string &name : names) {
    std::optional<size_t> index = signature.findScalar(name);
    if (!index)
      return "there is no scalar '" + name + "'";
    function.scalars.push_back(*index);
  }
  names.clear();
  if (MaybeError error = parseStrings(object, "params", names))
    return error;
  std::set<std::string> params(names.begin(), names.end());
  if (params.size() != names.size())
    return "one of 'params' is used twice";
  std::vector<std::string> donated;
  if (object.contains("donated"))
    if (MaybeError error = parseStrings(object, "donated", donated))
      return error;
  std::set<std::string> updated(donated.begin(), donated.end());
  for (const std::string &name : updated)
    if (!params.count(name))
      return "'" + name + "' is donated but not among the params";
  for (const std::string &name : names) {
    std::optional<size_t> index = signature.findState(name);
    if (!index)
      return "its param '" + name + "' is not among the state";
    const StateSpec &state = signature.state[*index];
    if (updated.count(name) && !state.trainable && !state.isBuffer)
      return "'" + name + "' is donated but not trainable";
    function.params.push_back(*index);
    function.donated.push_back(updated.count(name));
  }
  function.exists = true;
  return std::nullopt;
}

static MaybeError parseFunctions(const json &root, TrainSignature &signature) {
  auto functions = root.find("functions");
  if (functions == root.end() || !functions->is_object())
    return "'functions' is not an object";
  for (size_t i = 0; i < numTrainFunctions; ++i) {
    std::string name = trainFunctionNames[i];
    auto it = functions->find(name);
    if (it != functions->end()) {
      if (MaybeError error =
              parseFunction(*it, signature, signature.functions[i]))
        return "in function '" + name + "': " + *error;
    } else if (i != trainStepFloat) {
      return "there is no function '" + name + "'";
    }
  }
  return std::nullopt;
}

static bool sameTensors(const std::vector<TensorSpec> &a,
                        const std::vector<TensorSpec> &b) {
  bool same = a.size() == b.size();
  for (size_t i = 0; same && i < a.size(); ++i)
    same = a[i].name == b[i].name && a[i].type() == b[i].type();
  return same;
}

/// Where the model has an output called 'loss', what is added to it has a
/// number behind, as in 'loss.2'.
static bool isLossName(const std::string &name) {
  return name == "loss" ||
         (name.size() > 5 && name.compare(0, 5, "loss.") == 0 &&
          name.find_first_not_of("0123456789", 5) == std::string::npos);
}

static MaybeError checkFunctions(const TrainSignature &signature) {
  for (size_t i = 0; i < numTrainFunctions; ++i) {
    const FunctionSpec &function = signature.functions[i];
    if (!function.exists)
      continue;
    std::string where =
        "in function '" + std::string(trainFunctionNames[i]) + "': ";
    bool trains = i == trainStep || i == trainStepFloat;
    if (!trains)
      for (bool donated : function.donated)
        if (donated)
          return where + "it updates params";
    if (!trains && !function.scalars.empty())
      return where + "it takes scalars";
    if (i == forward)
      continue;
    if (function.inputs.empty())
      return where + "it takes no labels";
    if (function.outputs.empty() || !isLossName(function.outputs[0].name))
      return where + "its first output is not 'loss'";
    // Steps measure; evaluations also give the model's outputs.
    for (size_t o = 0; o < (trains ? function.outputs.size() : 1); ++o)
      if (function.outputs[o].dtype != DType::F32 ||
          !function.outputs[o].shape.empty())
        return where + "its output '" + function.outputs[o].name +
               "' is not a single f32";
    if (!sameTensors(function.inputs, signature.functions[trainStep].inputs))
      return where + "its inputs are not those of 'train_step'";
  }
  const FunctionSpec &step = signature.functions[trainStep];
  const FunctionSpec &floats = signature.functions[trainStepFloat];
  if (floats.exists && !sameTensors(floats.outputs, step.outputs))
    return "'train_step' and 'train_step_float' have different outputs";
  return std::nullopt;
}

/// The number of classes, unless the signature says it.
static void inferClasses(TrainSignature &signature) {
  const FunctionSpec &function = signature.functions[evalStep];
  const TensorSpec &labels = function.inputs.back();
  if (signature.classes || isFloat(labels.dtype) ||
      labels.dtype == DType::Bool || function.outputs.size() < 2)
    return;
  const TensorSpec &scores = function.outputs[1];
  if (scores.shape.size() != labels.shape.size() + 1)
    return;
  if (scores.shape.back() > 0) {
    signature.classes = scores.shape.back();
    return;
  }
  for (size_t i = 0; i < function.inputs.size(); ++i)
    for (size_t axis = 0; axis < function.inputs[i].symbols.size(); ++axis)
      if (scores.symbols.back() >= 0 &&
          function.inputs[i].symbols[axis] == scores.symbols.back())
        signature.classesAxis = {i, axis};
}

MaybeError tern::runtime::parseTrainSignature(const char *text,
                                              TrainSignature &signature) {
  JsonRoot root;
  if (MaybeError error = parseRoot(text, root))
    return error;
  std::string kind;
  std::optional<int64_t> abi;
  if (MaybeError error = parseInteger(root, "abi", abi))
    return error;
  if (abi != TERN_ARTIFACT_ABI)
    return "'abi' is not " + std::to_string(TERN_ARTIFACT_ABI);
  if (MaybeError error = parseString(root, "kind", kind))
    return error;
  if (kind != "training")
    return "'kind' is not training";
  if (MaybeError error = parseInfo(root, signature))
    return error;
  if (MaybeError error = parseString(root, "loss", signature.loss))
    return error;
  if (MaybeError error = parseString(root, "optimizer", signature.optimizer))
    return error;
  if (MaybeError error =
          parseString(root, "fingerprint", signature.fingerprint))
    return error;
  if (signature.fingerprint.empty())
    return "'fingerprint' is empty";
  if (MaybeError error = parseInteger(root, "classes", signature.classes))
    return error;
  if (signature.classes && *signature.classes < 1)
    return "'classes' is not positive";
  if (MaybeError error =
          parseInteger(root, "ignore_index", signature.ignoreIndex))
    return error;
  if (MaybeError error = parseConversion(root, signature))
    return error;
  if (MaybeError error = parseState(root, signature))
    return error;
  if (MaybeError error = parseScalars(root, signature))
    return error;
  if (MaybeError error = parseFunctions(root, signature))
    return error;
  if (MaybeError error = checkFunctions(signature))
    return error;
  inferClasses(signature);
  return std::nullopt;
}
