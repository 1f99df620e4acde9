//===- Pooling.h - Build AveragePool ----------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_OPS_POOLING_H
#define TERN_LIB_IMPORT_ONNX_OPS_POOLING_H

#include "Node.h"

namespace tern::onnx_import {

/// The AveragePool of a node's attributes, of floats.
mlir::FailureOr<Tensor> emitAveragePool(Node &node, const Tensor &x);

/// Each of the axes from the third on reduced to one element.
mlir::FailureOr<Tensor> emitGlobalPool(
    Node &node, const Tensor &x,
    mlir::FailureOr<Tensor> (Node::*reduce)(Tensor, llvm::ArrayRef<int64_t>));

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_OPS_POOLING_H
