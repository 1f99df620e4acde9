//===- Losses.h - Losses as MLIR files --------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TRAINING_LOSSES_H
#define TERN_LIB_TRAINING_LOSSES_H

#include "FunctionFile.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"

namespace tern {

/// One term of a loss: a file of `losses/`, the user's, or `graph`, which is
/// code: the model's output is the loss.
struct LossTerm {
  /// As it was given, but without a folder.
  std::string text;
  double weight = 1;
  FunctionFile file;
  /// Whether the file was given by its path.
  bool isUsers = false;
  /// `@loss(output, ...) -> tensor<f32>` of the file, null for `graph`. The
  /// output is tensor<?x?xf32>, rows of logits: all axes but the last are one.
  /// Of the other arguments some are what it is compared with (`tern.role`),
  /// the others options (`tern.scalar`, `tern.default`).
  mlir::func::FuncOp function;
  /// What the options are, by argument.
  llvm::SmallVector<mlir::TypedAttr> options;

  bool isGraph() const { return !function; }
  /// Whether the output is compared with "labels", "target" or "teacher".
  bool takes(llvm::StringRef role) const;
  /// The value of an option; null if there is none of this name.
  mlir::TypedAttr getOption(llvm::StringRef name) const;
};

/// `name=value` of options. Of those that are named one by one in commands, no
/// loss needs to have any: they are not required.
struct LossOption {
  std::string name, value;
  bool isRequired = true;
};

/// Reads the files of `[weight *] name + ...` and sets their options. Errors
/// are reported.
llvm::FailureOr<std::vector<LossTerm>>
loadLosses(llvm::StringRef text, llvm::ArrayRef<LossOption> options,
           mlir::MLIRContext *context);

/// The value of one term that is not `graph`, a 0-d tensor of f32, inlined
/// before the builder's place. `operands` are those of its function, null where
/// the options are. What options alone decide is decided: branches are taken
/// and assertions (`cf.assert`) checked; one that fails is reported.
llvm::FailureOr<mlir::Value> buildLoss(TensorBuilder &b, const LossTerm &term,
                                       llvm::ArrayRef<mlir::Value> operands);

} // namespace tern

#endif // TERN_LIB_TRAINING_LOSSES_H
