//===- Quantization.h - What quantized operators share ----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_QUANTIZATION_H
#define TERN_LIB_IMPORT_ONNX_QUANTIZATION_H

#include "Node.h"

namespace tern::onnx_import {

/// A tensor of one dimension with one element as a scalar; any other as it is.
mlir::FailureOr<Tensor> squeezeScalar(Node &node, Tensor tensor);

/// QuantizeLinear and DequantizeLinear.
void addQuantizeLinearOps(OpTable &ops);
void addMatMulNBitsOps(OpTable &ops);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_QUANTIZATION_H
