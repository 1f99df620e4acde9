//===- Inline.h - Functions' bodies in place of their calls -----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_UTILS_INLINE_H
#define TERN_DIALECT_TERN_UTILS_INLINE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace tern {

/// Puts a copy of what `func`, of one block, does where the builder stands,
/// with `operands` for its arguments; returns its results. Unlike upstream's
/// inliner, which this is made of, it leaves locations as they are, since they
/// name a model's nodes, and takes functions of any module.
llvm::SmallVector<mlir::Value> inlineFunction(mlir::OpBuilder &b,
                                              mlir::func::FuncOp func,
                                              mlir::ValueRange operands);

/// Does so for the calls in `func` and in what they call. Those stay that call
/// what is not defined in one block, or, in a recursion, `func` or what is
/// being inlined. Callees are looked up from `primal`, of which `func` may be a
/// copy that is in no module.
void inlineCalls(mlir::func::FuncOp func, mlir::func::FuncOp primal);

} // namespace tern

#endif // TERN_DIALECT_TERN_UTILS_INLINE_H
