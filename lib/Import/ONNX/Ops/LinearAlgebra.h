//===- LinearAlgebra.h - Build Gemm -----------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_OPS_LINEARALGEBRA_H
#define TERN_LIB_IMPORT_ONNX_OPS_LINEARALGEBRA_H

#include "Node.h"

namespace tern::onnx_import {

/// alpha * op(A) . op(B) + beta * C of a node's first inputs and attributes.
mlir::FailureOr<Tensor> emitGemm(Node &node);

/// sum + the product of the factors, which become the sum's type first: the
/// body of a matrix product.
mlir::Value emitProductSum(mlir::ImplicitLocOpBuilder &b,
                           mlir::ValueRange factors, mlir::Value sum);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_OPS_LINEARALGEBRA_H
