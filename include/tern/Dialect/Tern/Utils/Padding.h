//===- Padding.h - Pad tensors with zeros -----------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_UTILS_PADDING_H
#define TERN_DIALECT_TERN_UTILS_PADDING_H

#include "mlir/IR/AffineExpr.h"
#include "mlir/IR/Builders.h"

namespace tern {
/// `expr` of `symbols`, folded to an attribute where they are constant.
mlir::OpFoldResult applyFolded(mlir::OpBuilder &b, mlir::Location loc,
                               mlir::AffineExpr expr,
                               llvm::ArrayRef<mlir::OpFoldResult> symbols);

/// `source` grown with zeros at the high ends to `paddedSizes`; `source`
/// itself if it has that size already.
mlir::Value padWithZeros(mlir::OpBuilder &b, mlir::Location loc,
                         mlir::Value source,
                         llvm::ArrayRef<mlir::OpFoldResult> paddedSizes);

/// `source` with its last extent grown with zeros to a multiple of `block`.
mlir::Value padColumns(mlir::OpBuilder &b, mlir::Location loc,
                       mlir::Value source, int64_t block);
} // namespace tern

#endif // TERN_DIALECT_TERN_UTILS_PADDING_H
