//===- Elementwise.h - Entries for scalar functions -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_ELEMENTWISE_H
#define TERN_LIB_IMPORT_ONNX_ELEMENTWISE_H

#include "Node.h"

namespace tern::onnx_import {

using UnaryBody = std::function<mlir::Value(mlir::ImplicitLocOpBuilder &,
                                            mlir::Value, DType)>;
using BinaryBody = std::function<mlir::Value(mlir::ImplicitLocOpBuilder &,
                                             mlir::Value, mlir::Value, DType)>;
/// The operator on elements known at import, where it can be said.
using ContentsFold = std::function<std::optional<Extent>(Node &, const Extent &,
                                                         const Extent &)>;

/// An operator without attributes that maps a scalar function over its operand.
void addUnary(OpTable &ops, llvm::StringRef name, int64_t since, unsigned types,
              UnaryBody body);
/// The same with two broadcast operands of one type, which is the result's.
void addBinary(OpTable &ops, llvm::StringRef name, int64_t since,
               unsigned types, BinaryBody body, ContentsFold fold = nullptr);

/// The two operands of a binary operator, of one type out of `types`, the
/// second brought in position for broadcasting where opset < 7 wants that.
mlir::FailureOr<llvm::SmallVector<Tensor>> getBinaryOperands(Node &node,
                                                             unsigned types);
/// The second operand brought in position.
mlir::FailureOr<Tensor> applyLegacyBroadcast(Node &node, Tensor lhs,
                                             Tensor rhs);
/// The result, with lhs's element type, if all elements fold.
std::optional<Tensor> foldBinary(Node &node, const Tensor &lhs,
                                 const Tensor &rhs, ContentsFold fold);
/// Whether an element type can hold the value.
bool fitsType(const Extent &extent, DType dtype);

/// Scalar code. Minimum and maximum are NaN if either operand is.
mlir::Value emitConstant(mlir::ImplicitLocOpBuilder &b, mlir::Type type,
                         double value);
mlir::Value emitMinimum(mlir::ImplicitLocOpBuilder &b, mlir::Value x,
                        mlir::Value y, DType dtype);
mlir::Value emitMaximum(mlir::ImplicitLocOpBuilder &b, mlir::Value x,
                        mlir::Value y, DType dtype);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_ELEMENTWISE_H
