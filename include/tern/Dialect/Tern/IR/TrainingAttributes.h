//===- TrainingAttributes.h - Attribute names of training functions -------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_TRAININGATTRIBUTES_H
#define TERN_DIALECT_TERN_IR_TRAININGATTRIBUTES_H

#include "llvm/ADT/StringRef.h"

namespace tern {

/// On a module: it is a training artifact of several entry functions over one
/// state. A dictionary: `loss`, `optimizer`, `fingerprint`.
inline constexpr llvm::StringLiteral kTrainingAttrName = "tern.training";
/// Marks an argument that is optimizer state, by name.
inline constexpr llvm::StringLiteral kStateAttrName = "tern.state";
/// What every element of a state tensor begins with.
inline constexpr llvm::StringLiteral kInitAttrName = "tern.init";
/// On a parameter that is the weights of a layer: how many inputs each of the
/// layer's outputs has.
inline constexpr llvm::StringLiteral kFanInAttrName = "tern.fan_in";
/// Marks a parameter that no gradient trains: a running statistic.
inline constexpr llvm::StringLiteral kBufferAttrName = "tern.buffer";
/// On a result of a loss: what the parameter of this name is after the step.
inline constexpr llvm::StringLiteral kUpdateAttrName = "tern.update";
/// On a prepare function: its results are what parameters begin with, which a
/// weights file may have. It runs if the file has not.
inline constexpr llvm::StringLiteral kInitialAttrName = "tern.initial";
/// Marks an argument that is a 0-d run-time scalar, by name.
inline constexpr llvm::StringLiteral kScalarAttrName = "tern.scalar";
/// The value of a scalar that the host does not give.
inline constexpr llvm::StringLiteral kDefaultAttrName = "tern.default";
/// On a private declaration in a file of optimizers or losses: which function
/// of which other file it stands for, `@file::@function`.
inline constexpr llvm::StringLiteral kFromAttrName = "tern.from";
/// Marks an argument of a loss's function by what it is: "labels" (the number
/// of the right class), "target" or "teacher".
inline constexpr llvm::StringLiteral kRoleAttrName = "tern.role";
/// Marks an argument that is updated in place. Its value is the index of the
/// result that is the new value; unit once `--tern-donate` has tied the two.
inline constexpr llvm::StringLiteral kDonatedAttrName = "tern.donated";
/// On a function: `--tern-rematerialize` is to recompute what the rest needs of
/// the computation of this result, an index, where that is cheap.
inline constexpr llvm::StringLiteral kRecomputeAttrName = "tern.recompute";
/// Marks an operation that computes once more what another did, with a number
/// of its own, so that the two are not united.
inline constexpr llvm::StringLiteral kRecomputedAttrName = "tern.recomputed";

} // namespace tern

#endif // TERN_DIALECT_TERN_IR_TRAININGATTRIBUTES_H
