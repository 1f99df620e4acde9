//===- OnnxTensor.h - Read ONNX tensor files --------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_ONNXTENSOR_H
#define TERN_RUNTIME_ONNXTENSOR_H

#include "HostTensor.h"

namespace onnx {
class TensorProto;
} // namespace onnx

namespace tern::runtime {

struct ElementType;

/// The elements of the field that a type has for itself (float_data, ...), as
/// they are in memory; int32_data has bits of narrow types, a byte in each.
std::string readTypedField(const onnx::TensorProto &tensor, DType dtype);
/// Bits from one element to the next there: those of 6 bits are not packed.
unsigned typedStride(const ElementType &type);

/// Reads a file that holds one TensorProto (input_0.pb of ONNX's test data).
[[nodiscard]] MaybeError readOnnxTensor(const std::string &path,
                                        HostTensor &tensor, std::string &name);

} // namespace tern::runtime

#endif // TERN_RUNTIME_ONNXTENSOR_H
