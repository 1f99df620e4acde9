//===- Convolution.h - Build convolutions -----------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_OPS_CONVOLUTION_H
#define TERN_LIB_IMPORT_ONNX_OPS_CONVOLUTION_H

#include "Windows.h"

namespace tern::onnx_import {

/// The Conv of a node's attributes, of operands of one float type or of i32.
mlir::FailureOr<Tensor> emitConv(Node &node, Tensor x, Tensor weight,
                                 std::optional<Tensor> bias);

/// A convolution of an input that is padded already with a weight
/// [O, C / groups, kernel...] and perhaps a bias [O].
mlir::FailureOr<Tensor> emitConvolution(Node &node, Tensor padded,
                                        Tensor weight,
                                        std::optional<Tensor> bias,
                                        int64_t groups, const Window &window);

/// The extents of a weight from the third on; reports if attribute
/// kernel_shape says otherwise.
mlir::FailureOr<Extents> getKernelShape(Node &node, const Tensor &weight);

/// Whether ranks, channels of the input and groups fit.
mlir::LogicalResult checkConvolution(Node &node, const Tensor &x,
                                     const Tensor &weight,
                                     const Extent &channels, int64_t groups);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_OPS_CONVOLUTION_H
