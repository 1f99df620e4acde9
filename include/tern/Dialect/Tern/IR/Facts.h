//===- Facts.h - Attribute names of facts on operations ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attributes of operations, most of them linalg operations in imported graphs.
// They add nothing to the meaning: where one is lost, a layer stays float, or a
// report says less. `tern.ternary`, as on arguments, says that a weight
// computed from parameters has ternary values.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_FACTS_H
#define TERN_DIALECT_TERN_IR_FACTS_H

#include "llvm/ADT/StringRef.h"

namespace tern {

/// "ascending" or "descending": the result is the first elements of the
/// last input in that order, along its last axis.
inline constexpr llvm::StringLiteral kSortedAttrName = "tern.sorted";
/// The operation has no derivative: what depends on it does so in a way that
/// cancels.
inline constexpr llvm::StringLiteral kDetachedAttrName = "tern.detached";
/// On a ternary layer: "raised" from the model or "converted" on request.
inline constexpr llvm::StringLiteral kOriginAttrName = "tern.origin";
/// On a matrix product: why the layer was not made ternary.
inline constexpr llvm::StringLiteral kFloatReasonAttrName = "tern.float";

} // namespace tern

#endif // TERN_DIALECT_TERN_IR_FACTS_H
