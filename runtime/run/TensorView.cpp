//===- TensorView.cpp - HostTensors for the C API ---------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorView.h"
#include "../core/Call.h"

using namespace tern::runtime;

std::string TensorInfo::type() const {
  std::string text;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] >= 0)
      text += std::to_string(shape[i]);
    else
      text += symbols[i].empty() ? "?" : symbols[i];
    text += "x";
  }
  return text + dtypeName(dtype);
}

std::string tern::runtime::listTensors(const std::vector<TensorInfo> &tensors) {
  std::string text;
  for (const TensorInfo &tensor : tensors)
    text += (text.empty() ? "" : ", ") + tensor.name + ": " + tensor.type();
  return text;
}

static DType fromDLPack(DLDataType type) {
  for (size_t i = 0; i < numDTypes; ++i)
    if (DLDataType known = toDLPack(static_cast<DType>(i));
        known.code == type.code && known.bits == type.bits)
      return static_cast<DType>(i);
  return DType::U8;
}

TensorInfo tern::runtime::fromInfo(const TernTensorInfo &info) {
  TensorInfo tensor;
  tensor.name = info.name;
  tensor.dtype = fromDLPack(info.dtype);
  for (int32_t i = 0; i < info.ndim; ++i) {
    tensor.shape.push_back(info.shape[i]);
    tensor.symbols.emplace_back(info.symbols[i] ? info.symbols[i] : "");
  }
  return tensor;
}

size_t tern::runtime::countExtents(const std::vector<TensorInfo> &tensors) {
  size_t count = 0;
  for (const TensorInfo &tensor : tensors)
    count += tensor.shape.size();
  return count;
}

MaybeError
tern::runtime::allocateOutputs(const std::vector<TensorInfo> &outputs,
                               const std::vector<int64_t> &extents,
                               std::vector<HostTensor> &results) {
  results.resize(outputs.size());
  auto next = extents.begin();
  for (size_t i = 0; i < outputs.size(); ++i) {
    auto end = next + static_cast<ptrdiff_t>(outputs[i].shape.size());
    std::vector<int64_t> shape(next, end);
    next = end;
    if (!results[i].data() || results[i].shape != shape)
      if (MaybeError error =
              HostTensor::allocate(outputs[i].dtype, shape, results[i]))
        return "output '" + outputs[i].name + "': " + *error;
  }
  return std::nullopt;
}

TensorView::TensorView(const std::vector<HostTensor> &tensors)
    : values(tensors.size()) {
  for (size_t i = 0; i < tensors.size(); ++i) {
    values[i].data = const_cast<char *>(tensors[i].data());
    values[i].device = {kDLCPU, 0};
    values[i].ndim = static_cast<int>(tensors[i].shape.size());
    values[i].dtype = toDLPack(tensors[i].dtype);
    values[i].shape = const_cast<int64_t *>(tensors[i].shape.data());
    values[i].strides = nullptr;
    values[i].byte_offset = 0;
    pointers.push_back(&values[i]);
  }
}
