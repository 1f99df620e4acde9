//===- Extent.h - Symbolic extents ------------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An integer that may depend on extents unknown before run time: a polynomial
// with integer coefficients. Exporters compute shapes in the graph (Shape,
// Gather, Mul, Concat, Reshape); followed through such a chain, an Extent says
// whether two dynamic dimensions are equal.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_SHAPE_EXTENT_H
#define TERN_LIB_IMPORT_ONNX_SHAPE_EXTENT_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace tern::onnx_import {

class Extent {
public:
  /// A coefficient times a product of atoms (unknowns, by number, ascending;
  /// one that is squared stands twice).
  struct Term {
    llvm::SmallVector<unsigned, 2> atoms;
    int64_t coefficient;
    bool operator==(const Term &other) const {
      return atoms == other.atoms && coefficient == other.coefficient;
    }
  };

  Extent() = default; // Zero.
  Extent(int64_t value);
  static Extent atom(unsigned number);

  /// The value, if no atom is involved.
  std::optional<int64_t> getConstant() const;
  bool isConstant(int64_t value) const { return getConstant() == value; }
  /// The atom, if the extent is just one.
  std::optional<unsigned> getAtom() const;
  /// Terms by falling degree. No coefficient is zero.
  llvm::ArrayRef<Term> getTerms() const { return terms; }

  bool operator==(const Extent &other) const { return terms == other.terms; }
  bool operator!=(const Extent &other) const { return !(*this == other); }

  /// Arithmetic. None where a coefficient overflows or the result would be
  /// unreasonably long.
  static std::optional<Extent> add(const Extent &a, const Extent &b);
  static std::optional<Extent> sub(const Extent &a, const Extent &b);
  static std::optional<Extent> mul(const Extent &a, const Extent &b);
  /// a / b if that is a polynomial, that is if it is known to be exact.
  static std::optional<Extent> divExact(const Extent &a, const Extent &b);
  /// Product of all; 1 for none.
  static std::optional<Extent> product(llvm::ArrayRef<Extent> extents);

private:
  static std::optional<Extent> fromTerms(llvm::SmallVectorImpl<Term> &terms);
  llvm::SmallVector<Term, 1> terms;
};

using Extents = llvm::SmallVector<Extent, 0>;

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_SHAPE_EXTENT_H
