//===- LinalgAdjoint.h - Adjoints of structured operations ------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_AUTODIFF_LINALGADJOINT_H
#define TERN_LIB_AUTODIFF_LINALGADJOINT_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "tern/Autodiff/Reverse.h"

namespace tern {

/// A tensor or scalar that a structured operation reads element by element: the
/// scalars of the body that stand for it. A captured scalar stands for itself.
struct LinalgSource {
  mlir::Value value;
  mlir::AffineMap map;
  llvm::SmallVector<mlir::Value> scalars;
};

/// A tensor read along in the adjoint, by a map of the loops of the primal.
struct LinalgRead {
  mlir::Value value;
  mlir::AffineMap map;
};

/// Gives the cotangents of values in the (cloned) body, from `reads` as
/// scalars.
using SeedBuilder = llvm::function_ref<void(Reverse &body, mlir::IRMapping &,
                                            mlir::ValueRange reads)>;

/// Adds to the cotangent of `source` the generic over the loops of `op` that
/// sums up what `seed` gives the source's scalars. `reads` are operands of it
/// beside those of `op`.
llvm::LogicalResult buildSourceAdjoint(mlir::linalg::LinalgOp op,
                                       const LinalgSource &source,
                                       llvm::ArrayRef<LinalgRead> reads,
                                       SeedBuilder seed, Reverse &reverse);

/// What a result is, as a function of the value that it is initialized with.
enum class ResultKind {
  /// Added to the initial value.
  Sum,
  /// All loops are parallel: the initial value is an operand like others.
  Elementwise,
  /// Anything else.
  Other
};
ResultKind classifyResult(mlir::linalg::LinalgOp op, unsigned result);

/// The sources of `op` that vary, each value and map once.
llvm::FailureOr<llvm::SmallVector<LinalgSource>>
getVariedSources(mlir::linalg::LinalgOp op, Reverse &reverse);

/// What `result` of `op` depends on with a derivative.
llvm::SmallVector<mlir::Value> getLinalgSources(mlir::linalg::LinalgOp op,
                                                unsigned result);

/// The adjoint of a linalg.generic, or of what could be one.
llvm::LogicalResult buildLinalgAdjoint(mlir::linalg::LinalgOp op,
                                       Reverse &reverse);

} // namespace tern

#endif // TERN_LIB_AUTODIFF_LINALGADJOINT_H
