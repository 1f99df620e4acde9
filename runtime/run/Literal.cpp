//===- Literal.cpp - Tensors written on the command line --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Literal.h"
#include "../io/ElementType.h"

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

using namespace tern::runtime;

static bool parseType(std::string_view text, DType &dtype,
                      std::vector<int64_t> &shape) {
  for (int64_t extent = 0; takeExtent(text, extent); text.remove_prefix(1)) {
    if (text.substr(0, 1) != "x")
      return false;
    shape.push_back(extent);
  }
  std::optional<DType> known = parseDType(text == "i1" ? "bool" : text);
  if (!known)
    return false;
  dtype = *known;
  return true;
}

template <typename T> static bool parseInteger(const char *token, char *data) {
  char *end = nullptr;
  errno = 0;
  T value;
  if (std::is_signed<T>::value) {
    long long wide = std::strtoll(token, &end, 10);
    value = static_cast<T>(wide);
    if (static_cast<long long>(value) != wide)
      return false;
  } else {
    unsigned long long wide = std::strtoull(token, &end, 10);
    value = static_cast<T>(wide);
    if (static_cast<unsigned long long>(value) != wide || *token == '-')
      return false;
  }
  std::memcpy(data, &value, sizeof(value));
  return errno == 0 && end != token && *end == 0;
}

/// Parses one element into `tensor` at `index`.
static bool parseElement(const std::string &token, HostTensor &tensor,
                         int64_t index) {
  char *data = tensor.mutableData() +
               index * static_cast<int64_t>(dtypeSize(tensor.dtype));
  if (tensor.dtype == DType::Bool) {
    *data = token == "1" || token == "true";
    return *data || token == "0" || token == "false";
  }
  if (!isFloat(tensor.dtype))
    return withElementType(tensor.dtype, [&](auto zero) {
      return parseInteger<decltype(zero)>(token.c_str(), data);
    });
  char *end = nullptr;
  if (tensor.dtype == DType::F32) {
    // Not by way of double, which would round twice.
    float value = std::strtof(token.c_str(), &end);
    std::memcpy(data, &value, sizeof(value));
  } else {
    storeElement(tensor, index, std::strtod(token.c_str(), &end));
  }
  // Too large a number becomes infinite; that must be asked for by name.
  bool isInfinite = std::isinf(static_cast<double>(tensor.at(index)));
  return *end == 0 &&
         (!isInfinite || token.find_first_of("iI") != std::string::npos);
}

bool tern::runtime::looksLikeLiteral(const std::string &text) {
  DType dtype;
  std::vector<int64_t> shape;
  return parseType(text.substr(0, text.find('=')), dtype, shape);
}

MaybeError tern::runtime::parseLiteral(const std::string &text,
                                       HostTensor &tensor) {
  DType dtype;
  std::vector<int64_t> shape;
  size_t equal = text.find('=');
  std::string type = text.substr(0, equal);
  if (!parseType(type, dtype, shape))
    return "'" + type +
           "' is not a type like 2x3xf32 (and a file needs an @: "
           "@x.npy)";
  if (MaybeError error = HostTensor::allocate(dtype, shape, tensor))
    return error;
  if (equal == std::string::npos)
    return std::nullopt;

  int64_t expected = tensor.numElements(), count = 0;
  constexpr const char *separators = ", \t\n";
  size_t position = equal + 1;
  while ((position = text.find_first_not_of(separators, position)) !=
         std::string::npos) {
    size_t end = text.find_first_of(separators, position);
    std::string token = text.substr(position, end - position);
    if (count < expected && !parseElement(token, tensor, count))
      return "'" + token + "' is not a value of " + dtypeName(dtype);
    ++count;
    position = end == std::string::npos ? text.size() : end;
  }
  if (count == 1 && expected > 1) {
    int64_t element = static_cast<int64_t>(dtypeSize(dtype));
    for (int64_t i = 1; i < expected; ++i)
      std::memcpy(tensor.mutableData() + i * element, tensor.data(),
                  static_cast<size_t>(element));
  } else if (count != expected) {
    return "a tensor of type " + type + " has " + std::to_string(expected) +
           " elements, got " + std::to_string(count);
  }
  return std::nullopt;
}
