//===- Attention.h - Split and join heads of attention ----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_OPS_ATTENTION_H
#define TERN_LIB_IMPORT_ONNX_OPS_ATTENTION_H

#include "Node.h"

namespace tern::onnx_import {

/// [batch, positions, heads * size] as [batch, heads, positions, size]; what
/// has four dimensions is that already. `name` is the input's, for messages.
mlir::FailureOr<Tensor> splitHeads(Node &node, const Tensor &x, int64_t heads,
                                   const char *name);

/// The inverse, if `rank` is 3.
mlir::FailureOr<Tensor> joinHeads(Node &node, Tensor x, int64_t rank);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_OPS_ATTENTION_H
