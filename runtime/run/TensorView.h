//===- TensorView.h - HostTensors for the C API ----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_TENSORVIEW_H
#define TERN_RUNTIME_TENSORVIEW_H

#include "../io/HostTensor.h"
#include "tern/runtime/Runtime.h"

namespace tern::runtime {

/// What a model takes or gives.
struct TensorInfo {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;       // -1 where symbolic.
  std::vector<std::string> symbols; // "" where static.
  /// "batchx28x28xu8".
  std::string type() const;
};

TensorInfo fromInfo(const TernTensorInfo &info);
/// Tensors number `begin` to `end` - 1, of which get(number, &info) tells.
template <typename Get>
std::vector<TensorInfo> describeTensors(size_t begin, size_t end,
                                        const Get &get) {
  std::vector<TensorInfo> tensors;
  TernTensorInfo info;
  for (size_t i = begin; i < end; ++i)
    if (get(i, &info) == TERN_OK)
      tensors.push_back(fromInfo(info));
  return tensors;
}
/// "x: batchx784xf32, y: 10xi64".
std::string listTensors(const std::vector<TensorInfo> &tensors);

/// How many extents all tensors have.
size_t countExtents(const std::vector<TensorInfo> &tensors);
/// Allocates outputs, of which `extents` has all extents; those that have the
/// shape already stay.
[[nodiscard]] MaybeError allocateOutputs(const std::vector<TensorInfo> &outputs,
                                         const std::vector<int64_t> &extents,
                                         std::vector<HostTensor> &results);

/// DLTensors that refer to HostTensors.
class TensorView {
public:
  explicit TensorView(const std::vector<HostTensor> &tensors);
  TensorView(const TensorView &) = delete;
  TensorView &operator=(const TensorView &) = delete;
  const DLTensor *const *data() const { return pointers.data(); }
  size_t size() const { return pointers.size(); }

private:
  std::vector<DLTensor> values;
  std::vector<const DLTensor *> pointers;
};

} // namespace tern::runtime

#endif // TERN_RUNTIME_TENSORVIEW_H
