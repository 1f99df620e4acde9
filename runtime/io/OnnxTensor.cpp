//===- OnnxTensor.cpp - Read ONNX tensor files ------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OnnxTensor.h"
#include "ElementType.h"
#include "MappedFile.h"

#include <onnx/onnx_pb.h>

#include <climits>
#include <cstring>

using namespace tern::runtime;
using onnx::TensorProto;

template <typename T, typename Field>
static std::string toBytes(const Field &field) {
  std::string bytes;
  bytes.reserve(static_cast<size_t>(field.size()) * sizeof(T));
  for (auto element : field) {
    T value = static_cast<T>(element);
    bytes.append(reinterpret_cast<const char *>(&value), sizeof(value));
  }
  return bytes;
}

std::string tern::runtime::readTypedField(const TensorProto &tensor,
                                          DType dtype) {
  switch (dtype) {
  case DType::F32:
    return toBytes<float>(tensor.float_data());
  case DType::F64:
    return toBytes<double>(tensor.double_data());
  case DType::I64:
    return toBytes<int64_t>(tensor.int64_data());
  case DType::U32:
    return toBytes<uint32_t>(tensor.uint64_data());
  case DType::U64:
    return toBytes<uint64_t>(tensor.uint64_data());
  default: // Floats as their bits.
    return withElementType(dtype, [&](auto zero) {
      return toBytes<decltype(zero)>(tensor.int32_data());
    });
  }
}

unsigned tern::runtime::typedStride(const ElementType &type) {
  return type.bits == 6 ? 8 : type.bits;
}

static MaybeError read(const MappedFile &file, HostTensor &tensor,
                       std::string &name) {
  TensorProto proto;
  if (file.size() > INT_MAX)
    return "it is larger than an ONNX tensor can be";
  if (!proto.ParseFromArray(file.data(), static_cast<int>(file.size())))
    return "it is not an ONNX tensor (TensorProto), or it is truncated";
  name = proto.name();
  const ElementType *type = findOnnxType(proto.data_type());
  if (!type)
    return "its element type " + std::to_string(proto.data_type()) +
           " is not supported";
  if (proto.has_segment() || (proto.has_data_location() &&
                              proto.data_location() == TensorProto::EXTERNAL))
    return "its elements are in another file";
  std::vector<int64_t> shape(proto.dims().begin(), proto.dims().end());
  bool isRaw = proto.has_raw_data();
  std::string typed = isRaw ? "" : readTypedField(proto, type->dtype);
  const std::string &data = isRaw ? proto.raw_data() : typed;
  unsigned stride = isRaw ? type->bits : typedStride(*type);
  std::optional<int64_t> needed = byteSize(type->dtype, shape);
  if (needed)
    needed = packedSize(stride, *numElements(shape));
  if (!needed || static_cast<uint64_t>(*needed) != data.size())
    return "a tensor of type " + typeString(type->dtype, shape) + " takes " +
           (needed ? std::to_string(*needed) : "more than 2^63") +
           " bytes, but it has " + std::to_string(data.size());
  if (MaybeError error = HostTensor::allocate(type->dtype, shape, tensor))
    return error;
  if (type->bits < 8)
    unpackElements(*type, stride, data.data(), tensor.numElements(),
                   tensor.mutableData());
  else
    std::memcpy(tensor.mutableData(), data.data(), data.size());
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
