//===- Extent.cpp - Symbolic extents --------------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Extent.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"
#include <limits>

using namespace tern::onnx_import;

// Bounds on the size of a polynomial: real shapes have a handful of terms.
static constexpr size_t maxTerms = 128;
static constexpr size_t maxDegree = 16;

/// A monomial order: by degree, then lexicographic. It is compatible with
/// multiplication, which makes the division below terminate.
static bool isBefore(const Extent::Term &a, const Extent::Term &b) {
  if (a.atoms.size() != b.atoms.size())
    return a.atoms.size() > b.atoms.size();
  return a.atoms < b.atoms;
}

Extent::Extent(int64_t value) {
  if (value != 0)
    terms.push_back({{}, value});
}

Extent Extent::atom(unsigned number) {
  Extent result;
  result.terms.push_back({{number}, 1});
  return result;
}

std::optional<int64_t> Extent::getConstant() const {
  if (terms.empty())
    return 0;
  if (terms.size() == 1 && terms[0].atoms.empty())
    return terms[0].coefficient;
  return std::nullopt;
}

std::optional<unsigned> Extent::getAtom() const {
  if (terms.size() == 1 && terms[0].atoms.size() == 1 &&
      terms[0].coefficient == 1)
    return terms[0].atoms[0];
  return std::nullopt;
}

std::optional<Extent> Extent::fromTerms(llvm::SmallVectorImpl<Term> &terms) {
  llvm::sort(terms, isBefore);
  Extent result;
  for (Term &term : terms) {
    if (term.atoms.size() > maxDegree)
      return std::nullopt;
    if (!result.terms.empty() && result.terms.back().atoms == term.atoms) {
      int64_t &sum = result.terms.back().coefficient;
      if (llvm::AddOverflow(sum, term.coefficient, sum))
        return std::nullopt;
    } else {
      result.terms.push_back(std::move(term));
    }
  }
  llvm::erase_if(result.terms,
                 [](const Term &term) { return term.coefficient == 0; });
  if (result.terms.size() > maxTerms)
    return std::nullopt;
  return result;
}

std::optional<Extent> Extent::add(const Extent &a, const Extent &b) {
  llvm::SmallVector<Term> terms(a.terms);
  terms.append(b.terms.begin(), b.terms.end());
  return fromTerms(terms);
}

std::optional<Extent> Extent::sub(const Extent &a, const Extent &b) {
  std::optional<Extent> negated = mul(b, -1);
  return negated ? add(a, *negated) : std::nullopt;
}

std::optional<Extent> Extent::mul(const Extent &a, const Extent &b) {
  llvm::SmallVector<Term> terms;
  for (const Term &x : a.terms) {
    for (const Term &y : b.terms) {
      Term term = x;
      term.atoms.append(y.atoms.begin(), y.atoms.end());
      llvm::sort(term.atoms);
      if (llvm::MulOverflow(x.coefficient, y.coefficient, term.coefficient))
        return std::nullopt;
      terms.push_back(std::move(term));
    }
  }
  return fromTerms(terms);
}

/// Divides one term by another, if that is possible without remainder.
static std::optional<Extent::Term> divTerm(const Extent::Term &a,
                                           const Extent::Term &b) {
  if (b.coefficient == -1 &&
      a.coefficient == std::numeric_limits<int64_t>::min())
    return std::nullopt;
  if (a.coefficient % b.coefficient != 0)
    return std::nullopt;
  Extent::Term result{{}, a.coefficient / b.coefficient};
  const unsigned *next = b.atoms.begin();
  for (unsigned atom : a.atoms) {
    if (next != b.atoms.end() && *next == atom)
      ++next;
    else
      result.atoms.push_back(atom);
  }
  if (next != b.atoms.end())
    return std::nullopt;
  return result;
}

std::optional<Extent> Extent::divExact(const Extent &a, const Extent &b) {
  if (b.terms.empty())
    return std::nullopt;
  // Long division by the leading term.
  Extent quotient, rest = a;
  for (size_t step = 0; !rest.terms.empty(); ++step) {
    std::optional<Term> term = divTerm(rest.terms.front(), b.terms.front());
    if (!term || step > maxTerms)
      return std::nullopt;
    Extent factor;
    factor.terms.push_back(*term);
    std::optional<Extent> product = mul(factor, b);
    if (!product)
      return std::nullopt;
    std::optional<Extent> newRest = sub(rest, *product);
    std::optional<Extent> newQuotient = add(quotient, factor);
    if (!newRest || !newQuotient)
      return std::nullopt;
    rest = *newRest;
    quotient = *newQuotient;
  }
  return quotient;
}

std::optional<Extent> Extent::product(llvm::ArrayRef<Extent> extents) {
  Extent result = 1;
  for (const Extent &extent : extents) {
    std::optional<Extent> next = mul(result, extent);
    if (!next)
      return std::nullopt;
    result = *next;
  }
  return result;
}
