//===- Elementwise.h - Loops over tensors as linalg -------------*- C++ -*-===//
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

/// Builds `linalg.generic` on tensors whose extents may be dynamic.
class TensorBuilder : public mlir::ImplicitLocOpBuilder {
public:
  using ImplicitLocOpBuilder::ImplicitLocOpBuilder;
  /// Gets the inputs' elements (and the accumulator), returns the result's.
  using Body =
      llvm::function_ref<mlir::Value(TensorBuilder &, mlir::ValueRange)>;
  using Sizes = llvm::ArrayRef<mlir::OpFoldResult>;

  /// The dims (d0, ..., d<rank>) as they are: an operand of the same shape.
  mlir::AffineMap identity(unsigned rank) {
    return getMultiDimIdentityMap(rank);
  }
  /// The first dims of `rank`: an operand that the last axes share.
  mlir::AffineMap leading(unsigned rank, unsigned count) {
    return mlir::AffineMap::get(
        rank, 0, identity(rank).getResults().take_front(count), getContext());
  }
  /// No dim: a scalar.
  mlir::AffineMap scalar(unsigned rank) {
    return mlir::AffineMap::get(rank, 0, getContext());
  }

  /// One element for each position of a tensor of `sizes`.
  mlir::Value map(Sizes sizes, mlir::Type element, mlir::ValueRange inputs,
                  llvm::ArrayRef<mlir::AffineMap> maps, Body body);
  /// The same where all inputs have the result's shape, and are not scalars.
  mlir::Value zip(mlir::ValueRange inputs, Body body);
  /// A fold over all dims that `resultMap` lacks, from `init` on.
  mlir::Value reduce(Sizes sizes, mlir::TypedAttr init, mlir::ValueRange inputs,
                     llvm::ArrayRef<mlir::AffineMap> maps,
                     mlir::AffineMap resultMap, Body body);
  mlir::Value filled(Sizes sizes, mlir::TypedAttr value);

  llvm::SmallVector<mlir::OpFoldResult> sizesOf(mlir::Value tensor);
  mlir::Value constant(mlir::Type type, double value);
  /// An f32 constant.
  mlir::Value constant(double value) { return constant(getF32Type(), value); }
  /// The only element of a 0-d tensor.
  mlir::Value read(mlir::Value scalar);
  /// A 0-d tensor.
  mlir::Value wrap(mlir::Value element);
};

/// A linalg.generic over `init`, whose elements `result` places: loops that it
/// lacks are reductions, all others are parallel. `body` gets the inputs'
/// elements, placed by `maps`, and last that of `init`, and returns its new
/// one.
mlir::Value buildGeneric(mlir::OpBuilder &b, mlir::Location loc,
                         mlir::ValueRange inputs,
                         llvm::ArrayRef<mlir::AffineMap> maps, mlir::Value init,
                         mlir::AffineMap result, TensorBuilder::Body body);

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
