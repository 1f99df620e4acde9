//===- Symbols.h - Unknown extents and their values -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_SYMBOLS_H
#define TERN_LIB_IMPORT_ONNX_SYMBOLS_H

#include "Extent.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/StringMap.h"
#include <string>
#include <vector>

namespace tern::onnx_import {

/// The atoms of a model's extents: symbolic dimensions of its inputs, and
/// integers computed from these that are no polynomials, such as a quotient.
/// Gives each extent its SSA value. All code stands in one block, emitted in
/// order, so a value once made can be used ever after.
class Symbols {
public:
  /// The symbolic dimension `name`; dimension `axis` of the input `tensor`
  /// has it, if it is new.
  Extent getInput(llvm::StringRef name, mlir::Value tensor, int64_t axis);
  /// The name of a symbolic dimension of an input, or "" for other extents.
  llvm::StringRef getInputName(const Extent &extent) const;
  /// Names of all symbolic dimensions.
  std::vector<std::string> getInputNames() const;

  /// floor(a / b) for non-negative a and b; none if they are not known to be.
  std::optional<Extent> floorDiv(mlir::ImplicitLocOpBuilder &b,
                                 const Extent &lhs, const Extent &rhs);
  /// An extent that is neither, by the name of a function and what it is of;
  /// `build` makes the value.
  Extent compute(llvm::StringRef function, llvm::ArrayRef<Extent> operands,
                 llvm::function_ref<mlir::Value()> build);
  /// max(a - b, 0) and min(a, b).
  std::optional<Extent> saturatingSub(mlir::ImplicitLocOpBuilder &b,
                                      const Extent &lhs, const Extent &rhs);
  Extent min(mlir::ImplicitLocOpBuilder &b, const Extent &lhs,
             const Extent &rhs);

  /// The values made so far. Code in a region of its own (the body of a loop)
  /// makes values that code after it must not use: save them before and
  /// restore them after. No atoms are to be made in between.
  struct Values {
    llvm::SmallVector<mlir::Value> atoms;
    llvm::StringMap<mlir::Value> extents;
  };
  Values saveValues() const;
  void restoreValues(Values saved);

  /// "batch*4 + 1": for messages.
  std::string describe(const Extent &extent) const;
  /// "[batch, 784]".
  std::string describe(llvm::ArrayRef<Extent> shape) const;

  /// The extent as an index; emits code if need be.
  mlir::Value getValue(mlir::ImplicitLocOpBuilder &b, const Extent &extent);
  mlir::OpFoldResult getFoldResult(mlir::ImplicitLocOpBuilder &b,
                                   const Extent &extent);
  /// Values of those of the extents that are not static.
  llvm::SmallVector<mlir::Value> getDynamic(mlir::ImplicitLocOpBuilder &b,
                                            llvm::ArrayRef<Extent> shape);

  /// What must hold of symbolic dimensions of inputs if two extents are equal.
  struct Solution {
    /// The extents cannot be equal.
    bool isImpossible = false;
    /// The dimension `name`, if not empty, is `value` or, if that is none, the
    /// dimension `other`.
    std::string name, other;
    std::optional<int64_t> value;
  };
  Solution solve(const Extent &lhs, const Extent &rhs) const;

private:
  struct Atom {
    std::string name;
    mlir::Value value;       // Null until needed.
    mlir::Value inputTensor; // The dimension of an input, else null.
    int64_t axis = 0;
  };

  std::vector<Atom> atoms;
  llvm::StringMap<unsigned> numbers;   // Of atoms, by what they are.
  llvm::StringMap<mlir::Value> values; // Of extents, by their key.
};

/// Whether the extent cannot be negative, given that no atom is.
bool isNonNegative(const Extent &extent);

/// The static shape with kDynamic for what is not static.
llvm::SmallVector<int64_t> getStaticShape(llvm::ArrayRef<Extent> shape);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_SYMBOLS_H
