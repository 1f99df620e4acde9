//===- NarrowTypes.h - Element types of 8 bits and less ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An element of a narrow type is an i8 in the IR: an integer has its value
// there, a float its bits. Arithmetic on them goes through Cast, QuantizeLinear
// and DequantizeLinear; a few other operators move them about.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_OPS_NARROWTYPES_H
#define TERN_LIB_IMPORT_ONNX_OPS_NARROWTYPES_H

#include "../Model/DType.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace tern::onnx_import {

/// Whether an operator's rule takes a narrow type as its input number `input`.
bool takesNarrowType(llvm::StringRef domain, llvm::StringRef opType,
                     unsigned input, DType type);

/// How numbers become narrow floats.
struct NarrowRounding {
  /// What is out of range becomes the greatest number, and not infinity or NaN.
  bool saturates = true;
  /// For f8e8m0, which has powers of two only; others round to even.
  enum Mode { Up, Down, Nearest } mode = Up;
};

/// The low bits of an i8 as a value of a narrow type.
mlir::Value emitLowBits(mlir::ImplicitLocOpBuilder &b, mlir::Value byte,
                        DType type);
/// The greatest number of a narrow float type with a mantissa.
double getGreatest(DType type);
/// A narrow float as f32, which has them all.
mlir::Value emitDecoded(mlir::ImplicitLocOpBuilder &b, mlir::Value byte,
                        DType type);
/// An f32 or f64 as a narrow float, rounded once. A gradient passes both ways
/// as it does through other conversions of floats.
mlir::Value emitEncoded(mlir::ImplicitLocOpBuilder &b, mlir::Value x,
                        DType type, NarrowRounding rounding);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_OPS_NARROWTYPES_H
