//===- Formulas.h - Match clip, round, residues -----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TERNARY_FORMULAS_H
#define TERN_LIB_TERNARY_FORMULAS_H

#include "Element.h"
#include "tern/Dialect/Tern/IR/TernAttributes.h"
#include <limits>

namespace tern {

/// `value`, clipped.
struct Clip {
  Element value;
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

/// Constant bounds in any order and number; nothing if there are none.
std::optional<Clip> matchClip(Element element);

/// What is rounded, and how.
std::optional<std::pair<Element, Rounding>> matchRound(Element element);

/// q in the straight-through residue v + (q - v), else the element itself.
/// Rounding aside, the value does not depend on v.
Element stripResidue(Element element);

/// x in sign(x), as comparisons and selects.
std::optional<Element> matchSign(Element element);

/// A comparison `left > right` or `left >= right`, whichever way it is written.
struct Comparison {
  Element left, right;
  bool isStrict;
};

std::optional<Comparison> matchComparison(Element element);

} // namespace tern

#endif // TERN_LIB_TERNARY_FORMULAS_H
