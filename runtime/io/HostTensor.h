//===- HostTensor.h - A tensor that owns or maps memory ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_HOSTTENSOR_H
#define TERN_RUNTIME_HOSTTENSOR_H

#include "tern/runtime/DType.h"

#include <memory>

namespace tern::runtime {

/// A dense, row-major tensor in memory that it shares: owned, or a mapped file.
/// Copies are cheap and see the same elements.
class HostTensor {
public:
  /// Zero-filled and 64-byte aligned. Fails for sizes that overflow or exceed
  /// this machine's memory.
  [[nodiscard]] static MaybeError
  allocate(DType dtype, std::vector<int64_t> shape, HostTensor &tensor);
  /// Borrows `data`, which `owner` keeps alive and nobody may write.
  static HostTensor readOnly(DType dtype, std::vector<int64_t> shape,
                             std::shared_ptr<const void> owner,
                             const char *data);

  DType dtype = DType::F32;
  std::vector<int64_t> shape;

  const char *data() const { return bytes; }
  /// Only for tensors from allocate().
  char *mutableData() { return const_cast<char *>(bytes); }
  int64_t numElements() const;
  int64_t numBytes() const;

  /// Rows [begin, end) of the first dimension, in the same memory.
  HostTensor rows(int64_t begin, int64_t end) const;

  /// An element by its row-major index; exact for every dtype where long
  /// double has 64 bits of precision.
  long double at(int64_t index) const;
  /// Integers and booleans only.
  std::string formatAt(int64_t index) const;

private:
  std::shared_ptr<const void> owner;
  const char *bytes = nullptr;
};

/// An element of data of `dtype`, as HostTensor::at() has it.
long double loadElement(DType dtype, const char *data, int64_t index);
/// Writes element `index`, rounded to nearest even; the value must be in range
/// for integers.
void storeElement(HostTensor &tensor, int64_t index, double value);

/// "name: 2x3xf32 [[1, 2, 3], [4, 5, 6]]", long dimensions abridged.
std::string describeTensor(const std::string &name, const HostTensor &tensor);

/// "[1, 2]": the index of a row-major position.
std::string formatIndex(const std::vector<int64_t> &shape, int64_t position);

} // namespace tern::runtime

#endif // TERN_RUNTIME_HOSTTENSOR_H
