//===- Signature.cpp - What a model takes, stores and gives -----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "SignatureParser.h"

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

MaybeError tern::runtime::parseString(const json &object, const char *key,
                                      std::string &value) {
  auto it = object.find(key);
  if (it == object.end() || !it->is_string())
    return "'" + std::string(key) + "' is not a string";
  value = it->get<std::string>();
  return std::nullopt;
}

MaybeError tern::runtime::parseStrings(const json &object, const char *key,
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

static MaybeError parseShape(const json &shape,
                             const std::vector<std::string> &dims,
                             bool mayBeUnknown, TensorSpec &spec) {
  if (!shape.is_array())
    return "its shape is not a list";
  for (const json &extent : shape) {
    int64_t value = -1;
    int symbol = -1;
    const char *name = nullptr;
    if (extent.is_string()) {
      auto it = std::find(dims.begin(), dims.end(),
                          extent.get_ref<const std::string &>());
      if (it == dims.end())
        return "its extent '" + extent.get<std::string>() +
               "' is not among the dims";
      symbol = static_cast<int>(it - dims.begin());
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

MaybeError tern::runtime::parseNameAndDType(const json &object,
                                            std::string &name, DType &dtype) {
  if (!object.is_object())
    return "something in it is not an object";
  if (MaybeError error = parseString(object, "name", name))
    return error;
  std::string text;
  if (MaybeError error = parseString(object, "dtype", text))
    return "in '" + name + "': " + *error;
  std::optional<DType> known = parseDType(text);
  if (!known)
    return "in '" + name + "': unknown dtype '" + text + "'";
  dtype = *known;
  return std::nullopt;
}

MaybeError tern::runtime::parseTensors(const json &root, const char *key,
                                       const std::vector<std::string> &dims,
                                       bool mayBeUnknown,
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
    auto shape = object.find("shape");
    if (shape == object.end())
      return where + "it has no shape";
    if (MaybeError error = parseShape(*shape, dims, mayBeUnknown, spec))
      return where + *error;
    specs.push_back(std::move(spec));
  }
  return std::nullopt;
}

MaybeError tern::runtime::parseInterface(const json &root,
                                         Interface &interface) {
  if (MaybeError error = parseStrings(root, "dims", interface.dims))
    return error;
  if (MaybeError error = parseTensors(root, "inputs", interface.dims,
                                      /*mayBeUnknown=*/false, interface.inputs))
    return error;
  if (MaybeError error = parseTensors(root, "outputs", interface.dims,
                                      /*mayBeUnknown=*/true, interface.outputs))
    return error;
  for (auto [key, checks] : {std::pair("checks", &interface.checks),
                             {"element_checks", &interface.elementChecks}})
    if (root.contains(key))
      if (MaybeError error = parseStrings(root, key, *checks))
        return error;
  std::vector<bool> bound(interface.dims.size());
  for (const TensorSpec &input : interface.inputs)
    for (int symbol : input.symbols)
      if (symbol >= 0)
        bound[static_cast<size_t>(symbol)] = true;
  for (size_t i = 0; i < bound.size(); ++i)
    if (!bound[i])
      return "no input has the extent '" + interface.dims[i] + "'";
  return std::nullopt;
}

MaybeError tern::runtime::parseRoot(const char *text, JsonRoot &root) {
  if (!text)
    return "there is none";
  if (MaybeError error = parseJson(text, text + std::strlen(text), root))
    return error;
  if (!root.is_object())
    return "it is not a JSON object";
  return std::nullopt;
}

MaybeError tern::runtime::parseInfo(const json &root, ArtifactInfo &info) {
  if (MaybeError error = parseString(root, "model", info.model))
    return error;
  if (MaybeError error = parseString(root, "triple", info.triple))
    return error;
  if (MaybeError error = parseStrings(root, "features", info.features))
    return error;
  if (MaybeError error = parseString(root, "weights", info.weights))
    return error;
  if (info.weights != "external" && info.weights != "embedded" &&
      info.weights != "none")
    return "'weights' is neither external nor embedded nor none";
  if (info.weights == "none")
    return std::nullopt;
  if (auto bytes = root.find("weights_bytes"); bytes != root.end()) {
    if (!bytes->is_number_unsigned())
      return "'weights_bytes' is not a size";
    info.weightsBytes = bytes->get<uint64_t>();
  }
  return parseString(root, "weights_id", info.weightsId);
}

MaybeError tern::runtime::parseSignature(const char *text,
                                         Signature &signature) {
  JsonRoot root;
  if (MaybeError error = parseRoot(text, root))
    return error;
  if (MaybeError error = parseInfo(root, signature))
    return error;
  if (MaybeError error = parseInterface(root, signature))
    return error;
  if (MaybeError error = parseTensors(root, "params", signature.dims,
                                      /*mayBeUnknown=*/false, signature.params))
    return error;
  for (const TensorSpec &param : signature.params)
    for (int symbol : param.symbols)
      if (symbol >= 0)
        return "parameter '" + param.name + "' has a symbolic extent";
  if (signature.weights == "none" && !signature.params.empty())
    return "it has parameters but no weights";
  return std::nullopt;
}
