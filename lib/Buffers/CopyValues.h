//===- CopyValues.h - Compute values again elsewhere ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_BUFFERS_COPYVALUES_H
#define TERN_LIB_BUFFERS_COPYVALUES_H

#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"

namespace tern {

/// Clones the operation of `value` where `b` stands, with what `copy` gives for
/// its operands. The clone's result; null if `copy` gives none for an operand.
mlir::Value cloneProducer(mlir::OpBuilder &b, mlir::Value value,
                          mlir::IRMapping &mapping,
                          llvm::function_ref<mlir::Value(mlir::Value)> copy);

/// Maps `value` to what stands for it in `block`, of a function that is cut out
/// of another: clones of its operation and of those before it, where `b`
/// stands, as far as these are `isCheap`; else a new argument of the block, and
/// the value goes to `captured`.
void captureValue(mlir::OpBuilder &b, mlir::Value value, mlir::Block *block,
                  mlir::IRMapping &mapping,
                  llvm::SmallVectorImpl<mlir::Value> &captured,
                  llvm::function_ref<bool(mlir::Operation *)> isCheap);

} // namespace tern

#endif // TERN_LIB_BUFFERS_COPYVALUES_H
