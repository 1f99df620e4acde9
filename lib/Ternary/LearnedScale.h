//===- LearnedScale.h - Add parameters for learned scales -------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TERNARY_LEARNEDSCALE_H
#define TERN_LIB_TERNARY_LEARNEDSCALE_H

#include "tern/Dialect/Tern/IR/TernOps.h"

namespace tern {

/// Its scales are what those of a quantizer that learns them begin with: the
/// mean of the absolute values, by the same granularity.
WeightQuantizerAttr getInitialQuantizer(WeightQuantizerAttr learned);

/// Gives a layer whose quantizer is `getInitialQuantizer(learned)` the
/// quantizer `learned`, and its function a parameter for the scale: `fc1.alpha`
/// if the weights are `fc1.weight`. A prepare function, `tern.initial`,
/// computes from the weights what it begins with.
void addLearnedScale(BitLinearOp layer, WeightQuantizerAttr learned,
                     llvm::StringRef weightName);

} // namespace tern

#endif // TERN_LIB_TERNARY_LEARNEDSCALE_H
