//===- BlendBitLinear.h - Ternary layers for lambda below 1 ---------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TRAINING_BLENDBITLINEAR_H
#define TERN_LIB_TRAINING_BLENDBITLINEAR_H

#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"

namespace tern {

/// The value of ternarized weights: codes times their scales. `alpha` is the
/// learned scale, or null.
mlir::Value buildDequantized(TensorBuilder &b, mlir::Value weight,
                             mlir::Value alpha, WeightQuantizerAttr quantizer);

/// The linear layer `x . weight^T (+ bias)` in float, as a tensor of `type`:
/// x [..., K], weight [N, K].
mlir::Value buildLinear(TensorBuilder &b, mlir::Value x, mlir::Value weight,
                        mlir::Value bias, mlir::Type type);

/// Replaces a ternary layer by a float product of operands that are blended
/// with their quantized values: `x + lambda * (quantized x - x)`. `lambda` is
/// a 0-d tensor.
void blendBitLinear(BitLinearOp op, mlir::Value lambda);

} // namespace tern

#endif // TERN_LIB_TRAINING_BLENDBITLINEAR_H
