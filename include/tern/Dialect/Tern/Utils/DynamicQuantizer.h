//===- DynamicQuantizer.h - dynamic_u8_tensor as linalg ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_UTILS_DYNAMICQUANTIZER_H
#define TERN_DIALECT_TERN_UTILS_DYNAMICQUANTIZER_H

#include "mlir/IR/Builders.h"

namespace tern {

/// A tensor quantized by `scheme = dynamic_u8_tensor`.
struct DynamicallyQuantized {
  /// i8, of the tensor's shape.
  mlir::Value codes;
  /// 0-d: f32, and i32 with what codes of 0.0 are.
  mlir::Value scale, zero;
};

DynamicallyQuantized quantizeDynamically(mlir::OpBuilder &b, mlir::Location loc,
                                         mlir::Value x);

/// `(codes - zero) * scale`.
mlir::Value dequantize(mlir::OpBuilder &b, mlir::Location loc,
                       const DynamicallyQuantized &quantized);

} // namespace tern

#endif // TERN_DIALECT_TERN_UTILS_DYNAMICQUANTIZER_H
