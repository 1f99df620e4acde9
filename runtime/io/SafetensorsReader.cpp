//===- SafetensorsReader.cpp - Parse safetensors files ----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Json.h"
#include "tern/runtime/Safetensors.h"

#include <algorithm>
#include <cstring>

using namespace tern::runtime;
using nlohmann::json;

// The limit of the reference implementation.
static constexpr uint64_t maxHeaderSize = 100'000'000;

static std::optional<uint64_t> asUnsigned(const json &value) {
  if (!value.is_number_unsigned())
    return std::nullopt;
  return value.get<uint64_t>();
}

static MaybeError parseMetadata(const json &object,
                                std::map<std::string, std::string> &metadata) {
  if (!object.is_object())
    return "its __metadata__ is not an object";
  for (const auto &[key, value] : object.items()) {
    if (!value.is_string())
      return "its __metadata__ '" + key + "' is not a string";
    metadata[key] = value.get<std::string>();
  }
  return std::nullopt;
}

static MaybeError parseTensor(const json &object, const char *data,
                              uint64_t dataSize, SafetensorsView &view) {
  if (!object.is_object())
    return "is not described by an object";
  auto dtype = object.find("dtype");
  auto shape = object.find("shape");
  auto range = object.find("data_offsets");
  if (dtype == object.end() || shape == object.end() || range == object.end())
    return "lacks dtype, shape or data_offsets";
  if (!dtype->is_string())
    return "has a dtype that is not a string";
  std::optional<DType> known =
      parseSafetensorsDType(dtype->get_ref<const std::string &>());
  if (!known)
    return "has an unsupported dtype '" + dtype->get<std::string>() + "'";
  view.dtype = *known;
  if (!shape->is_array())
    return "has a shape that is not a list";
  for (const json &extent : *shape) {
    std::optional<uint64_t> value = asUnsigned(extent);
    if (!value || *value > INT64_MAX)
      return "has an extent that is not a non-negative 64-bit integer";
    view.shape.push_back(static_cast<int64_t>(*value));
  }
  std::optional<uint64_t> begin, end;
  if (range->is_array() && range->size() == 2) {
    begin = asUnsigned((*range)[0]);
    end = asUnsigned((*range)[1]);
  }
  if (!begin || !end || *begin > *end)
    return "has data_offsets that are not a range";
  if (*end > dataSize)
    return "reaches beyond the end of the file (is it truncated?)";
  std::optional<int64_t> bytes = byteSize(view.dtype, view.shape);
  if (!bytes)
    return "has a shape whose size overflows";
  if (static_cast<uint64_t>(*bytes) != *end - *begin)
    return "of type " + typeString(view.dtype, view.shape) + " takes " +
           std::to_string(*bytes) + " bytes but has " +
           std::to_string(*end - *begin);
  view.data = data + *begin;
  view.size = *end - *begin;
  return std::nullopt;
}

// The ranges must cover the data exactly.
static MaybeError checkCover(const SafetensorsIndex &index, const char *data,
                             uint64_t dataSize) {
  using Named = std::pair<const SafetensorsView *, const std::string *>;
  std::vector<Named> order;
  order.reserve(index.tensors.size());
  for (const auto &[name, view] : index.tensors)
    order.emplace_back(&view, &name);
  std::sort(order.begin(), order.end(), [](const Named &a, const Named &b) {
    return std::make_pair(a.first->data, a.first->size) <
           std::make_pair(b.first->data, b.first->size);
  });
  const char *position = data;
  for (const auto &[view, name] : order) {
    if (view->data < position)
      return "tensor '" + *name + "' overlaps another";
    if (view->data > position)
      return "there is a hole before tensor '" + *name + "'";
    position = view->data + view->size;
  }
  if (position != data + dataSize)
    return "there are bytes that belong to no tensor";
  return std::nullopt;
}

static MaybeError parse(const char *data, uint64_t size,
                        SafetensorsIndex &index) {
  uint64_t headerSize = 0;
  if (size < sizeof(headerSize))
    return "it is shorter than a safetensors header";
  std::memcpy(&headerSize, data, sizeof(headerSize));
  if (headerSize > maxHeaderSize)
    return "its header size is absurd; it is probably not a safetensors file";
  if (headerSize > size - sizeof(headerSize))
    return "its header is truncated";
  const char *header = data + sizeof(headerSize);
  const char *body = header + headerSize;
  uint64_t bodySize = size - sizeof(headerSize) - headerSize;
  JsonRoot root;
  if (MaybeError error = parseJson(header, body, root))
    return error;
  if (!root.is_object())
    return "its header is not a JSON object";

  for (const auto &[name, value] : root.items()) {
    if (name == "__metadata__") {
      if (MaybeError error = parseMetadata(value, index.metadata))
        return error;
      continue;
    }
    SafetensorsView view;
    if (MaybeError error = parseTensor(value, body, bodySize, view))
      return "tensor '" + name + "' " + *error;
    index.tensors.emplace(name, std::move(view));
  }
  return checkCover(index, body, bodySize);
}

MaybeError tern::runtime::parseSafetensors(const char *data, uint64_t size,
                                           SafetensorsIndex &index) {
  index = SafetensorsIndex();
  try {
    return parse(data, size, index);
  } catch (const json::exception &e) {
    return std::string(e.what());
  }
}
