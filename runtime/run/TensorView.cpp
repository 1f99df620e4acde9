//===- TensorView.cpp - HostTensor to TernTensor and back -------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorView.h"

using namespace tern::runtime;

size_t tern::runtime::countExtents(const std::vector<TensorSpec> &tensors) {
  size_t count = 0;
  for (const TensorSpec &tensor : tensors)
    count += tensor.shape.size();
  return count;
}

MaybeError
tern::runtime::allocateOutputs(const std::vector<TensorSpec> &outputs,
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
