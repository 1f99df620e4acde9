//===- BufferAttributes.h - Attribute names at levels buffers, llvm -------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_BUFFERATTRIBUTES_H
#define TERN_DIALECT_TERN_IR_BUFFERATTRIBUTES_H

#include "llvm/ADT/StringRef.h"

namespace tern {

/// Marks the arguments that `--tern-results-to-destinations` made of results.
inline constexpr llvm::StringLiteral kResultAttrName = "tern.result";
/// Marks the trailing argument that holds a function's scratch memory.
inline constexpr llvm::StringLiteral kArenaAttrName = "tern.arena";
/// On a `func.call`: the callee's iteration range may be split among threads.
/// The value is the label that profiles show.
inline constexpr llvm::StringLiteral kParallelAttrName = "tern.parallel";
/// On a `func.call`: the callee was cut out of the caller to be compiled by
/// itself, and no other call has it.
inline constexpr llvm::StringLiteral kPartAttrName = "tern.part";
/// On a function: what its shapes function returns after the extents is whether
/// these hold, messages in an array.
inline constexpr llvm::StringLiteral kChecksAttrName = "tern.checks";
/// On a function: what its marked result, a tensor<i32>, numbers from 1:
/// messages of checks of elements, in an array. 0 says that all hold.
inline constexpr llvm::StringLiteral kElementChecksAttrName =
    "tern.element_checks";
inline constexpr llvm::StringLiteral kFailedCheckAttrName = "tern.failed_check";
/// On a module at level `llvm`: what the artifact's signature says, as a
/// dictionary; and the same of its prepare functions, as an array.
inline constexpr llvm::StringLiteral kInterfaceAttrName = "tern.interface";
inline constexpr llvm::StringLiteral kPreparesAttrName = "tern.prepares";
/// On a module at level `llvm`: an array of `#tern.kernel`, by their numbers in
/// the artifact's device table.
inline constexpr llvm::StringLiteral kKernelsAttrName = "tern.kernels";
/// On a module: the level of IR it is at. Missing means `graph`.
inline constexpr llvm::StringLiteral kLevelAttrName = "tern.level";

} // namespace tern

#endif // TERN_DIALECT_TERN_IR_BUFFERATTRIBUTES_H
