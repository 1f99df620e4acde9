//===- LoopBuilder.h - Loops and index arithmetic ---------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_BUFFERS_LOOPBUILDER_H
#define TERN_LIB_BUFFERS_LOOPBUILDER_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace tern {

/// What lowerings to loops write index arithmetic with: sizes and positions,
/// which are not negative, folded where they are known.
class LoopBuilder {
protected:
  using Value = mlir::Value;

  LoopBuilder(mlir::OpBuilder &builder, mlir::Location loc) : b(loc, builder) {}

  Value index(int64_t value) {
    return mlir::arith::ConstantIndexOp::create(b, value);
  }
  template <typename Op> Value fold(Value x, Value y) {
    return b.createOrFold<Op>(x, y);
  }
  Value add(Value x, Value y) { return fold<mlir::arith::AddIOp>(x, y); }
  Value sub(Value x, Value y) { return fold<mlir::arith::SubIOp>(x, y); }
  Value mul(Value x, Value y) { return fold<mlir::arith::MulIOp>(x, y); }
  Value min(Value x, Value y) { return fold<mlir::arith::MinUIOp>(x, y); }
  Value max(Value x, Value y) { return fold<mlir::arith::MaxUIOp>(x, y); }
  Value div(Value x, Value y) { return fold<mlir::arith::DivUIOp>(x, y); }
  Value div(Value x, int64_t y) { return div(x, index(y)); }
  Value rem(Value x, Value y) { return fold<mlir::arith::RemUIOp>(x, y); }
  Value rem(Value x, int64_t y) { return rem(x, index(y)); }

  /// Builds `body` for each of [lower, upper) by `step`.
  void loop(Value lower, Value upper, int64_t step,
            llvm::function_ref<void(Value)> body) {
    auto forOp = mlir::scf::ForOp::create(b, lower, upper, index(step));
    mlir::OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(forOp.getBody());
    body(forOp.getInductionVar());
  }

  mlir::ImplicitLocOpBuilder b;
};

} // namespace tern

#endif // TERN_LIB_BUFFERS_LOOPBUILDER_H
