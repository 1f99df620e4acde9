//===- Storage.h - Views and sizes of tensors -------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What passes on tensors that have memory in mind assume of bufferization.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_UTILS_STORAGE_H
#define TERN_DIALECT_TERN_UTILS_STORAGE_H

#include "mlir/IR/Value.h"

namespace tern {

/// Whether an operation gives its first operand another shape or type, in the
/// same memory.
bool isView(mlir::Operation *op);

/// What a value is a view of, or the value itself.
mlir::Value getViewedValue(mlir::Value value);

/// The bytes of a ranked tensor, in which a dynamic extent counts as 64; 0 for
/// other values.
int64_t estimateBytes(mlir::Value value);

} // namespace tern

#endif // TERN_DIALECT_TERN_UTILS_STORAGE_H
