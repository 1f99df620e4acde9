//===- HostTensor.cpp - A tensor that owns or maps memory -------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "HostTensor.h"
#include "ElementType.h"
#include "tern/runtime/Text.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

using namespace tern::runtime;

MaybeError HostTensor::allocate(DType dtype, std::vector<int64_t> shape,
                                HostTensor &tensor) {
  std::optional<int64_t> size = byteSize(dtype, shape);
  if (!size)
    return "a tensor of type " + typeString(dtype, shape) +
           " has a size that overflows";
  // The system may grant more than there is and kill the process later.
  int64_t limit = int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  void *memory = nullptr;
  size_t bytes = static_cast<size_t>(*size);
  if (*size > limit ||
      ::posix_memalign(&memory, 64, bytes < 64 ? 64 : bytes) != 0)
    return "a tensor of type " + typeString(dtype, shape) +
           " does not fit in memory";
  std::memset(memory, 0, bytes);
  tensor.dtype = dtype;
  tensor.shape = std::move(shape);
  tensor.owner = std::shared_ptr<const void>(
      memory, [](const void *p) { std::free(const_cast<void *>(p)); });
  tensor.bytes = static_cast<const char *>(memory);
  return std::nullopt;
}

HostTensor HostTensor::readOnly(DType dtype, std::vector<int64_t> shape,
                                std::shared_ptr<const void> owner,
                                const char *data) {
  HostTensor tensor;
  tensor.dtype = dtype;
  tensor.shape = std::move(shape);
  tensor.owner = std::move(owner);
  tensor.bytes = data;
  return tensor;
}

int64_t HostTensor::numElements() const {
  return tern::runtime::numElements(shape).value_or(0);
}

int64_t HostTensor::numBytes() const {
  return byteSize(dtype, shape).value_or(0);
}

HostTensor HostTensor::rows(int64_t begin, int64_t end) const {
  HostTensor slice = *this;
  int64_t rowBytes = shape[0] ? numBytes() / shape[0] : 0;
  slice.shape[0] = end - begin;
  slice.bytes += begin * rowBytes;
  return slice;
}

/// A 16-bit float with the given bits of mantissa, as a double.
static double fromHalf(uint16_t bits, int mantissaBits) {
  int exponentBits = 15 - mantissaBits;
  int maxExponent = (1 << exponentBits) - 1;
  int bias = maxExponent / 2;
  int exponent = (bits >> mantissaBits) & maxExponent;
  int mantissa = bits & ((1 << mantissaBits) - 1);
  double value;
  if (exponent == maxExponent)
    value = mantissa ? NAN : INFINITY;
  else if (exponent == 0)
    value = std::ldexp(mantissa, 1 - bias - mantissaBits);
  else
    value = std::ldexp(mantissa + (1 << mantissaBits),
                       exponent - bias - mantissaBits);
  return bits & 0x8000 ? -value : value;
}

static uint16_t toHalf(double value, int mantissaBits) {
  int maxExponent = (1 << (15 - mantissaBits)) - 1;
  int bias = maxExponent / 2;
  uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  uint16_t infinity = static_cast<uint16_t>(maxExponent << mantissaBits);
  double magnitude = std::fabs(value);
  if (std::isnan(value))
    return static_cast<uint16_t>(sign | infinity | 1 << (mantissaBits - 1));
  if (magnitude >= std::ldexp(1, bias + 1))
    return sign | infinity;
  int exponent = magnitude > 0 ? std::ilogb(magnitude) : 1 - bias;
  exponent = exponent < 1 - bias ? 1 - bias : exponent;
  // In units of the last place. A carry out of the mantissa goes into the
  // exponent by itself, up to infinity.
  int units = static_cast<int>(
      std::nearbyint(std::ldexp(magnitude, mantissaBits - exponent)));
  return static_cast<uint16_t>(
      sign | (((exponent + bias - 1) << mantissaBits) + units));
}

static int mantissaBits(DType dtype) { return dtype == DType::F16 ? 10 : 7; }

template <typename T> static T load(const char *data, int64_t index) {
  T value;
  std::memcpy(&value, data + index * static_cast<int64_t>(sizeof(T)),
              sizeof(T));
  return value;
}

long double tern::runtime::loadElement(DType dtype, const char *data,
                                       int64_t index) {
  return withElementType(dtype, [&](auto zero) -> long double {
    auto value = load<decltype(zero)>(data, index);
    if constexpr (std::is_same_v<decltype(zero), uint16_t>)
      if (isFloat(dtype))
        return fromHalf(value, mantissaBits(dtype));
    return dtype == DType::Bool ? value != 0 : static_cast<long double>(value);
  });
}

long double HostTensor::at(int64_t index) const {
  return loadElement(dtype, bytes, index);
}

void tern::runtime::storeElement(HostTensor &tensor, int64_t index,
                                 double value) {
  DType dtype = tensor.dtype;
  withElementType(dtype, [&](auto typed) {
    using Typed = decltype(typed);
    // A number that an integer cannot hold may not be converted to one.
    if (std::is_same_v<Typed, uint16_t> && isFloat(dtype))
      typed = static_cast<Typed>(toHalf(value, mantissaBits(dtype)));
    else
      typed = static_cast<Typed>(dtype == DType::Bool ? value != 0 : value);
    std::memcpy(tensor.mutableData() +
                    index * static_cast<int64_t>(sizeof(typed)),
                &typed, sizeof(typed));
  });
}

std::string HostTensor::formatAt(int64_t index) const {
  if (dtype == DType::I64)
    return std::to_string(load<int64_t>(bytes, index));
  if (dtype == DType::U64)
    return std::to_string(load<uint64_t>(bytes, index));
  if (dtype == DType::Bool)
    return at(index) != 0 ? "true" : "false";
  char text[64];
  int digits = dtype == DType::F64 ? 10 : isFloat(dtype) ? 7 : 12;
  std::snprintf(text, sizeof(text), "%.*g", digits,
                static_cast<double>(at(index)));
  return text;
}

static void describe(const HostTensor &tensor, size_t dim, int64_t &position,
                     std::string &text) {
  if (dim == tensor.shape.size()) {
    text += tensor.formatAt(position++);
    return;
  }
  constexpr int64_t edge = 4;
  int64_t extent = tensor.shape[dim];
  // How many elements one step along this dimension is.
  int64_t step = 1;
  for (size_t i = dim + 1; i < tensor.shape.size(); ++i)
    step *= tensor.shape[i];
  // A row of class scores is worth printing whole.
  int64_t whole = dim + 1 == tensor.shape.size() ? 16 : 2 * edge;
  text += "[";
  for (int64_t i = 0; i < extent; ++i) {
    if (i)
      text += ", ";
    if (extent > whole && i == edge) {
      text += "..., ";
      position += (extent - 2 * edge) * step;
      i = extent - edge;
    }
    describe(tensor, dim + 1, position, text);
  }
  text += "]";
}

std::string tern::runtime::describeTensor(const std::string &name,
                                          const HostTensor &tensor) {
  std::string text =
      printable(name) + ": " + typeString(tensor.dtype, tensor.shape) + " ";
  int64_t position = 0;
  if (tensor.numElements() == 0)
    return text + "[]";
  describe(tensor, 0, position, text);
  return text;
}

std::string tern::runtime::formatIndex(const std::vector<int64_t> &shape,
                                       int64_t position) {
  std::string text = "]";
  for (size_t i = shape.size(); i-- > 0;) {
    text.insert(0, (i ? ", " : "") + std::to_string(position % shape[i]));
    position /= shape[i];
  }
  return "[" + text;
}
