//===- OrderedReductions.h - Loops of sums with tern.order ------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_BUFFERS_ORDEREDREDUCTIONS_H
#define TERN_LIB_BUFFERS_ORDEREDREDUCTIONS_H

#include "mlir/Dialect/Linalg/IR/Linalg.h"

namespace tern {

/// How well memory is used when loop `dim` of `op`, on buffers, is innermost:
/// operands along which it walks contiguously or that it does not touch,
/// against strided ones.
int scoreInnermost(mlir::linalg::LinalgOp op, unsigned dim);

/// Makes loops before `op`, on buffers, that fold terms in the order that
/// `tern.order` states; `op` is left to be erased. False, and no loops made,
/// where nothing is stated or loops that take terms one after another do it as
/// stated: `op` then states nothing any more. Fails with an error where
/// `tern.order` is on something else than a fold.
llvm::FailureOr<bool> lowerOrderedReduction(mlir::OpBuilder &builder,
                                            mlir::linalg::LinalgOp op);

} // namespace tern

#endif // TERN_LIB_BUFFERS_ORDEREDREDUCTIONS_H
