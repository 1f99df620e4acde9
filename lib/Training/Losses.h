//===- Losses.h - Losses as linalg ------------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TRAINING_LOSSES_H
#define TERN_LIB_TRAINING_LOSSES_H

#include "TensorBuilder.h"
#include "llvm/Support/Error.h"
#include <string>

namespace tern {

enum class LossKind { SoftmaxCrossEntropy, MSE, L1, BCEWithLogits, KL, Graph };

/// What a loss compares the output with.
enum class LossInput { None, Labels, Target, Teacher };
LossInput getInput(LossKind kind);

struct LossTerm {
  LossKind kind;
  double weight;
};

/// Parses `[weight *] name + ...`.
llvm::Expected<llvm::SmallVector<LossTerm>> parseLoss(llvm::StringRef text);

struct LossOptions {
  int64_t ignoreIndex;
  double labelSmoothing;
  double temperature;
};

/// The value of one term, a 0-d tensor of f32, for `output` and what it is
/// compared with (null for LossKind::Graph). The formulas are written so that
/// neither they nor their derivatives overflow.
mlir::Value buildLoss(TensorBuilder &b, LossKind kind, mlir::Value output,
                      mlir::Value compared, const LossOptions &options);

} // namespace tern

#endif // TERN_LIB_TRAINING_LOSSES_H
