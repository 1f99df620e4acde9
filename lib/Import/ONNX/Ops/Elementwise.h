//===- Elementwise.h - Add scalar functions to the table --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_OPS_ELEMENTWISE_H
#define TERN_LIB_IMPORT_ONNX_OPS_ELEMENTWISE_H

#include "NarrowTypes.h"
#include "Node.h"

namespace tern::onnx_import {

using UnaryBody = std::function<mlir::Value(mlir::ImplicitLocOpBuilder &,
                                            mlir::Value, DType)>;
using BinaryBody = std::function<mlir::Value(mlir::ImplicitLocOpBuilder &,
                                             mlir::Value, mlir::Value, DType)>;
/// The operator on elements known at import, where it can be said.
using UnaryFold = std::function<std::optional<Extent>(Node &, const Extent &)>;
using ContentsFold = std::function<std::optional<Extent>(Node &, const Extent &,
                                                         const Extent &)>;

/// An operator without attributes that maps a scalar function over its operand.
/// `fold` says what it is on integers or, of an operator on floats, on floats
/// that are integers.
void addUnary(OpTable &ops, llvm::StringRef name, int64_t since, unsigned types,
              UnaryBody body, UnaryFold fold = nullptr);
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
/// The result, of type `dtype`, if all elements fold.
std::optional<Tensor> foldBinary(Node &node, const Tensor &lhs,
                                 const Tensor &rhs, DType dtype,
                                 const ContentsFold &fold);
/// The elements of an operand repeated to `count`, if they are known, and one
/// or as many.
std::optional<Extents> repeatContents(const Tensor &tensor, size_t count);
/// Makes the operand one that is not known, if all its elements are integers
/// that an operator could not be folded with: zeros that it divides by.
void forgetConstant(Node &node, Tensor &operand);
/// Whether an element type can hold the value.
bool fitsType(const Extent &extent, DType dtype);

/// The integer went through a float type that holds it: checked at run time
/// where it is not known, so that it is still what it was.
mlir::LogicalResult requireExactFloat(Node &node, const Extent &extent,
                                      DType dtype);

/// Converts to another element type. Floats that do not fit an integer type
/// saturate, and NaN becomes 0; of integers and for narrow types the low bits
/// are kept.
mlir::FailureOr<Tensor> emitCast(Node &node, Tensor operand, DType to,
                                 NarrowRounding rounding = {});
/// The same of a scalar.
mlir::Value emitScalarCast(mlir::ImplicitLocOpBuilder &b, mlir::Value x,
                           DType from, DType to, NarrowRounding rounding = {});
/// A float as an integer: truncated towards zero, saturated, and NaN is 0.
mlir::Value emitSaturated(mlir::ImplicitLocOpBuilder &b, mlir::Value x,
                          DType to);

/// The least element over the axes, which disappear.
mlir::FailureOr<Tensor> emitMin(Node &node, Tensor x,
                                llvm::ArrayRef<int64_t> axes);

/// exp(x) divided by its sum over the axes, computed in x's type.
mlir::FailureOr<Tensor> emitSoftmax(Node &node, Tensor x,
                                    llvm::ArrayRef<int64_t> axes);

/// A binary scalar operation over tensors of one type, broadcast. Fails if
/// either was not made.
template <typename Op>
mlir::FailureOr<Tensor> combine(Node &node, mlir::FailureOr<Tensor> lhs,
                                mlir::FailureOr<Tensor> rhs) {
  if (failed(lhs) || failed(rhs))
    return mlir::failure();
  return node.emitMap(
      {*lhs, *rhs}, lhs->dtype,
      [](mlir::ImplicitLocOpBuilder &b, mlir::ValueRange args) -> mlir::Value {
        return Op::create(b, args[0], args[1]);
      });
}

/// The operation for numbers of the type, on two scalars.
template <typename FloatOp, typename UnsignedOp, typename SignedOp = UnsignedOp>
mlir::Value emitOfKind(mlir::ImplicitLocOpBuilder &b, mlir::Value x,
                       mlir::Value y, DType dtype) {
  if (isFloat(dtype))
    return FloatOp::create(b, x, y);
  if (isUnsigned(dtype))
    return UnsignedOp::create(b, x, y);
  return SignedOp::create(b, x, y);
}

/// Scalar code. Minimum and maximum are NaN if either operand is.
mlir::Value emitConstant(mlir::ImplicitLocOpBuilder &b, mlir::Type type,
                         double value);
mlir::Value emitMinimum(mlir::ImplicitLocOpBuilder &b, mlir::Value x,
                        mlir::Value y, DType dtype);
mlir::Value emitMaximum(mlir::ImplicitLocOpBuilder &b, mlir::Value x,
                        mlir::Value y, DType dtype);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_OPS_ELEMENTWISE_H
