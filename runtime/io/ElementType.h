//===- ElementType.h - What is known of element types -----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The one table of element types, for readers, writers and the importer: their
// names in each format, and how elements lie in files and in memory.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_ELEMENTTYPE_H
#define TERN_RUNTIME_ELEMENTTYPE_H

#include "tern/runtime/DType.h"

namespace tern::runtime {

/// A DType, or a type of ONNX whose elements are a byte each wherever they are
/// not packed: integers of less than 8 bits as their values, floats of at most
/// 8 as their bits.
struct ElementType {
  enum Kind : uint8_t { Float, NarrowFloat, Signed, Unsigned, Bool };

  /// In signatures, literals and messages.
  const char *name;
  Kind kind;
  /// Of an element in a packed file.
  unsigned bits;
  /// onnx.TensorProto.DataType.
  int onnx;
  /// What it is in memory.
  DType dtype;
  /// In safetensors' headers and, after the byte order, in NumPy's. Null for
  /// types that are no DType.
  const char *safetensors;
  const char *npy;
};

const ElementType &elementType(DType dtype);
/// Null for numbers that Tern does not know.
const ElementType *findOnnxType(int number);

/// Takes the decimal number that `text` begins with; false if there is none, or
/// a larger one.
bool takeExtent(std::string_view &text, int64_t &extent);

/// Bytes of `count` elements, each `stride` bits after the one before it.
int64_t packedSize(unsigned stride, int64_t count);
/// Makes a byte of each of `count` elements of less than 8 bits, `stride` bits
/// apart: the first one is in a byte's low bits.
void unpackElements(const ElementType &type, unsigned stride,
                    const char *packed, int64_t count, char *out);

/// Calls `body` with a zero of the C++ type that elements are in memory; floats
/// of 16 bits are a uint16_t, booleans a uint8_t.
template <typename Body> auto withElementType(DType dtype, Body body) {
  switch (dtype) {
  case DType::F32:
    return body(float());
  case DType::F64:
    return body(double());
  case DType::F16:
  case DType::BF16:
  case DType::U16:
    return body(uint16_t());
  case DType::I8:
    return body(int8_t());
  case DType::I16:
    return body(int16_t());
  case DType::I32:
    return body(int32_t());
  case DType::I64:
    return body(int64_t());
  case DType::U8:
  case DType::Bool:
    return body(uint8_t());
  case DType::U32:
    return body(uint32_t());
  case DType::U64:
    break;
  }
  return body(uint64_t());
}

/// Calls `body` with the bits of a float type's infinity, in the unsigned
/// integer of its size; NaNs' are above them. Nothing for other types.
template <typename Body> auto withInfinity(DType dtype, Body body) {
  switch (dtype) {
  case DType::F32:
    return body(uint32_t(0x7f800000));
  case DType::F64:
    return body(uint64_t(0x7ff0000000000000));
  case DType::F16:
    return body(uint16_t(0x7c00));
  case DType::BF16:
    return body(uint16_t(0x7f80));
  default:
    return decltype(body(uint32_t()))();
  }
}

} // namespace tern::runtime

#endif // TERN_RUNTIME_ELEMENTTYPE_H
