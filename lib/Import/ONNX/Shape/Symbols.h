//===- Symbols.h - Unknown extents and their values -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_SHAPE_SYMBOLS_H
#define TERN_LIB_IMPORT_ONNX_SHAPE_SYMBOLS_H

#include "Extent.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"
#include <algorithm>
#include <limits>
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

  /// Between which values an extent lies, as far as that follows from those
  /// that its atoms lie between. The least and greatest integer: no bound.
  struct Range {
    int64_t min = std::numeric_limits<int64_t>::min();
    int64_t max = std::numeric_limits<int64_t>::max();
    static Range nonNegative() { return {0}; }
    Range unite(const Range &other) const {
      return {std::min(min, other.min), std::max(max, other.max)};
    }
  };
  Range getRange(const Extent &extent) const;
  /// Whether the extent is known not to be negative; of a difference it is
  /// also found where a minimum or a quotient cancels.
  bool isNonNegative(const Extent &extent) const;
  /// From now on the extent counts as such: the model checks it.
  void assumeNonNegative(const Extent &extent);

  /// What is assumed and computed from here on holds in a branch, which code
  /// outside of it may not rely on. Scopes nest.
  void enterScope();
  void leaveScope();
  /// Atoms from this number on do not exist yet.
  unsigned getNumAtoms() const { return atoms.size(); }
  /// The extent for code outside of the branch that made it, whose atoms have
  /// numbers from `first` on: what is known of those held in the branch.
  Extent leaveScope(mlir::ImplicitLocOpBuilder &b, const Extent &extent,
                    unsigned first);

  /// floor(a / b) for non-negative b, which is taken for 1 where it turns out
  /// to be 0; none if it may be negative, or is 0.
  std::optional<Extent> floorDiv(mlir::ImplicitLocOpBuilder &b,
                                 const Extent &lhs, const Extent &rhs);
  /// a / b rounded towards zero; 0 where b turns out to be 0.
  std::optional<Extent> truncatingDiv(mlir::ImplicitLocOpBuilder &b,
                                      const Extent &lhs, const Extent &rhs);
  /// The remainder of a / b rounded down, which has the sign of b; or, if it
  /// truncates, rounded towards zero, which has the sign of a. 0 where b turns
  /// out to be 0.
  std::optional<Extent> mod(mlir::ImplicitLocOpBuilder &b, const Extent &lhs,
                            const Extent &rhs, bool truncates = false);
  /// An extent that is neither, by the name of a function and what it is of;
  /// `build` makes the value, which lies in the range and is at most each of
  /// `above`.
  Extent compute(llvm::StringRef function, llvm::ArrayRef<Extent> operands,
                 Range range, llvm::function_ref<mlir::Value()> build,
                 llvm::ArrayRef<Extent> above = {});
  /// max(a - b, 0), min(a, b) and max(a, b), of any sign. The first and the
  /// last are written in terms of the second, so that they cancel each other.
  std::optional<Extent> saturatingSub(mlir::ImplicitLocOpBuilder &b,
                                      const Extent &lhs, const Extent &rhs);
  std::optional<Extent> min(mlir::ImplicitLocOpBuilder &b, const Extent &lhs,
                            const Extent &rhs);
  std::optional<Extent> max(mlir::ImplicitLocOpBuilder &b, const Extent &lhs,
                            const Extent &rhs);
  /// The first where the condition, 0 or 1, is 1, else the second.
  Extent select(mlir::ImplicitLocOpBuilder &b, const Extent &condition,
                const Extent &lhs, const Extent &rhs);

  /// Scalar code: emitted by `body`, constants folded and nothing twice. None,
  /// and nothing emitted, if it is more than that: if it reads a tensor, or
  /// asks for a position.
  std::optional<mlir::Value> emitScalar(mlir::ImplicitLocOpBuilder &b,
                                        llvm::function_ref<mlir::Value()> body);
  /// An element of a tensor as a scalar of its type.
  mlir::Value getScalar(mlir::ImplicitLocOpBuilder &b, const Extent &extent,
                        mlir::Type type);
  /// A scalar that `emitScalar` made as an element of a tensor: an atom, unless
  /// it is a constant or an extent in another type. One that is a float is
  /// for `getScalar` alone.
  Extent getExtent(mlir::ImplicitLocOpBuilder &b, mlir::Value scalar,
                   llvm::StringRef function, llvm::ArrayRef<Extent> operands,
                   bool isUnsigned = false);
  /// Whether the element is known, be it that it is no integer.
  bool isConstant(const Extent &extent) const;
  /// Whether the element is a float that is computed.
  bool isFloat(const Extent &extent) const;

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
    Range range = Range::nonNegative();
    /// What the atom, times a positive factor, is at most or at least.
    struct Bound {
      int64_t factor;
      Extent extent;
    };
    llvm::SmallVector<Bound, 0> above = {}, below = {};
    /// It is the least of those above it.
    bool isMinimum = false;
  };

  Atom &getAtom(const Extent &extent) { return atoms[*extent.getAtom()]; }
  bool isNonNegative(const Extent &extent, int depth) const;
  /// The extent in terms of atoms' numbers: unlike their names, not ambiguous
  /// whatever the model calls its dimensions.
  static std::string getKey(const Extent &extent);
  /// The quotient or remainder of a division that rounds towards zero.
  mlir::Value emitSigned(mlir::ImplicitLocOpBuilder &b, const Extent &lhs,
                         const Extent &rhs, bool takesRemainder);

  std::vector<Atom> atoms;
  llvm::StringMap<unsigned> numbers;   // Of atoms, by what they are.
  llvm::StringMap<mlir::Value> values; // Of extents, by their key.
  /// By the difference of their operands: minima, and their first operands.
  llvm::StringMap<std::pair<Extent, Extent>> minima;
  llvm::StringSet<> nonNegatives; // Extents assumed to be, by their key.
  /// What was before a branch, or is to be forgotten after it.
  struct Scope {
    llvm::SmallVector<std::pair<unsigned, Range>> ranges;
    std::vector<std::string> numbers, minima, nonNegatives;
  };
  std::vector<Scope> scopes;

  struct ScalarInfo : llvm::DenseMapInfo<mlir::Operation *> {
    static unsigned getHashValue(const mlir::Operation *op);
    static bool isEqual(const mlir::Operation *lhs, const mlir::Operation *rhs);
  };
  llvm::DenseSet<mlir::Operation *, ScalarInfo> scalars;
  llvm::DenseMap<mlir::Value, Extent> scalarAtoms;
  llvm::DenseMap<mlir::Value, Extent> extents; // By their values.
};

/// The static shape with kDynamic for what is not static.
llvm::SmallVector<int64_t> getStaticShape(llvm::ArrayRef<Extent> shape);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_SHAPE_SYMBOLS_H
