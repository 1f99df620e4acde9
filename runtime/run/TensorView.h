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
/// "x: batchx784xf32, y: 10xi64".
std::string listTensors(const std::vector<TensorInfo> &tensors);

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
