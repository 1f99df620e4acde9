//===- OnnxTensor.cpp - Read ONNX tensor files ------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OnnxTensor.h"
#include "MappedFile.h"

#include <onnx/onnx_pb.h>

#include <climits>
#include <cstring>

using namespace tern::runtime;
using onnx::TensorProto;

namespace {
/// A type whose elements are a byte each at the model's boundary, whatever
/// they take in a file: integers as their value, floats as their bits.
struct NarrowType {
  int code;
  unsigned bits;
  bool isSigned;
};
} // namespace

// By number: onnx_pb.h may be older than some of them.
static constexpr NarrowType narrowTypes[] = {
    {17, 8, false}, // float8e4m3fn
    {18, 8, false}, // float8e4m3fnuz
    {19, 8, false}, // float8e5m2
    {20, 8, false}, // float8e5m2fnuz
    {21, 4, false}, // uint4
    {22, 4, true},  // int4
    {23, 4, false}, // float4e2m1
    {24, 8, false}, // float8e8m0
    {25, 2, false}, // uint2
    {26, 2, true},  // int2
    {27, 6, false}, // float6e2m3
    {28, 6, false}, // float6e3m2
};

static const NarrowType *findNarrow(int code) {
  for (const NarrowType &type : narrowTypes)
    if (type.code == code)
      return &type;
  return nullptr;
}

static std::optional<DType> elementType(int code) {
  if (const NarrowType *narrow = findNarrow(code))
    return narrow->isSigned ? DType::I8 : DType::U8;
  switch (code) {
  case TensorProto::FLOAT:
    return DType::F32;
  case TensorProto::DOUBLE:
    return DType::F64;
  case TensorProto::FLOAT16:
    return DType::F16;
  case TensorProto::BFLOAT16:
    return DType::BF16;
  case TensorProto::INT8:
    return DType::I8;
  case TensorProto::INT16:
    return DType::I16;
  case TensorProto::INT32:
    return DType::I32;
  case TensorProto::INT64:
    return DType::I64;
  case TensorProto::UINT8:
    return DType::U8;
  case TensorProto::UINT16:
    return DType::U16;
  case TensorProto::UINT32:
    return DType::U32;
  case TensorProto::UINT64:
    return DType::U64;
  case TensorProto::BOOL:
    return DType::Bool;
  default:
    return std::nullopt;
  }
}

template <typename T, typename Field>
static void copyField(const Field &field, HostTensor &tensor) {
  for (int i = 0; i < field.size(); ++i) {
    T value = static_cast<T>(field[i]);
    std::memcpy(tensor.mutableData() + i * static_cast<int64_t>(sizeof(T)),
                &value, sizeof(T));
  }
}

/// The typed fields hold narrow integers, and the bits of narrow floats, in
/// wider ones.
static int64_t fieldSize(const TensorProto &proto, DType dtype) {
  switch (dtype) {
  case DType::F32:
    return proto.float_data_size();
  case DType::F64:
    return proto.double_data_size();
  case DType::I64:
    return proto.int64_data_size();
  case DType::U32:
  case DType::U64:
    return proto.uint64_data_size();
  default:
    return proto.int32_data_size();
  }
}

static void copyTyped(const TensorProto &proto, HostTensor &tensor) {
  switch (tensor.dtype) {
  case DType::F32:
    return copyField<float>(proto.float_data(), tensor);
  case DType::F64:
    return copyField<double>(proto.double_data(), tensor);
  case DType::I64:
    return copyField<int64_t>(proto.int64_data(), tensor);
  case DType::U32:
    return copyField<uint32_t>(proto.uint64_data(), tensor);
  case DType::U64:
    return copyField<uint64_t>(proto.uint64_data(), tensor);
  case DType::I32:
    return copyField<int32_t>(proto.int32_data(), tensor);
  case DType::F16:
  case DType::BF16:
  case DType::I16:
  case DType::U16:
    return copyField<uint16_t>(proto.int32_data(), tensor);
  case DType::I8:
  case DType::U8:
  case DType::Bool:
    return copyField<uint8_t>(proto.int32_data(), tensor);
  }
}

/// Bytes that `count` elements take in a file: packed, a byte's low bits first.
/// The typed field has a byte in each of its numbers, but for 6 bits, which
/// are never packed there.
static int64_t packedSize(const NarrowType &type, int64_t count, bool isRaw) {
  if (type.bits == 8 || (type.bits == 6 && !isRaw))
    return count;
  return count / 8 * type.bits + (count % 8 * type.bits + 7) / 8;
}

static void unpack(const TensorProto &proto, const NarrowType &type,
                   int64_t count, char *out) {
  bool isRaw = proto.has_raw_data();
  auto byte = [&](int64_t i) -> unsigned {
    return isRaw
               ? static_cast<uint8_t>(proto.raw_data()[static_cast<size_t>(i)])
               : static_cast<uint8_t>(proto.int32_data(static_cast<int>(i)));
  };
  unsigned stride = type.bits == 6 && !isRaw ? 8 : type.bits;
  for (int64_t i = 0; i < count; ++i) {
    int64_t position = i * stride;
    unsigned shift = position % 8, bits = byte(position / 8) >> shift;
    if (shift + type.bits > 8)
      bits |= byte(position / 8 + 1) << (8 - shift);
    bits &= (1U << type.bits) - 1;
    if (type.isSigned && bits >> (type.bits - 1))
      bits |= ~0U << type.bits;
    out[i] = static_cast<char>(bits);
  }
}

static MaybeError read(const MappedFile &file, HostTensor &tensor,
                       std::string &name) {
  TensorProto proto;
  if (file.size() > INT_MAX)
    return "it is larger than an ONNX tensor can be";
  if (!proto.ParseFromArray(file.data(), static_cast<int>(file.size())))
    return "it is not an ONNX tensor (TensorProto), or it is truncated";
  name = proto.name();
  std::optional<DType> dtype = elementType(proto.data_type());
  if (!dtype)
    return "its element type " + std::to_string(proto.data_type()) +
           " is not supported";
  if (proto.has_segment() || (proto.has_data_location() &&
                              proto.data_location() == TensorProto::EXTERNAL))
    return "its elements are in another file";
  std::vector<int64_t> shape(proto.dims().begin(), proto.dims().end());
  std::optional<int64_t> bytes = byteSize(*dtype, shape);
  int64_t element = static_cast<int64_t>(dtypeSize(*dtype));
  int64_t present = proto.has_raw_data()
                        ? static_cast<int64_t>(proto.raw_data().size())
                        : fieldSize(proto, *dtype) * element;
  const NarrowType *narrow = findNarrow(proto.data_type());
  std::optional<int64_t> needed = bytes;
  if (narrow && bytes)
    needed = packedSize(*narrow, *bytes, proto.has_raw_data());
  if (!needed || *needed != present)
    return "a tensor of type " + typeString(*dtype, shape) + " takes " +
           (needed ? std::to_string(*needed) : "more than 2^63") +
           " bytes, but it has " + std::to_string(present);
  if (MaybeError error = HostTensor::allocate(*dtype, shape, tensor))
    return error;
  if (narrow)
    unpack(proto, *narrow, *bytes, tensor.mutableData());
  else if (!proto.has_raw_data())
    copyTyped(proto, tensor);
  else if (present)
    std::memcpy(tensor.mutableData(), proto.raw_data().data(),
                static_cast<size_t>(present));
  return std::nullopt;
}

MaybeError tern::runtime::readOnnxTensor(const std::string &path,
                                         HostTensor &tensor,
                                         std::string &name) {
  MappedFile file;
  if (MaybeError error = file.open(path))
    return error;
  if (MaybeError error = read(file, tensor, name))
    return "cannot read '" + path + "': " + *error;
  return std::nullopt;
}
