//===- TernAttributes.h - Quantizers, layouts, targets ----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_TERNATTRIBUTES_H
#define TERN_DIALECT_TERN_IR_TERNATTRIBUTES_H

#include "mlir/IR/Attributes.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "tern/Dialect/Tern/IR/MachineInfo.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"

namespace tern {
/// Rows and columns of a matrix.
struct LayoutTile {
  int64_t n, k;
};

/// LayoutAttrInterface's `buildPack` and `buildUnpack` by default.
mlir::Value buildTwoBitPack(mlir::OpBuilder &b, mlir::Location loc,
                            mlir::ValueRange codes);
llvm::SmallVector<mlir::Value>
buildTwoBitUnpack(mlir::OpBuilder &b, mlir::Location loc, mlir::Value bytes);
} // namespace tern

#include "tern/Dialect/Tern/IR/TernAttrInterfaces.h.inc"
#include "tern/Dialect/Tern/IR/TernEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "tern/Dialect/Tern/IR/TernAttributes.h.inc"

namespace tern {
/// The target of the code around `op`: `tern.target` of the nearest operation
/// that has one, else `#tern.generic`.
TargetAttrInterface getTarget(mlir::Operation *op);

/// Checks what LayoutAttrInterface says of positions, on a few tiles: that each
/// is inside, has one field, and none is left out; that tiles are of whole
/// numbers and that rows of tiles can be cut out.
llvm::LogicalResult
verifyLayout(LayoutAttrInterface layout,
             llvm::function_ref<mlir::InFlightDiagnostic()> emitError);
} // namespace tern

#endif // TERN_DIALECT_TERN_IR_TERNATTRIBUTES_H
