//===- DType.cpp - Element types at the model's boundary --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/runtime/DType.h"

using namespace tern::runtime;

namespace {
struct Row {
  const char *name;
  const char *safetensors;
  size_t size;
};
} // namespace

// In the order of the enumeration.
static constexpr Row rows[numDTypes] = {
    {"f32", "F32", 4},   {"f64", "F64", 8}, {"f16", "F16", 2},
    {"bf16", "BF16", 2}, {"i8", "I8", 1},   {"i16", "I16", 2},
    {"i32", "I32", 4},   {"i64", "I64", 8}, {"u8", "U8", 1},
    {"u16", "U16", 2},   {"u32", "U32", 4}, {"u64", "U64", 8},
    {"bool", "BOOL", 1},
};

static const Row &row(DType dtype) { return rows[static_cast<size_t>(dtype)]; }

const char *tern::runtime::dtypeName(DType dtype) { return row(dtype).name; }

const char *tern::runtime::safetensorsName(DType dtype) {
  return row(dtype).safetensors;
}

size_t tern::runtime::dtypeSize(DType dtype) { return row(dtype).size; }

bool tern::runtime::isFloat(DType dtype) {
  return dtype == DType::F32 || dtype == DType::F64 || dtype == DType::F16 ||
         dtype == DType::BF16;
}

std::optional<DType> tern::runtime::parseDType(std::string_view name) {
  for (size_t i = 0; i < numDTypes; ++i)
    if (name == rows[i].name)
      return static_cast<DType>(i);
  return std::nullopt;
}

std::optional<DType>
tern::runtime::parseSafetensorsDType(std::string_view name) {
  for (size_t i = 0; i < numDTypes; ++i)
    if (name == rows[i].safetensors)
      return static_cast<DType>(i);
  return std::nullopt;
}

std::optional<int64_t>
tern::runtime::numElements(const std::vector<int64_t> &shape) {
  // An extent of 0 makes the product 0 whatever the others are, but the others
  // must still be representable together: strides are products of them.
  int64_t total = 1;
  bool empty = false;
  for (int64_t extent : shape) {
    if (extent < 0)
      return std::nullopt;
    if (extent == 0)
      empty = true;
    else if (__builtin_mul_overflow(total, extent, &total))
      return std::nullopt;
  }
  return empty ? 0 : total;
}

std::optional<int64_t>
tern::runtime::byteSize(DType dtype, const std::vector<int64_t> &shape) {
  std::optional<int64_t> count = numElements(shape);
  int64_t bytes = 0;
  if (!count || __builtin_mul_overflow(
                    *count, static_cast<int64_t>(dtypeSize(dtype)), &bytes))
    return std::nullopt;
  return bytes;
}

std::string tern::runtime::typeString(DType dtype,
                                      const std::vector<int64_t> &shape) {
  std::string text;
  for (int64_t extent : shape)
    text += (extent < 0 ? std::string("?") : std::to_string(extent)) + "x";
  return text + dtypeName(dtype);
}
