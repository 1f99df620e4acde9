//===- Elementwise.h - Builders of elementwise work -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_UTILS_ELEMENTWISE_H
#define TERN_DIALECT_TERN_UTILS_ELEMENTWISE_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "tern/Dialect/Tern/IR/TernAttributes.h"

namespace tern {
mlir::Value floatConstant(mlir::OpBuilder &b, mlir::Location loc,
                          mlir::Type type, double value);

/// A tensor as one of `type`, by a tensor.cast if that is another.
mlir::Value castTo(mlir::OpBuilder &b, mlir::Location loc, mlir::Value tensor,
                   mlir::Type type);

/// `value` rounded to an integral float.
mlir::Value buildRound(mlir::OpBuilder &b, mlir::Location loc,
                       Rounding rounding, mlir::Value value);

/// An integral float as i8, clamped to [low, high]; NaN gives `low`.
mlir::Value buildClampToInt8(mlir::OpBuilder &b, mlir::Location loc,
                             mlir::Value value, double low, double high);

/// A linalg.generic over `init`, whose elements `result` places: loops that it
/// lacks are reductions, all others are parallel. `body` gets the inputs'
/// elements, placed by `maps`, and last that of `init`, and returns its new
/// one.
mlir::Value
buildGeneric(mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange inputs,
             llvm::ArrayRef<mlir::AffineMap> maps, mlir::Value init,
             mlir::AffineMap result,
             llvm::function_ref<mlir::Value(mlir::ImplicitLocOpBuilder &,
                                            mlir::ValueRange)>
                 body);

/// The same with parallel loops over `init`, which it overwrites;
/// `body` gets the inputs' elements.
mlir::Value buildElementwise(
    mlir::OpBuilder &b, mlir::Location loc, mlir::ValueRange inputs,
    llvm::ArrayRef<mlir::AffineMap> maps, mlir::Value init,
    llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Location,
                                   mlir::ValueRange)>
        body);

/// A tensor of `sizes` filled with `value`.
mlir::Value buildFilled(mlir::OpBuilder &b, mlir::Location loc,
                        llvm::ArrayRef<mlir::OpFoldResult> sizes,
                        mlir::TypedAttr value);
} // namespace tern

#endif // TERN_DIALECT_TERN_UTILS_ELEMENTWISE_H
