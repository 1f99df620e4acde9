//===- Indexing.h - Clamped indices, ranges, scatters -----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_OPS_INDEXING_H
#define TERN_LIB_IMPORT_ONNX_OPS_INDEXING_H

#include "Node.h"

namespace tern::onnx_import {

/// An index of any integer type, counted from the end if negative, and clamped:
/// memory outside of the tensor is not touched whatever the model is fed.
mlir::Value emitSafeIndex(mlir::ImplicitLocOpBuilder &b, mlir::Value index,
                          mlir::Value extent);

/// Along one axis: elements start, start + step, ..., `size` of them.
struct Span {
  Extent start = 0, size;
  int64_t step = 1;
};

/// All of a tensor.
llvm::SmallVector<Span> getFullRanges(llvm::ArrayRef<Extent> shape);

/// The part of a tensor that the ranges, which are in bounds, describe.
mlir::FailureOr<Tensor> emitSlice(Node &node, Tensor operand,
                                  llvm::ArrayRef<Span> ranges);

/// One tensor after another along the axis; reports other extents that differ.
mlir::FailureOr<Tensor> emitConcat(Node &node, llvm::ArrayRef<Tensor> operands,
                                   int64_t axis);

/// What indices may be besides positions.
struct IndexForms {
  /// -1 is the last position, -2 the one before it.
  bool negative = true;
  /// A value that is no index.
  std::optional<int64_t> ignored = {};
};

/// Has the model fail for indices that are not positions in a dimension of
/// extent `extents[0]`; or, for more extents than one, in rows of indices
/// [..., extents.size()] one for each. Those known now are checked now. The
/// code reads elements nonetheless: with `emitSafeIndex` only.
mlir::LogicalResult requireIndices(Node &node, Tensor indices,
                                   llvm::ArrayRef<Extent> extents,
                                   const IndexForms &forms = {});

/// Has the model fail with `message` for integers that are not from 0 to
/// `greatest`. Those known now are checked now.
mlir::LogicalResult requireUpTo(Node &node, Tensor integers,
                                const Extent &greatest,
                                const llvm::Twine &message);

/// Turns round the first elements along axis `time`, 0 or 1, of each entry of
/// the batch, the other of these axes, as many as `lengths` says: from 0 to
/// all.
mlir::FailureOr<Tensor> emitReverseSequence(Node &node, Tensor data,
                                            Tensor lengths, int64_t time);

/// The extents as values, made before a body refers to them.
llvm::SmallVector<mlir::Value> getExtentValues(Node &node,
                                               llvm::ArrayRef<Extent> shape);

/// The only element of a tensor of rank 0 or 1, at run time.
mlir::FailureOr<mlir::Value> emitOnlyElement(Node &node, Tensor tensor);

/// Where along `axis`, which disappears, the greatest (or least) element is:
/// the first of equal ones or the last. NaN is greater and less than all.
mlir::FailureOr<Tensor> emitArgReduction(Node &node, Tensor operand,
                                         int64_t axis, bool isMin,
                                         bool takesLast);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_OPS_INDEXING_H
