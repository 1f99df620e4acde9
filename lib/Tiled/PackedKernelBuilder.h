//===- PackedKernelBuilder.h - Loops around packed products -----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TILED_PACKEDKERNELBUILDER_H
#define TERN_LIB_TILED_PACKEDKERNELBUILDER_H

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "tern/Dialect/Tern/IR/TargetInterfaces.h"

namespace tern {

/// What the generators of kernels for tern.packed_matmul write index arithmetic
/// and loops with.
class PackedKernelBuilder {
protected:
  using Value = mlir::Value;

  PackedKernelBuilder(mlir::OpBuilder &builder, PackedMatmulOp op,
                      SimdLayoutAttrInterface layout)
      : b(op.getLoc(), builder), op(op), layout(layout), rows(layout.getRows()),
        lanes(layout.getLanes()), fields(layout.getFields()) {}

  Value index(int64_t value) {
    return mlir::arith::ConstantIndexOp::create(b, value);
  }
  Value zeroOf(mlir::Type type) {
    return mlir::arith::ConstantOp::create(b, b.getZeroAttr(type));
  }
  Value size(Value tensor, int64_t dim) {
    return getValueOrCreateConstantIndexOp(
        b, b.getLoc(), mlir::tensor::getMixedSize(b, b.getLoc(), tensor, dim));
  }
  /// expr of d0, d1, ... over `operands`.
  Value apply(mlir::AffineExpr expr,
              llvm::ArrayRef<mlir::OpFoldResult> operands) {
    return getValueOrCreateConstantIndexOp(
        b, b.getLoc(),
        mlir::affine::makeComposedFoldedAffineApply(
            b, b.getLoc(), mlir::AffineMap::get(operands.size(), 0, expr),
            operands));
  }
  Value min(Value x, Value y) {
    return b.createOrFold<mlir::arith::MinUIOp>(x, y);
  }
  /// A loop that carries `inits`; `body` returns their next values.
  llvm::SmallVector<Value>
  loop(Value lower, Value upper, int64_t step, mlir::ValueRange inits,
       llvm::function_ref<llvm::SmallVector<Value>(Value, mlir::ValueRange)>
           body) {
    auto forOp = mlir::scf::ForOp::create(b, lower, upper, index(step), inits);
    mlir::OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(forOp.getBody());
    mlir::scf::YieldOp::create(
        b, body(forOp.getInductionVar(), forOp.getRegionIterArgs()));
    return llvm::SmallVector<Value>(forOp.getResults());
  }

  mlir::ImplicitLocOpBuilder b;
  PackedMatmulOp op;
  SimdLayoutAttrInterface layout;
  int64_t rows, lanes, fields;
};

/// The product of float activations, see FloatPackedMatmul.cpp.
mlir::Value buildFloatPackedMatmul(mlir::OpBuilder &builder, PackedMatmulOp op,
                                   SimdDotInterface target,
                                   SimdLayoutAttrInterface layout);

} // namespace tern

#endif // TERN_LIB_TILED_PACKEDKERNELBUILDER_H
