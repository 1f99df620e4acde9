//===- NarrowTypes.h - Elements of less than 8 bits -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An element of a narrow type is an i8 in the IR: an integer has its value
// there. Arithmetic on them goes through Cast, QuantizeLinear and
// DequantizeLinear; a few other operators move them about.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_NARROWTYPES_H
#define TERN_LIB_IMPORT_ONNX_NARROWTYPES_H

#include "DType.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace tern::onnx_import {

/// Whether a standard operator's rule takes operands of narrow types.
bool takesNarrowTypes(llvm::StringRef domain, llvm::StringRef opType);

/// The low bits of an i8 as a value of a narrow type.
mlir::Value emitLowBits(mlir::ImplicitLocOpBuilder &b, mlir::Value byte,
                        DType type);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_NARROWTYPES_H
