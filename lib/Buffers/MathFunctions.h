//===- MathFunctions.h - Tern's own exp, log, sin, ... ----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_BUFFERS_MATHFUNCTIONS_H
#define TERN_LIB_BUFFERS_MATHFUNCTIONS_H

#include "mlir/IR/Builders.h"

namespace tern {

/// Whether `op` is a function on f32, or vectors of it, that Tern computes
/// itself.
bool isOwnMathFunction(mlir::Operation *op);

/// Whether it will be one once operations on f16 and bf16 compute in f32.
bool becomesOwnMathFunction(mlir::Operation *op);

/// The value of such an operation in plain arithmetic, made before it. Without
/// `hasFma`, products are added in f64 and rounded to f32 after that.
mlir::Value buildMathFunction(mlir::OpBuilder &builder, mlir::Operation *op,
                              bool hasFma);

} // namespace tern

#endif // TERN_LIB_BUFFERS_MATHFUNCTIONS_H
