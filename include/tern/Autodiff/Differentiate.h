//===- Differentiate.h - Gradients of functions -----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_AUTODIFF_DIFFERENTIATE_H
#define TERN_AUTODIFF_DIFFERENTIATE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace tern {

/// What the cotangents of a function's results are.
enum class Seeds {
  /// 1 for the single active 0-d float result, the loss.
  One,
  /// Arguments, one for each float result.
  Arguments
};

struct DifferentiateOptions {
  /// Numbers of the arguments whose gradients are wanted. None means all float
  /// tensors and scalars; an empty list is a gradient of nothing.
  std::optional<llvm::SmallVector<unsigned>> wrt;
  Seeds seeds = Seeds::One;
  /// Name of the new function; empty means `<primal>_gradient`.
  std::string name;
};

/// Adds a private function behind `primal` that computes what `primal` does and
/// the gradients of the arguments wanted:
///
///   (arguments of primal [, a cotangent per float result])
///     -> (results of primal, a gradient per argument wanted)
///
/// `primal` stays as it is. Fails after an error at the operation that cannot
/// be differentiated.
llvm::FailureOr<mlir::func::FuncOp>
differentiate(mlir::func::FuncOp primal, const DifferentiateOptions &options);

/// Where the dependence of the results on each of some arguments ends, for
/// derivatives: the first operation that the argument reaches, that a result
/// needs, and whose own results have derivative zero to it, such as a
/// conversion to integers. None if no result depends on the argument, or with a
/// derivative, or as on a scale that `tern.surrogate` makes a constant.
llvm::SmallVector<std::optional<mlir::Location>>
findLostGradients(mlir::func::FuncOp primal,
                  llvm::ArrayRef<unsigned> arguments);

/// Makes the operations of upstream dialects and of tern differentiable.
void registerDifferentiableOpModels(mlir::DialectRegistry &registry);

} // namespace tern

#endif // TERN_AUTODIFF_DIFFERENTIATE_H
