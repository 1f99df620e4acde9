//===- Indexing.h - Elements at computed positions --------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_INDEXING_H
#define TERN_LIB_IMPORT_ONNX_INDEXING_H

#include "Node.h"

namespace tern::onnx_import {

/// An index of any integer type, counted from the end if negative, and clamped:
/// memory outside of the tensor is not touched whatever the model is fed.
mlir::Value emitSafeIndex(mlir::ImplicitLocOpBuilder &b, mlir::Value index,
                          mlir::Value extent);

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

#endif // TERN_LIB_IMPORT_ONNX_INDEXING_H
