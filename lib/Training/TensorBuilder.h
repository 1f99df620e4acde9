//===- TensorBuilder.h - Loops over tensors as linalg -----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TRAINING_TENSORBUILDER_H
#define TERN_LIB_TRAINING_TENSORBUILDER_H

#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace tern {

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

} // namespace tern

#endif // TERN_LIB_TRAINING_TENSORBUILDER_H
