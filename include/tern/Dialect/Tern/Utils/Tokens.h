//===- Tokens.h - Tensors as matrices: axes joined --------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_UTILS_TOKENS_H
#define TERN_DIALECT_TERN_UTILS_TOKENS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"

namespace tern {

/// x with its leading axes made one, or axes of 1 before them, to have `rank`
/// axes: [a, ..., b, c] as [a * ... * b, c] or [a * ... * c].
mlir::Value joinLeadingAxes(mlir::OpBuilder &b, mlir::Location loc,
                            mlir::Value x, int64_t rank);

/// The same of trailing axes: [a, b, ..., c] as [a, b * ... * c].
mlir::Value joinTrailingAxes(mlir::OpBuilder &b, mlir::Location loc,
                             mlir::Value x, int64_t rank);

/// The inverse: y as a tensor of `type`, of known extents.
mlir::Value splitTrailingAxes(mlir::OpBuilder &b, mlir::Location loc,
                              mlir::Value y, mlir::RankedTensorType type);

/// x [..., K] as [tokens, K]; a vector is one token.
mlir::Value toTokens(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// y [tokens, N] with the leading axes of x [..., K].
mlir::Value fromTokens(mlir::OpBuilder &b, mlir::Location loc, mlir::Value y,
                       mlir::Value x);

} // namespace tern

#endif // TERN_DIALECT_TERN_UTILS_TOKENS_H
