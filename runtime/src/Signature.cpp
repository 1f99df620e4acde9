//===- Signature.cpp - What a model takes, stores and gives -----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Signature.h"
#include "Json.h"

#include <algorithm>
#include <cstring>
#include <set>

using namespace tern::runtime;
using nlohmann::json;

std::string TensorSpec::type() const {
  std::string text;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (symbolNames[i])
      text += symbolNames[i];
    else
      text += shape[i] < 0 ? "?" : std::to_string(shape[i]);
    text += "x";
  }
  return text + dtypeName(dtype);
}

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

static MaybeError parseShape(const json &shape, const Signature &signature,
                             bool mayBeUnknown, TensorSpec &spec) {
  if (!shape.is_array())
    return "its shape is not a list";
  for (const json &extent : shape) {
    int64_t value = -1;
    int symbol = -1;
    const char *name = nullptr;
    if (extent.is_string()) {
      auto it = std::find(signature.dims.begin(), signature.dims.end(),
                          extent.get_ref<const std::string &>());
      if (it == signature.dims.end())
        return "its extent '" + extent.get<std::string>() +
               "' is not among the dims";
      symbol = static_cast<int>(it - signature.dims.begin());
      name = it->c_str();
    } else if (extent.is_number_unsigned() &&
               extent.get<uint64_t>() <= INT64_MAX) {
      value = extent.get<int64_t>();
    } else if (!extent.is_null() || !mayBeUnknown) {
      return "an extent is neither a number nor a symbol";
    }
    spec.shape.push_back(value);
    spec.symbols.push_back(symbol);
    spec.symbolNames.push_back(name);
  }
  return std::nullopt;
}

static MaybeError parseTensors(const json &root, const char *key,
                               const Signature &signature,
                               std::vector<TensorSpec> &specs) {
  auto it = root.find(key);
  if (it == root.end() || !it->is_array())
    return "'" + std::string(key) + "' is not a list";
  std::set<std::string> names;
  bool areOutputs = std::strcmp(key, "outputs") == 0;
  for (const json &object : *it) {
    TensorSpec spec;
    std::string dtype;
    if (!object.is_object())
      return "'" + std::string(key) + "' holds something that is not an object";
    if (MaybeError error = parseString(object, "name", spec.name))
      return error;
    std::string where = "in '" + spec.name + "': ";
    if (!names.insert(spec.name).second)
      return where + "the name is used twice";
    if (MaybeError error = parseString(object, "dtype", dtype))
      return where + *error;
    std::optional<DType> known = parseDType(dtype);
    if (!known)
      return where.append("unknown dtype '").append(dtype).append("'");
    spec.dtype = *known;
    auto shape = object.find("shape");
    if (shape == object.end())
      return where + "it has no shape";
    if (MaybeError error = parseShape(*shape, signature, areOutputs, spec))
      return where + *error;
    specs.push_back(std::move(spec));
  }
  return std::nullopt;
}

static MaybeError checkDims(const Signature &signature) {
  std::vector<bool> bound(signature.dims.size());
  for (const TensorSpec &input : signature.inputs)
    for (int symbol : input.symbols)
      if (symbol >= 0)
        bound[static_cast<size_t>(symbol)] = true;
  for (size_t i = 0; i < bound.size(); ++i)
    if (!bound[i])
      return "no input has the extent '" + signature.dims[i] + "'";
  for (const TensorSpec &param : signature.params)
    for (int symbol : param.symbols)
      if (symbol >= 0)
        return "parameter '" + param.name + "' has a symbolic extent";
  return std::nullopt;
}

MaybeError tern::runtime::parseSignature(const char *text,
                                         Signature &signature) {
  json root;
  if (!text)
    return "there is none";
  if (MaybeError error = parseJson(text, text + std::strlen(text), root))
    return error;
  if (!root.is_object())
    return "it is not a JSON object";
  if (MaybeError error = parseString(root, "model", signature.model))
    return error;
  if (MaybeError error = parseString(root, "triple", signature.triple))
    return error;
  if (MaybeError error = parseStrings(root, "features", signature.features))
    return error;
  if (MaybeError error = parseString(root, "weights", signature.weights))
    return error;
  if (signature.weights != "external" && signature.weights != "embedded" &&
      signature.weights != "none")
    return "'weights' is neither external nor embedded nor none";
  if (signature.weights != "none")
    if (MaybeError error = parseString(root, "weights_id", signature.weightsId))
      return error;
  if (MaybeError error = parseStrings(root, "dims", signature.dims))
    return error;
  if (MaybeError error =
          parseTensors(root, "inputs", signature, signature.inputs))
    return error;
  if (MaybeError error =
          parseTensors(root, "params", signature, signature.params))
    return error;
  if (MaybeError error =
          parseTensors(root, "outputs", signature, signature.outputs))
    return error;
  if (signature.weights == "none" && !signature.params.empty())
    return "it has parameters but no weights";
  return checkDims(signature);
}
