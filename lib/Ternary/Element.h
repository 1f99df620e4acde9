//===- Element.h - Tensor elements as scalar expressions --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Looks at a graph of linalg operations the way one would read the formula it
// came from: an element of a tensor at a position is a scalar operation on
// elements of other tensors. Operations that only move elements (transposes,
// broadcasts, reshapes, fills) disappear into the position, so a pattern is
// written once, however its operands were reshaped, captured or fused.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TERNARY_ELEMENT_H
#define TERN_LIB_TERNARY_ELEMENT_H

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Value.h"
#include <optional>

namespace tern {

/// A scalar as a function of a position: the element of the tensor `value` at
/// the indices that `map` computes, or the scalar `value` in the body of a
/// linalg operation at the loops that `map` computes, or any other scalar, for
/// which `map` has no results. The dimensions of `map` are the position.
struct Element {
  mlir::Value value;
  mlir::AffineMap map;

  /// The element of a ranked tensor at its own indices.
  static Element get(mlir::Value tensor);

  unsigned getNumDims() const { return map.getNumDims(); }
  bool isTensor() const;
  bool operator==(const Element &other) const {
    return value == other.value && map == other.map;
  }
  bool operator!=(const Element &other) const { return !(*this == other); }
};

/// The same element in the tensor it comes from unchanged, as far back as can
/// be told. Indices of extent 1 are 0.
Element getSource(Element element);

/// All tensors that hold the element, from itself to its source.
llvm::SmallVector<Element> getTensors(Element element);

/// The same element as a scalar: where it is computed, else its source.
Element getScalar(Element element);

/// The operation that computes the element, or null.
mlir::Operation *getComputation(Element element);

/// Operand `index` of the operation that computes the element.
Element getOperand(Element element, unsigned index);

/// The element's value, if it is the same everywhere and known.
std::optional<double> getConstant(Element element);

/// Whether two elements over the same position are the same value: the same
/// computation of the same elements.
bool isSame(Element a, Element b);

/// A reduction and what it folds.
struct Reduction {
  enum Kind { Sum, Max, Min } kind;
  /// What it starts from.
  double init;
  /// Over the position of the reduction's result, then the reduced loops.
  Element input;
  /// Extents of the reduced loops.
  llvm::SmallVector<int64_t, 2> extents;
};

/// The reduction of which the element is a result. A sum starts from 0, a
/// maximum from a number that is not positive, a minimum from one that is not
/// negative.
std::optional<Reduction> getReduction(Element element);

//===----------------------------------------------------------------------===//
// Matching
//===----------------------------------------------------------------------===//

/// Operand of the OpTy that computes the element.
template <typename... OpTy> std::optional<Element> matchUnary(Element element) {
  if (mlir::isa_and_nonnull<OpTy...>(getComputation(element)))
    return getOperand(element, 0);
  return std::nullopt;
}

/// Operands of the OpTy that computes the element.
template <typename... OpTy>
std::optional<std::pair<Element, Element>> matchBinary(Element element) {
  if (mlir::isa_and_nonnull<OpTy...>(getComputation(element)))
    return std::pair(getOperand(element, 0), getOperand(element, 1));
  return std::nullopt;
}

/// The other operand and the value, if one operand of the commutative OpTy
/// that computes the element is constant.
template <typename... OpTy>
std::optional<std::pair<Element, double>> matchWithConstant(Element element) {
  if (auto operands = matchBinary<OpTy...>(element)) {
    if (std::optional<double> value = getConstant(operands->second))
      return std::pair(operands->first, *value);
    if (std::optional<double> value = getConstant(operands->first))
      return std::pair(operands->second, *value);
  }
  return std::nullopt;
}

/// A product of powers of elements, `factor * base0^power0 * ...`, with float
/// casts left out. Bases are neither constants, products nor quotients.
struct Monomial {
  double factor = 1;
  llvm::SmallVector<std::pair<Element, int>, 2> bases;

  /// `factor * base^power`.
  bool isPower(int power) const {
    return bases.size() == 1 && bases[0].second == power;
  }
  Monomial getInverse() const;
};

Monomial getMonomial(Element element);

/// Whether the two are equal up to `factor`s' rounding.
bool isSame(const Monomial &a, const Monomial &b);

/// Whether constants are equal but for their rounding.
bool isClose(double a, double b);

/// Indices into a tensor of that type, for indices into the matrix that its
/// dimensions from the second on are the columns of. Null if an extent that
/// matters is dynamic.
mlir::AffineMap splitColumns(mlir::AffineMap map, mlir::RankedTensorType type);

/// The number with the fewest decimal digits that is `value` in f32: what was
/// written in the program that `value` comes from.
double getShortestF32(double value);

} // namespace tern

#endif // TERN_LIB_TERNARY_ELEMENT_H
