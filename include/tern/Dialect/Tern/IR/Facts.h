//===- Facts.h - What is known of an operation's result ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attributes of linalg operations in imported graphs. They add nothing to the
// meaning: where one is lost, a layer stays float. `tern.ternary`, as on
// arguments, says that a weight computed from parameters has ternary values.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_FACTS_H
#define TERN_DIALECT_TERN_IR_FACTS_H

#include "llvm/ADT/StringRef.h"

namespace tern {

/// "ascending" or "descending": the result is the first elements of the
/// last input in that order, along its last axis.
inline constexpr llvm::StringLiteral kSortedAttrName = "tern.sorted";

} // namespace tern

#endif // TERN_DIALECT_TERN_IR_FACTS_H
