//===- Symbols.cpp - Unknown extents and their values ---------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Symbols.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <limits>

using namespace mlir;
using namespace tern::onnx_import;

SmallVector<int64_t> tern::onnx_import::getStaticShape(ArrayRef<Extent> shape) {
  return llvm::map_to_vector(shape, [](const Extent &extent) {
    return extent.getConstant().value_or(ShapedType::kDynamic);
  });
}

std::string Symbols::getKey(const Extent &extent) {
  std::string key;
  llvm::raw_string_ostream os(key);
  for (const Extent::Term &term : extent.getTerms()) {
    os << '+' << term.coefficient;
    for (unsigned atom : term.atoms)
      os << '*' << atom;
  }
  return key;
}

Extent Symbols::getInput(StringRef name, Value tensor, int64_t axis) {
  auto [entry, isNew] =
      numbers.try_emplace(("dim " + name).str(), atoms.size());
  if (isNew)
    atoms.push_back({name.str(), nullptr, tensor, axis});
  return Extent::atom(entry->second);
}

StringRef Symbols::getInputName(const Extent &extent) const {
  std::optional<unsigned> atom = extent.getAtom();
  return atom && atoms[*atom].inputTensor ? StringRef(atoms[*atom].name) : "";
}

std::vector<std::string> Symbols::getInputNames() const {
  std::vector<std::string> names;
  for (const Atom &atom : atoms)
    if (atom.inputTensor)
      names.push_back(atom.name);
  return names;
}

Symbols::Solution Symbols::solve(const Extent &lhs, const Extent &rhs) const {
  Solution solution;
  std::optional<Extent> difference = Extent::sub(lhs, rhs);
  if (!difference)
    return solution;
  if (std::optional<int64_t> constant = difference->getConstant()) {
    solution.isImpossible = *constant != 0;
    return solution;
  }
  ArrayRef<Extent::Term> terms = difference->getTerms();
  auto getName = [&](const Extent::Term &term) {
    return term.atoms.size() == 1 ? getInputName(Extent::atom(term.atoms[0]))
                                  : StringRef();
  };
  // c * x + k = 0, or c * x - c * y = 0.
  int64_t c = terms[0].coefficient;
  if (terms.size() > 2 || c == std::numeric_limits<int64_t>::min())
    return solution;
  StringRef name = getName(terms[0]);
  if (terms.size() == 1 || terms[1].atoms.empty()) {
    int64_t k = terms.size() == 1 ? 0 : terms[1].coefficient;
    if (k == std::numeric_limits<int64_t>::min())
      return solution;
    bool isOne = terms[0].atoms.size() == 1;
    solution.isImpossible =
        k % c != 0 || (isOne && -(k / c) < atoms[terms[0].atoms[0]].range.min);
    if (!name.empty() && !solution.isImpossible) {
      solution.name = name;
      solution.value = -(k / c);
    }
  } else if (StringRef other = getName(terms[1]);
             !name.empty() && !other.empty() && terms[1].coefficient == -c) {
    // The later one becomes the earlier.
    bool isLater = terms[0].atoms[0] > terms[1].atoms[0];
    solution.name = isLater ? name : other;
    solution.other = isLater ? other : name;
  }
  return solution;
}

Symbols::Values Symbols::saveValues() const {
  return {llvm::map_to_vector(atoms, [](const Atom &a) { return a.value; }),
          values};
}

void Symbols::restoreValues(Values saved) {
  for (auto [atom, value] : llvm::zip_equal(atoms, saved.atoms))
    atom.value = value;
  values = std::move(saved.extents);
}

std::string Symbols::describe(const Extent &extent) const {
  std::string text;
  llvm::raw_string_ostream os(text);
  llvm::interleave(
      extent.getTerms(), os,
      [&](const Extent::Term &term) {
        llvm::interleave(
            term.atoms, os, [&](unsigned atom) { os << atoms[atom].name; },
            "*");
        if (term.atoms.empty())
          os << term.coefficient;
        else if (term.coefficient != 1)
          os << '*' << term.coefficient;
      },
      " + ");
  return text.empty() ? "0" : text;
}

std::string Symbols::describe(ArrayRef<Extent> shape) const {
  std::string text = "[";
  llvm::raw_string_ostream os(text);
  llvm::interleaveComma(shape, os,
                        [&](const Extent &extent) { os << describe(extent); });
  os << ']';
  return text;
}

Value Symbols::getValue(ImplicitLocOpBuilder &b, const Extent &extent) {
  std::string key = getKey(extent);
  if (Value value = values.lookup(key))
    return value;
  auto keep = [&](Value value) {
    if (!extent.getConstant())
      extents.try_emplace(value, extent);
    return values[key] = value;
  };
  if (std::optional<int64_t> constant = extent.getConstant())
    return keep(arith::ConstantIndexOp::create(b, *constant));
  if (std::optional<unsigned> number = extent.getAtom()) {
    Atom &atom = atoms[*number];
    if (!atom.value)
      atom.value = tensor::DimOp::create(
          b, atom.inputTensor,
          arith::ConstantIndexOp::create(b, atom.axis).getResult());
    return keep(atom.value);
  }
  // What is added first, then what is subtracted.
  Value sum;
  auto addTerm = [&](const Extent::Term &term, bool isSubtracted) {
    Value product;
    auto multiply = [&](const Extent &factor) {
      Value next = getValue(b, factor);
      product = product ? arith::MulIOp::create(b, product, next) : next;
    };
    for (unsigned atom : term.atoms)
      multiply(Extent::atom(atom));
    int64_t coefficient = isSubtracted ? -term.coefficient : term.coefficient;
    if (coefficient != 1 || term.atoms.empty())
      multiply(coefficient);
    if (isSubtracted)
      sum = arith::SubIOp::create(b, sum, product);
    else
      sum = sum ? arith::AddIOp::create(b, sum, product) : product;
  };
  SmallVector<const Extent::Term *> subtracted;
  for (const Extent::Term &term : extent.getTerms()) {
    if (term.coefficient > std::numeric_limits<int64_t>::min() &&
        term.coefficient < 0)
      subtracted.push_back(&term);
    else
      addTerm(term, /*isSubtracted=*/false);
  }
  if (!sum)
    sum = getValue(b, Extent(0));
  for (const Extent::Term *term : subtracted)
    addTerm(*term, /*isSubtracted=*/true);
  return keep(sum);
}

OpFoldResult Symbols::getFoldResult(ImplicitLocOpBuilder &b,
                                    const Extent &extent) {
  if (std::optional<int64_t> constant = extent.getConstant())
    return b.getIndexAttr(*constant);
  return getValue(b, extent);
}

SmallVector<Value> Symbols::getDynamic(ImplicitLocOpBuilder &b,
                                       ArrayRef<Extent> shape) {
  SmallVector<Value> result;
  for (const Extent &extent : shape)
    if (!extent.getConstant())
      result.push_back(getValue(b, extent));
  return result;
}
