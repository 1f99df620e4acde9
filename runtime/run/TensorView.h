//===- TensorView.h - HostTensor to TernTensor and back ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_TENSORVIEW_H
#define TERN_RUNTIME_TENSORVIEW_H

#include "../core/Call.h"
#include "../io/HostTensor.h"

namespace tern::runtime {

/// How many extents all tensors have.
size_t countExtents(const std::vector<TensorSpec> &tensors);
/// Allocates outputs, of which `extents` has all extents; those that have the
/// shape already stay.
[[nodiscard]] MaybeError allocateOutputs(const std::vector<TensorSpec> &outputs,
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
