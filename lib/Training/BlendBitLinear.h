//===- BlendBitLinear.h - Ternary layers between float and ternary --------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TRAINING_BLENDBITLINEAR_H
#define TERN_LIB_TRAINING_BLENDBITLINEAR_H

#include "tern/Dialect/Tern/IR/TernOps.h"

namespace tern {

/// Replaces a ternary layer by a float product of operands that are blended
/// with their quantized values: `x + lambda * (quantized x - x)`. `lambda` is
/// a 0-d tensor.
void blendBitLinear(BitLinearOp op, mlir::Value lambda);

} // namespace tern

#endif // TERN_LIB_TRAINING_BLENDBITLINEAR_H
