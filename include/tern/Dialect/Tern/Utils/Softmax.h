//===- Softmax.h - Exponentials over their sum ------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_UTILS_SOFTMAX_H
#define TERN_DIALECT_TERN_UTILS_SOFTMAX_H

#include "mlir/IR/Value.h"

namespace tern {

/// Whether a tensor is a softmax along `axis`: exponentials, over (or times the
/// reciprocal of) their sum along the axis. Views, casts and other elementwise
/// operations may follow, such as a mask.
bool isSoftmaxAlong(mlir::Value tensor, unsigned axis);

} // namespace tern

#endif // TERN_DIALECT_TERN_UTILS_SOFTMAX_H
