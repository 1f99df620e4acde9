//===- TrainingForm.h - tern.in_training for training -----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TRAINING_TRAININGFORM_H
#define TERN_LIB_TRAINING_TRAININGFORM_H

#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace tern {

/// Makes of a copy of a model what it computes in a step of training: decides
/// each `tern.in_training`, turns `tern.update_parameter` into results with
/// `tern.update`, and draws masks by the scalars `seed` and `step`, arguments
/// that are inserted at `index` if there are masks.
llvm::LogicalResult enterTraining(mlir::func::FuncOp loss, unsigned index);

/// Inserts an argument that is a run-time scalar, a 0-d tensor. `init`, the
/// value that it has if the host gives none, may be null.
mlir::Value addScalar(mlir::func::FuncOp function, unsigned index,
                      llvm::StringRef name, mlir::Type type,
                      mlir::Attribute init);

} // namespace tern

#endif // TERN_LIB_TRAINING_TRAININGFORM_H
