//===- DType.h - Element types at the model's boundary ----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The element types of inputs, outputs and stored parameters, and sizes of
// tensors of them. Everything is stored little-endian, booleans as one byte.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_DTYPE_H
#define TERN_RUNTIME_DTYPE_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tern::runtime {

/// Empty on success, else what went wrong: one line, without "error: ".
using MaybeError = std::optional<std::string>;

enum class DType : uint8_t {
  F32,
  F64,
  F16,
  BF16,
  I8,
  I16,
  I32,
  I64,
  U8,
  U16,
  U32,
  U64,
  Bool
};
inline constexpr size_t numDTypes = 13;

/// As in signatures and literals: "f32", "bool", ...
const char *dtypeName(DType dtype);
std::optional<DType> parseDType(std::string_view name);

/// As in safetensors headers: "F32", "BOOL", ...
const char *safetensorsName(DType dtype);
std::optional<DType> parseSafetensorsDType(std::string_view name);

/// Bytes of one element, which is its natural alignment too.
size_t dtypeSize(DType dtype);
bool isFloat(DType dtype);

/// Elements and bytes of a tensor; nothing if an extent is negative or the
/// number does not fit int64_t.
std::optional<int64_t> numElements(const std::vector<int64_t> &shape);
std::optional<int64_t> byteSize(DType dtype, const std::vector<int64_t> &shape);

/// "2x3xf32"; a negative extent is printed as "?".
std::string typeString(DType dtype, const std::vector<int64_t> &shape);

} // namespace tern::runtime

#endif // TERN_RUNTIME_DTYPE_H
