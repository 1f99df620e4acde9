//===- Quantization.h - Quantize and dequantize elements --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_OPS_QUANTIZATION_H
#define TERN_LIB_IMPORT_ONNX_OPS_QUANTIZATION_H

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

/// How a float becomes a code.
enum class Quantizer {
  /// saturate(round(x / scale) + zero point). A gradient passes as it does
  /// through fake quantization.
  Clips,
  /// The same, where nothing is out of range but by rounding: a gradient passes
  /// everywhere.
  Fitted,
  /// saturate(round(x / scale + zero point)), which differs where the quotient
  /// lies halfway between two integers.
  RoundsSum,
};

/// The codes, of the zero point's type, of floats `x`; a narrow float is
/// rounded as it becomes one.
mlir::FailureOr<Tensor> emitQuantized(Node &node, const Tensor &x,
                                      const Tensor &scale,
                                      const Tensor &zeroPoint,
                                      Quantizer kind = Quantizer::Clips);

/// Codes u8, and what they are made by.
struct DynamicallyQuantized {
  Tensor codes, scale, zeroPoint;
};

/// DynamicQuantizeLinear of f32: scale and zero point come from the range of
/// the values, which includes 0. Both are detached, so that the quantizer
/// passes gradients as the identity does.
mlir::FailureOr<DynamicallyQuantized> emitDynamicallyQuantized(Node &node,
                                                               const Tensor &x);

/// x - zero point in i32, or f32 for narrow floats.
mlir::FailureOr<Tensor> emitShifted(Node &node, const Tensor &x,
                                    const std::optional<Tensor> &zeroPoint);

/// (A - its zero point) . (B - its zero point) in i32. The zero points are
/// scalars, or one for each row of A and each column of B.
mlir::FailureOr<Tensor> emitIntegerMatmul(Node &node, Tensor a,
                                          std::optional<Tensor> aZero, Tensor c,
                                          std::optional<Tensor> cZero);

/// QuantizeLinear and DequantizeLinear.
void addQuantizeLinearOps(OpTable &ops);
void addMatMulNBitsOps(OpTable &ops);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_OPS_QUANTIZATION_H
