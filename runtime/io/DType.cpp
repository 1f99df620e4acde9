//===- DType.cpp - Element types at the model's boundary --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ElementType.h"

#include <charconv>

using namespace tern::runtime;

// The DTypes in the order of their enumeration, then what they hold.
static constexpr ElementType types[] = {
    {"f32", ElementType::Float, 32, 1, DType::F32, "F32", "f4"},
    {"f64", ElementType::Float, 64, 11, DType::F64, "F64", "f8"},
    {"f16", ElementType::Float, 16, 10, DType::F16, "F16", "f2"},
    {"bf16", ElementType::Float, 16, 16, DType::BF16, "BF16", "V2"},
    {"i8", ElementType::Signed, 8, 3, DType::I8, "I8", "i1"},
    {"i16", ElementType::Signed, 16, 5, DType::I16, "I16", "i2"},
    {"i32", ElementType::Signed, 32, 6, DType::I32, "I32", "i4"},
    {"i64", ElementType::Signed, 64, 7, DType::I64, "I64", "i8"},
    {"u8", ElementType::Unsigned, 8, 2, DType::U8, "U8", "u1"},
    {"u16", ElementType::Unsigned, 16, 4, DType::U16, "U16", "u2"},
    {"u32", ElementType::Unsigned, 32, 12, DType::U32, "U32", "u4"},
    {"u64", ElementType::Unsigned, 64, 13, DType::U64, "U64", "u8"},
    {"bool", ElementType::Bool, 8, 9, DType::Bool, "BOOL", "b1"},
    {"f8e4m3fn", ElementType::NarrowFloat, 8, 17, DType::U8, nullptr, nullptr},
    {"f8e4m3fnuz", ElementType::NarrowFloat, 8, 18, DType::U8, nullptr,
     nullptr},
    {"f8e5m2", ElementType::NarrowFloat, 8, 19, DType::U8, nullptr, nullptr},
    {"f8e5m2fnuz", ElementType::NarrowFloat, 8, 20, DType::U8, nullptr,
     nullptr},
    {"u4", ElementType::Unsigned, 4, 21, DType::U8, nullptr, nullptr},
    {"i4", ElementType::Signed, 4, 22, DType::I8, nullptr, nullptr},
    {"f4e2m1", ElementType::NarrowFloat, 4, 23, DType::U8, nullptr, nullptr},
    {"f8e8m0", ElementType::NarrowFloat, 8, 24, DType::U8, nullptr, nullptr},
    {"u2", ElementType::Unsigned, 2, 25, DType::U8, nullptr, nullptr},
    {"i2", ElementType::Signed, 2, 26, DType::I8, nullptr, nullptr},
    {"f6e2m3", ElementType::NarrowFloat, 6, 27, DType::U8, nullptr, nullptr},
    {"f6e3m2", ElementType::NarrowFloat, 6, 28, DType::U8, nullptr, nullptr},
};

const ElementType &tern::runtime::elementType(DType dtype) {
  return types[static_cast<size_t>(dtype)];
}

const ElementType *tern::runtime::findOnnxType(int number) {
  for (const ElementType &type : types)
    if (type.onnx == number)
      return &type;
  return nullptr;
}

bool tern::runtime::takeExtent(std::string_view &text, int64_t &extent) {
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), extent);
  if (error != std::errc() || text[0] == '-')
    return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

int64_t tern::runtime::packedSize(unsigned stride, int64_t count) {
  return count / 8 * stride + (count % 8 * stride + 7) / 8;
}

void tern::runtime::unpackElements(const ElementType &type, unsigned stride,
                                   const char *packed, int64_t count,
                                   char *out) {
  auto byte = [&](int64_t i) -> unsigned {
    return static_cast<uint8_t>(packed[i]);
  };
  for (int64_t i = 0; i < count; ++i) {
    int64_t position = i * stride;
    unsigned shift = position % 8, bits = byte(position / 8) >> shift;
    if (shift + type.bits > 8)
      bits |= byte(position / 8 + 1) << (8 - shift);
    bits &= (1U << type.bits) - 1;
    if (type.kind == ElementType::Signed && bits >> (type.bits - 1))
      bits |= ~0U << type.bits;
    out[i] = static_cast<char>(bits);
  }
}

const char *tern::runtime::dtypeName(DType dtype) {
  return elementType(dtype).name;
}

const char *tern::runtime::safetensorsName(DType dtype) {
  return elementType(dtype).safetensors;
}

size_t tern::runtime::dtypeSize(DType dtype) {
  return elementType(dtype).bits / 8;
}

bool tern::runtime::isFloat(DType dtype) {
  return elementType(dtype).kind == ElementType::Float;
}

std::optional<DType> tern::runtime::parseDType(std::string_view name) {
  for (size_t i = 0; i < numDTypes; ++i)
    if (name == types[i].name)
      return static_cast<DType>(i);
  return std::nullopt;
}

std::optional<DType>
tern::runtime::parseSafetensorsDType(std::string_view name) {
  for (size_t i = 0; i < numDTypes; ++i)
    if (name == types[i].safetensors)
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
