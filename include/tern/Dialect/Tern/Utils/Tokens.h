//===- Tokens.h - Activations as a matrix of tokens -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_UTILS_TOKENS_H
#define TERN_DIALECT_TERN_UTILS_TOKENS_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/Value.h"

namespace tern {

/// x [..., K] as [tokens, K]; a vector is one token.
mlir::Value toTokens(mlir::OpBuilder &b, mlir::Location loc, mlir::Value x);

/// y [tokens, N] with the leading axes of x [..., K].
mlir::Value fromTokens(mlir::OpBuilder &b, mlir::Location loc, mlir::Value y,
                       mlir::Value x);

} // namespace tern

#endif // TERN_DIALECT_TERN_UTILS_TOKENS_H
