//===- Contraction.h - Float matrix products --------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Which linalg operations are float matrix products, of tensors or of buffers:
// fusion and tiling leave these alone, --tern-lower-contractions gives them
// register-tiled kernels.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_UTILS_CONTRACTION_H
#define TERN_DIALECT_TERN_UTILS_CONTRACTION_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include <optional>

namespace tern {

/// out[.., m, .., n] += sum over k of lhs[.., m, .., k] * rhs[.., n, .., k],
/// where loops that are not m, n or k run around them.
struct Contraction {
  /// Positions among the operation's operands.
  unsigned lhs, rhs;
  /// Loops. `n` is the last axis of the result.
  unsigned m, n, k;
  /// The other parallel loops and reductions, outermost first.
  llvm::SmallVector<unsigned> parallel, reductions;
  /// The operation in the body that converts an operand's element to the
  /// result's type (extf, sitofp, uitofp), or null.
  mlir::Operation *lhsCast, *rhsCast;
};

/// Matches operations on f32 or f64 results whose body multiplies two operands,
/// each perhaps converted, and adds the product, with at least one loop of each
/// kind and operands that are projected permutations of the loops.
std::optional<Contraction> matchContraction(mlir::linalg::LinalgOp op);

} // namespace tern

#endif // TERN_DIALECT_TERN_UTILS_CONTRACTION_H
