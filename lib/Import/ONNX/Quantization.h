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

/// A scale or zero point in the body of an operation: a constant as far as
/// derivatives are concerned.
mlir::Value emitDetached(mlir::ImplicitLocOpBuilder &b, mlir::Value scalar);

/// `code` with the derivative of `ratio`, x / scale, where `sum` is in the
/// range of the type, and 0 elsewhere: so torch.fake_quantize_per_tensor_affine
/// has it. `sum` is what the code was made of: the ratio, rounded if the type
/// is one of integers, plus the zero point.
mlir::Value emitFakeQuantized(mlir::ImplicitLocOpBuilder &b, mlir::Value code,
                              mlir::Value ratio, mlir::Value sum, DType type);

/// QuantizeLinear and DequantizeLinear.
void addQuantizeLinearOps(OpTable &ops);
void addMatMulNBitsOps(OpTable &ops);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_QUANTIZATION_H
