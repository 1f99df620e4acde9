//===- LinalgFold.h - Slices and folds of linalg bodies ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_LINALGFOLD_H
#define TERN_DIALECT_TERN_IR_LINALGFOLD_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "llvm/ADT/SetVector.h"
#include <optional>

namespace tern {

/// The operands of `op` and what its regions capture.
llvm::SmallVector<mlir::Value> getReadValues(mlir::Operation *op);

/// The scalar that is yielded for a result.
mlir::Value getYielded(mlir::linalg::LinalgOp op, unsigned result);

/// The argument of the body that stands for the initial value of a result; null
/// if the body cannot read it.
mlir::BlockArgument getAccumulator(mlir::linalg::LinalgOp op, unsigned result);

/// Everything in the body of `op`, and what it captures, that `value` is
/// computed from, itself included.
llvm::SetVector<mlir::Value> getBodySlice(mlir::linalg::LinalgOp op,
                                          mlir::Value value);
/// The same along what `follow` says that a result is computed from.
llvm::SetVector<mlir::Value> getBodySlice(
    mlir::linalg::LinalgOp op, mlir::Value value,
    llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::OpResult)> follow);

/// A scalar operation of two operands that makes what is yielded for a result:
/// of its accumulator, and of a term that does not depend on that.
struct LinalgFold {
  mlir::Operation *op;
  mlir::Value term;
};
std::optional<LinalgFold> matchFold(mlir::linalg::LinalgOp op, unsigned result);

} // namespace tern

#endif // TERN_DIALECT_TERN_IR_LINALGFOLD_H
