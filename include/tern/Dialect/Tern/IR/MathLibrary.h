//===- MathLibrary.h - Functions left to code generators --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_MATHLIBRARY_H
#define TERN_DIALECT_TERN_IR_MATHLIBRARY_H

#include "mlir/IR/Operation.h"

namespace tern {

/// An operation of `math`, or `arith.remf`, of which a target's code generator
/// makes instructions or a call of a library.
struct MathFunction {
  enum Types : unsigned { F32 = 1, F64 = 2, Floats = 3, Integers = 4 };
  llvm::StringLiteral operation;
  /// Of its first operand.
  unsigned types;
};

/// What every target with IEEE 754 arithmetic has: choices, roundings to
/// integers, square roots, which are right to the last bit, and fused
/// multiply-adds.
llvm::ArrayRef<MathFunction> getCoreMath();

/// That, and what C's library of mathematics has.
llvm::ArrayRef<MathFunction> getLibraryMath();

/// Whether an operation is in the list. f16 and bf16 are computed in f32.
bool hasMathFunction(llvm::ArrayRef<MathFunction> functions,
                     mlir::Operation *op);

} // namespace tern

#endif // TERN_DIALECT_TERN_IR_MATHLIBRARY_H
