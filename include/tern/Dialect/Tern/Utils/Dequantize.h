//===- Dequantize.h - What codes of quantizers are --------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_UTILS_DEQUANTIZE_H
#define TERN_DIALECT_TERN_UTILS_DEQUANTIZE_H

#include "tern/Dialect/Tern/Utils/Elementwise.h"

namespace tern {

/// `(codes - zero) * scale`, f32, of codes of `sizes`. `scales` says of each
/// where its scale stands; `zero` is 0-d, or null for 0.
mlir::Value dequantize(TensorBuilder &b, TensorBuilder::Sizes sizes,
                       mlir::Value codes, mlir::Value scale,
                       mlir::AffineMap scales, mlir::Value zero = nullptr);

/// What remains of x [..., K] once it is quantized, in x's shape.
mlir::Value quantizeAndBack(TensorBuilder &b, mlir::Value x,
                            ActivationQuantizerAttr quantizer);

/// Where the scale of weight (n, k) stands.
mlir::AffineMap getScaleMap(WeightQuantizerAttr quantizer);

} // namespace tern

#endif // TERN_DIALECT_TERN_UTILS_DEQUANTIZE_H
