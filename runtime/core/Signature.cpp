//===- Signature.cpp - Parse an artifact's signature ----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Signature.h"
#include "../io/Json.h"
#include "tern/runtime/Artifact.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>

using namespace tern::runtime;
using nlohmann::json;

//===----------------------------------------------------------------------===//
// Look-up
//===----------------------------------------------------------------------===//

bool tern::runtime::isCountedScalar(const std::string &name) {
  return name == "step" || name == "accumulate_start" ||
         name == "accumulate_updates" || name == "accumulate_close";
}

template <typename Spec>
static std::optional<size_t> find(const std::vector<Spec> &specs,
                                  std::string_view name) {
  for (size_t i = 0; i < specs.size(); ++i)
    if (specs[i].name == name)
      return i;
  return std::nullopt;
}

std::optional<size_t> Signature::findState(std::string_view name) const {
  return find(state, name);
}

std::optional<size_t> Signature::findScalar(std::string_view name) const {
  return find(scalars, name);
}

std::optional<size_t> Signature::findFunction(std::string_view name) const {
  return find(functions, name);
}

std::string TensorSpec::type() const {
  std::string text;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] >= 0)
      text += std::to_string(shape[i]);
    else
      text += symbols[i].empty() ? "?" : symbols[i];
    text += "x";
  }
  return text + dtypeName(dtype);
}

std::string tern::runtime::listTensors(const std::vector<TensorSpec> &tensors) {
  std::string text;
  for (const TensorSpec &tensor : tensors)
    text += (text.empty() ? "" : ", ") + tensor.name + ": " + tensor.type();
  return text;
}

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

static MaybeError parseString(const json &object, const char *key,
                              std::string &value) {
  auto it = object.find(key);
  if (it == object.end() || !it->is_string())
    return "'" + std::string(key) + "' is not a string";
  value = it->get<std::string>();
  return std::nullopt;
}

static MaybeError parseStrings(const json &object, const char *key,
                               std::vector<std::string> &values) {
  auto it = object.find(key);
  if (it == object.end() || !it->is_array())
    return "'" + std::string(key) + "' is not a list";
  for (const json &value : *it) {
    if (!value.is_string())
      return "'" + std::string(key) + "' holds something that is not a string";
    values.push_back(value.get<std::string>());
  }
  return std::nullopt;
}

/// Reads a value that need not be there.
template <typename T>
static MaybeError parseOptional(const json &object, const char *key,
                                const char *what, bool (*fits)(const json &),
                                std::optional<T> &value) {
  auto it = object.find(key);
  if (it == object.end())
    return std::nullopt;
  if (!fits(*it))
    return "'" + std::string(key) + "' is not " + what;
  value = it->get<T>();
  return std::nullopt;
}

static MaybeError parseNumber(const json &object, const char *key,
                              std::optional<double> &value) {
  auto fits = [](const json &given) {
    return given.is_number() && std::isfinite(given.get<double>());
  };
  return parseOptional(object, key, "a finite number", fits, value);
}

static MaybeError parseInteger(const json &object, const char *key,
                               std::optional<int64_t> &value) {
  auto fits = [](const json &given) {
    return given.is_number_integer() &&
           !(given.is_number_unsigned() && given.get<uint64_t>() > INT64_MAX);
  };
  return parseOptional(object, key, "a 64-bit integer", fits, value);
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

static MaybeError parseShape(const json &shape,
                             const std::vector<std::string> &dims,
                             bool mayBeUnknown, TensorSpec &spec) {
  if (!shape.is_array())
    return "its shape is not a list";
  for (const json &extent : shape) {
    int64_t value = -1;
    int dim = -1;
    const char *name = nullptr;
    if (extent.is_string()) {
      auto it = std::find(dims.begin(), dims.end(),
                          extent.get_ref<const std::string &>());
      if (it == dims.end())
        return "its extent '" + extent.get<std::string>() +
               "' is not among the dims";
      dim = static_cast<int>(it - dims.begin());
      name = it->c_str();
    } else if (extent.is_number_unsigned() &&
               extent.get<uint64_t>() <= INT64_MAX) {
      value = extent.get<int64_t>();
    } else if (!extent.is_null() || !mayBeUnknown) {
      return "an extent is neither a number nor a symbol";
    }
    spec.shape.push_back(value);
    spec.symbols.emplace_back(name ? name : "");
    spec.dims.push_back(dim);
    spec.symbolNames.push_back(name);
  }
  return std::nullopt;
}

/// "name" and "dtype", and that the tensor is in a space that there is.
static MaybeError parseNameAndDType(const json &object, std::string &name,
                                    DType &dtype) {
  if (!object.is_object())
    return "something in it is not an object";
  if (MaybeError error = parseString(object, "name", name))
    return error;
  std::string where = "in '" + name + "': ", text, space;
  if (MaybeError error = parseString(object, "dtype", text))
    return where + *error;
  std::optional<DType> known = parseDType(text);
  if (!known)
    return where + "unknown dtype '" + text + "'";
  dtype = *known;
  if (MaybeError error = parseString(object, "space", space))
    return where + *error;
  if (space != "host")
    return where + "its memory space '" + space + "' is none of this runtime's";
  return std::nullopt;
}

/// A list of tensors with different names and, unless it is null, one role.
/// Symbolic extents must be in `dims`; an output's extent may be null.
static MaybeError parseTensors(const json &root, const char *key,
                               const std::vector<std::string> &dims,
                               const char *role,
                               std::vector<TensorSpec> &specs) {
  auto it = root.find(key);
  if (it == root.end() || !it->is_array())
    return "'" + std::string(key) + "' is not a list";
  std::set<std::string> names;
  for (const json &object : *it) {
    TensorSpec spec;
    if (!object.is_object())
      return "'" + std::string(key) + "' holds something that is not an object";
    if (MaybeError error = parseNameAndDType(object, spec.name, spec.dtype))
      return error;
    std::string where = "in '" + spec.name + "': ";
    if (!names.insert(spec.name).second)
      return where + "the name is used twice";
    if (std::string given; role) {
      if (MaybeError error = parseString(object, "role", given))
        return where + *error;
      if (given != role)
        return where + "its role is not " + role;
    }
    auto shape = object.find("shape");
    if (shape == object.end())
      return where + "it has no shape";
    if (MaybeError error = parseShape(
            *shape, dims, role && std::string_view(role) == "output", spec))
      return where + *error;
    specs.push_back(std::move(spec));
  }
  return std::nullopt;
}

/// The symbolic extents of tensors that outlive a call, in order of appearance.
static std::vector<std::string> findStateDims(const json &root) {
  std::vector<std::string> names;
  auto list = root.find("tensors");
  if (list == root.end() || !list->is_array())
    return names;
  for (const json &tensor : *list) {
    if (!tensor.is_object() || !tensor.contains("shape") ||
        !tensor["shape"].is_array())
      continue;
    for (const json &extent : tensor["shape"])
      if (extent.is_string() &&
          std::find(names.begin(), names.end(),
                    extent.get_ref<const std::string &>()) == names.end())
        names.push_back(extent.get<std::string>());
  }
  return names;
}

static MaybeError parseState(const json &root, Signature &signature) {
  signature.stateDims = findStateDims(root);
  std::vector<TensorSpec> tensors;
  if (MaybeError error = parseTensors(root, "tensors", signature.stateDims,
                                      /*role=*/nullptr, tensors))
    return error;
  const json &list = root["tensors"];
  for (size_t i = 0; i < tensors.size(); ++i) {
    StateSpec spec;
    static_cast<TensorSpec &>(spec) = std::move(tensors[i]);
    std::string where = "in '" + spec.name + "': ", role;
    if (MaybeError error = parseString(list[i], "role", role))
      return where + *error;
    bool isSymbolic = std::any_of(spec.dims.begin(), spec.dims.end(),
                                  [](int dim) { return dim >= 0; });
    if (isSymbolic && role != "state")
      return where + "only state can have symbolic extents";
    if (!isSymbolic && !byteSize(spec.dtype, spec.shape))
      return where + "its size overflows";
    if (role != "parameter" && role != "buffer" && role != "state")
      return where + "'role' is not parameter, buffer or state";
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
    if (!spec.init && isSymbolic)
      return where + "it has symbolic extents, but no 'init'";
    if (!spec.init && signature.weights == "none")
      return where + "it has no 'init', and the artifact no weights";
    signature.state.push_back(std::move(spec));
  }
  return std::nullopt;
}

/// [least, greatest]: numbers, or the name of an extent instead of the second.
static MaybeError parseBound(const json &object, ScalarSpec &spec) {
  auto it = object.find("bound");
  if (it == object.end())
    return std::nullopt;
  auto isNumber = [](const json &value) {
    return value.is_number_unsigned() && value.get<uint64_t>() <= INT64_MAX;
  };
  if (!it->is_array() || it->size() != 2 || !isNumber((*it)[0]) ||
      !(isNumber((*it)[1]) || (*it)[1].is_string()))
    return "'bound' is not [least, greatest]";
  if (isFloat(spec.dtype))
    return "it has a 'bound', but is no integer";
  ScalarSpec::Bound &bound = spec.bound.emplace();
  bound.least = (*it)[0].get<int64_t>();
  if ((*it)[1].is_string())
    bound.dim = (*it)[1].get<std::string>();
  else
    bound.greatest = (*it)[1].get<int64_t>();
  return std::nullopt;
}

static MaybeError parseScalars(const json &root, Signature &signature) {
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
    if (MaybeError error = parseBound(object, spec))
      return where + *error;
    signature.scalars.push_back(std::move(spec));
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// What a function takes and gives.
static MaybeError parseInterface(const json &root, FunctionSpec &function) {
  if (MaybeError error = parseStrings(root, "dims", function.dims))
    return error;
  if (MaybeError error =
          parseTensors(root, "inputs", function.dims, "input", function.inputs))
    return error;
  if (MaybeError error = parseTensors(root, "outputs", function.dims, "output",
                                      function.outputs))
    return error;
  for (auto [key, checks] : {std::pair("checks", &function.checks),
                             {"element_checks", &function.elementChecks}})
    if (root.contains(key))
      if (MaybeError error = parseStrings(root, key, *checks))
        return error;
  std::optional<int64_t> scalarChecks;
  if (MaybeError error = parseInteger(root, "scalar_checks", scalarChecks))
    return error;
  int64_t count = scalarChecks.value_or(0);
  if (count < 0 || static_cast<uint64_t>(count) > function.elementChecks.size())
    return "'scalar_checks' is no number of 'element_checks'";
  function.scalarChecks = static_cast<size_t>(count);
  return std::nullopt;
}

/// Finds where the dims come from: each is an extent of some input or of the
/// state.
static MaybeError findSources(const Signature &signature,
                              FunctionSpec &function) {
  std::vector<bool> bound(function.dims.size());
  for (const TensorSpec &input : function.inputs)
    for (int dim : input.dims)
      if (dim >= 0)
        bound[static_cast<size_t>(dim)] = true;
  function.stateDims.assign(function.dims.size(), -1);
  for (size_t tensor : function.state)
    for (int stateDim : signature.state[tensor].dims) {
      if (stateDim < 0)
        continue;
      const std::string &name =
          signature.stateDims[static_cast<size_t>(stateDim)];
      auto it = std::find(function.dims.begin(), function.dims.end(), name);
      if (it == function.dims.end())
        return "the extent '" + name + "' of its state is not among the dims";
      size_t dim = static_cast<size_t>(it - function.dims.begin());
      function.stateDims[dim] = stateDim;
      bound[dim] = true;
    }
  for (size_t i = 0; i < bound.size(); ++i)
    if (!bound[i])
      return "no input has the extent '" + function.dims[i] + "'";
  for (size_t scalar : function.scalars)
    if (const auto &limit = signature.scalars[scalar].bound;
        limit && !limit->greatest &&
        std::find(function.dims.begin(), function.dims.end(), limit->dim) ==
            function.dims.end())
      return "the bound '" + limit->dim + "' of its scalar '" +
             signature.scalars[scalar].name + "' is not among the dims";
  return std::nullopt;
}

/// The tensors, whose indices `tensors` knows, and scalars that a function
/// names.
static MaybeError parseUses(const json &object, const Signature &signature,
                            const std::map<std::string, size_t> &tensors,
                            FunctionSpec &function) {
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
    auto it = tensors.find(name);
    if (it == tensors.end())
      return "its param '" + name + "' is not among the tensors";
    const StateSpec &state = signature.state[it->second];
    if (updated.count(name) && !state.trainable && !state.isBuffer)
      return "'" + name + "' is donated but not trainable";
    function.state.push_back(it->second);
    function.donated.push_back(updated.count(name));
  }
  return std::nullopt;
}

static MaybeError parseFunctions(const json &root, Signature &signature) {
  auto functions = root.find("functions");
  if (functions == root.end() || !functions->is_object())
    return "'functions' is not an object";
  std::map<std::string, size_t> tensors;
  for (size_t i = 0; i < signature.state.size(); ++i)
    tensors[signature.state[i].name] = i;
  for (const auto &[name, object] : functions->items()) {
    FunctionSpec function;
    function.name = name;
    std::string where = "in function '" + name + "': ";
    if (!object.is_object())
      return where + "it is not an object";
    if (MaybeError error = parseInterface(object, function))
      return where + *error;
    if (MaybeError error = parseUses(object, signature, tensors, function))
      return where + *error;
    if (MaybeError error = findSources(signature, function))
      return where + *error;
    signature.functions.push_back(std::move(function));
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

/// What functions may do, and how those of a training artifact fit together.
static MaybeError checkFunctions(const Signature &signature) {
  // A single one is what runs a model; several have names that say what for.
  if (!signature.isTraining() && signature.functions.size() < 2 &&
      !signature.findFunction("main"))
    return "there is no function 'main'";
  for (const StateSpec &state : signature.state)
    if (!signature.isTraining() && !state.isParam && !state.init)
      return "in '" + state.name + "': it is state, but has no 'init'";
  if (signature.isTraining())
    for (const char *name : {"forward", "eval_step"})
      if (!signature.findFunction(name))
        return "there is no function '" + std::string(name) + "'";
  for (const FunctionSpec &function : signature.functions) {
    std::string where = "in function '" + function.name + "': ";
    bool trains =
        function.name == "train_step" || function.name == "train_step_float";
    // Weights are mapped, and evaluating must not change what trains.
    for (size_t i = 0; i < function.donated.size(); ++i)
      if (!trains && function.donated[i] &&
          (signature.isTraining() ||
           signature.state[function.state[i]].isParam))
        return where + "it updates params";
    if (!signature.isTraining() || function.name == "forward")
      continue;
    const FunctionSpec &step =
        signature.functions[*signature.findFunction("train_step")];
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
    if (!sameTensors(function.inputs, step.inputs))
      return where + "its inputs are not those of 'train_step'";
    if (trains && !sameTensors(function.outputs, step.outputs))
      return "'train_step' and '" + function.name + "' have different outputs";
  }
  return std::nullopt;
}

/// The number of classes, unless the signature says it.
static void inferClasses(Signature &signature) {
  const FunctionSpec &function =
      signature.functions[*signature.findFunction("eval_step")];
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
    for (size_t axis = 0; axis < function.inputs[i].dims.size(); ++axis)
      if (scores.dims.back() >= 0 &&
          function.inputs[i].dims[axis] == scores.dims.back())
        signature.classesAxis = {i, axis};
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

static MaybeError parseArtifact(const json &root, Signature &signature) {
  for (auto [key, text] : {std::pair("model", &signature.model),
                           {"triple", &signature.triple},
                           {"weights", &signature.weights}})
    if (MaybeError error = parseString(root, key, *text))
      return error;
  if (MaybeError error = parseStrings(root, "features", signature.features))
    return error;
  std::vector<std::string> spaces;
  if (MaybeError error = parseStrings(root, "spaces", spaces))
    return error;
  if (spaces != std::vector<std::string>{"host"})
    return "'spaces' is not [\"host\"]: it needs a device that this runtime "
           "does not have";
  const std::string &weights = signature.weights;
  if (weights != "external" && weights != "embedded" && weights != "none")
    return "'weights' is neither external nor embedded nor none";
  if (weights == "none")
    return std::nullopt;
  if (auto bytes = root.find("weights_bytes"); bytes != root.end()) {
    if (!bytes->is_number_unsigned())
      return "'weights_bytes' is not a size";
    signature.weightsBytes = bytes->get<uint64_t>();
  }
  return parseString(root, "weights_id", signature.weightsId);
}

/// What a training artifact says beside its tensors and functions.
static MaybeError parseTraining(const json &root, Signature &signature) {
  for (auto [key, text] : {std::pair("loss", &signature.loss),
                           {"optimizer", &signature.optimizer},
                           {"fingerprint", &signature.fingerprint}})
    if (MaybeError error = parseString(root, key, *text))
      return error;
  if (signature.fingerprint.empty())
    return "'fingerprint' is empty";
  for (auto [key, value] : {std::pair("classes", &signature.classes),
                            {"ignore_index", &signature.ignoreIndex}})
    if (MaybeError error = parseInteger(root, key, *value))
      return error;
  if (signature.classes && *signature.classes < 1)
    return "'classes' is not positive";
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

MaybeError tern::runtime::parseSignature(const char *text,
                                         Signature &signature) {
  if (!text)
    return "there is none";
  JsonRoot root;
  if (MaybeError error = parseJson(text, text + std::strlen(text), root))
    return error;
  if (!root.is_object())
    return "it is not a JSON object";
  std::optional<int64_t> abi;
  if (MaybeError error = parseInteger(root, "abi", abi))
    return error;
  if (abi != TERN_ARTIFACT_ABI)
    return "'abi' is not " + std::to_string(TERN_ARTIFACT_ABI);
  if (MaybeError error = parseArtifact(root, signature))
    return error;
  if (MaybeError error = parseState(root, signature))
    return error;
  if (MaybeError error = parseScalars(root, signature))
    return error;
  if (MaybeError error = parseFunctions(root, signature))
    return error;
  if (MaybeError error = checkFunctions(signature))
    return error;
  if (!signature.isTraining())
    return std::nullopt;
  if (MaybeError error = parseTraining(root, signature))
    return error;
  inferClasses(signature);
  return std::nullopt;
}
