//===- ScalarExpressions.h - Functions of Derivatives.td --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The functions that tern-tblgen's code for Derivatives.td calls.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_AUTODIFF_SCALAREXPRESSIONS_H
#define TERN_LIB_AUTODIFF_SCALAREXPRESSIONS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "tern/Autodiff/Reverse.h"

namespace tern::scalar {
using Builder = mlir::ImplicitLocOpBuilder;

template <typename Op, typename... Operands>
mlir::Value apply(Builder &b, Operands... operands) {
  return Op::create(b, operands...);
}

template <mlir::arith::CmpFPredicate predicate>
mlir::Value compare(Builder &b, mlir::Value lhs, mlir::Value rhs) {
  return mlir::arith::CmpFOp::create(b, predicate, lhs, rhs);
}

template <mlir::arith::CmpIPredicate predicate>
mlir::Value compareIntegers(Builder &b, mlir::Value lhs, mlir::Value rhs) {
  return mlir::arith::CmpIOp::create(b, predicate, lhs, rhs);
}

inline mlir::Value number(Builder &b, double value, mlir::Value like) {
  return createNumber(b, value, like);
}

inline mlir::Value convertTo(Builder &b, mlir::Value value, mlir::Value like) {
  return createFloatCast(b, value, getCotangentType(like.getType()));
}

inline mlir::Value toFloat(Builder &b, mlir::Value value, mlir::Value like) {
  return mlir::arith::SIToFPOp::create(b, like.getType(), value);
}

inline mlir::Value predecessor(Builder &b, mlir::Value value) {
  mlir::Value one =
      mlir::arith::ConstantOp::create(b, b.getIntegerAttr(value.getType(), 1));
  return mlir::arith::SubIOp::create(b, value, one);
}

} // namespace tern::scalar

#endif // TERN_LIB_AUTODIFF_SCALAREXPRESSIONS_H
