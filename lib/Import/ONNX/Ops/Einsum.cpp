//===- Einsum.cpp - Einsum ------------------------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "LinearAlgebra.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"
#include <map>

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

namespace {
/// The loops of an equation, each a letter or a dimension of the ellipsis.
struct Loops {
  /// Loop numbers: letters, and ellipsis dimensions counted from the last.
  std::map<char, unsigned> letters;
  std::vector<unsigned> ellipsis;
  Extents extents;

  /// The loops of a term, which stands for an operand of that rank.
  std::optional<SmallVector<unsigned>> read(StringRef term, int64_t rank);
};
} // namespace

static bool isLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::optional<SmallVector<unsigned>> Loops::read(StringRef term, int64_t rank) {
  SmallVector<unsigned> loops;
  int64_t numLetters = llvm::count_if(term, isLetter);
  while (!term.empty()) {
    if (term.consume_front("...")) {
      int64_t count = rank - numLetters;
      if (count < 0 || term.contains('.'))
        return std::nullopt;
      while (static_cast<int64_t>(ellipsis.size()) < count) {
        ellipsis.push_back(extents.size());
        extents.push_back(1);
      }
      for (int64_t i = count; i-- > 0;)
        loops.push_back(ellipsis[i]);
      continue;
    }
    if (!isLetter(term.front()))
      return std::nullopt;
    auto [entry, isNew] = letters.try_emplace(
        term.front(), static_cast<unsigned>(extents.size()));
    if (isNew)
      extents.push_back(1);
    loops.push_back(entry->second);
    term = term.drop_front();
  }
  if (static_cast<int64_t>(loops.size()) != rank)
    return std::nullopt;
  return loops;
}

/// Letters that stand once, in alphabetical order, are the output if the
/// equation names none.
static std::string getImplicitOutput(StringRef inputs) {
  std::map<char, int> counts;
  for (char c : inputs)
    if (isLetter(c))
      ++counts[c];
  std::string output = inputs.contains("...") ? "..." : "";
  for (auto [letter, count] : counts)
    if (count == 1)
      output += letter;
  return output;
}

namespace {
/// An equation read for its operands.
struct Equation {
  Loops loops;
  /// The loops of each operand's dimensions, and of the result's.
  SmallVector<SmallVector<unsigned>> operands;
  SmallVector<unsigned> result;
};
} // namespace

/// Takes over the extents of an operand with these loops: dimensions of one
/// letter are equal, but for those known to be 1.
static LogicalResult matchExtents(Node &node, Loops &loops,
                                  ArrayRef<unsigned> own,
                                  ArrayRef<Extent> shape) {
  for (auto [loop, extent] : llvm::zip_equal(own, shape)) {
    Extent &known = loops.extents[loop];
    if (known.isConstant(1)) {
      known = extent;
    } else if (!extent.isConstant(1)) {
      if (failed(node.require(known, extent,
                              "shapes " + node.describe(known) + " and " +
                                  node.describe(extent) + " do not match")))
        return failure();
      if (extent.getConstant())
        known = extent;
    }
  }
  return success();
}

static FailureOr<Equation> readEquation(Node &node, ArrayRef<Tensor> operands,
                                        std::string equation) {
  llvm::erase(equation, ' ');
  auto bad = [&] {
    return node.error("cannot understand equation " + quote(equation) +
                      " for these operands");
  };
  size_t arrow = equation.find("->");
  std::string left = equation.substr(0, arrow);
  std::string right = arrow == std::string::npos ? getImplicitOutput(left)
                                                 : equation.substr(arrow + 2);
  SmallVector<StringRef> terms;
  StringRef(left).split(terms, ',');
  if (terms.size() != operands.size())
    return bad();
  Equation result;
  Loops &loops = result.loops;
  for (auto [term, operand] : llvm::zip_equal(terms, operands)) {
    std::optional<SmallVector<unsigned>> read =
        loops.read(term, operand.getRank());
    if (!read)
      return bad();
    if (failed(matchExtents(node, loops, *read, operand.shape)))
      return failure();
    result.operands.push_back(*read);
  }
  // What the output has must be in the operands, once.
  int64_t outRank =
      llvm::count_if(right, isLetter) +
      (StringRef(right).contains("...") ? loops.ellipsis.size() : 0);
  size_t known = loops.extents.size();
  std::optional<SmallVector<unsigned>> outLoops = loops.read(right, outRank);
  if (!outLoops || loops.extents.size() != known ||
      llvm::SmallDenseSet<unsigned>(outLoops->begin(), outLoops->end())
              .size() != outLoops->size())
    return bad();
  result.result = *outLoops;
  return result;
}

/// The operands without dimensions of 1 that are repeated, and how the loops
/// index them.
static LogicalResult readOperands(Node &node, ArrayRef<Tensor> operands,
                                  const Equation &equation,
                                  SmallVectorImpl<Value> &values,
                                  SmallVectorImpl<AffineMap> &maps) {
  B &b = node.b;
  const Extents &extents = equation.loops.extents;
  unsigned numLoops = extents.size();
  for (auto [operand, own] : llvm::zip_equal(operands, equation.operands)) {
    Extents kept;
    SmallVector<AffineExpr> exprs;
    for (auto [loop, extent] : llvm::zip_equal(own, operand.shape)) {
      if (extent.isConstant(1) && extent != extents[loop])
        continue; // Repeated.
      kept.push_back(extent);
      exprs.push_back(b.getAffineDimExpr(loop));
    }
    FailureOr<Tensor> squeezed = node.emitReshape(operand, kept);
    if (failed(squeezed))
      return failure();
    values.push_back(node.getValue(*squeezed));
    maps.push_back(AffineMap::get(numLoops, 0, exprs, b.getContext()));
  }
  // Loops of extent 1 that nothing is indexed with have no bound otherwise.
  for (unsigned loop = 0; loop < numLoops; ++loop) {
    if (llvm::is_contained(equation.result, loop) ||
        llvm::any_of(maps,
                     [&](AffineMap map) { return map.isFunctionOfDim(loop); }))
      continue;
    values.push_back(node.emitEmpty(b.getI1Type(), {Extent(1)}));
    maps.push_back(AffineMap::get(numLoops, 0, b.getAffineDimExpr(loop)));
  }
  return success();
}

/// One linalg.generic: the products of the operands, summed over the loops that
/// are not in the output.
static LogicalResult importEinsum(Node &node) {
  FailureOr<SmallVector<Tensor>> operands = node.getSameTyped(Numbers);
  std::string text = node.getString("equation", "").str();
  if (failed(operands))
    return failure();
  FailureOr<Equation> equation = readEquation(node, *operands, text);
  if (failed(equation))
    return failure();

  B &b = node.b;
  unsigned numLoops = equation->loops.extents.size();
  SmallVector<AffineExpr> outIndices;
  Extents shape;
  for (unsigned loop : equation->result) {
    outIndices.push_back(b.getAffineDimExpr(loop));
    shape.push_back(equation->loops.extents[loop]);
  }
  SmallVector<AffineMap> maps;
  SmallVector<Value> values;
  if (failed(readOperands(node, *operands, *equation, values, maps)))
    return failure();
  DType dtype = operands->front().dtype;
  DType accumulator = getAccumulatorType(dtype);
  if (failed(node.checkShape(accumulator, shape)))
    return failure();
  Value zeros = node.emitFill(
      node.emitScalar(node.getElementType(accumulator), 0), shape);
  Value sums = tern::buildGeneric(
      b, b.getLoc(), values, maps, zeros,
      AffineMap::get(numLoops, 0, outIndices, b.getContext()),
      [&](B &b, ValueRange args) {
        return emitProductSum(b, args.take_front(operands->size()),
                              args.back());
      });
  Tensor result = node.makeTensor(accumulator, shape, sums);
  if (!isFloat(dtype)) {
    node.setResult(0, result);
    return success();
  }
  return node.setResult(node.emitFloatCast(result, dtype));
}

void tern::onnx_import::addEinsumOps(OpTable &ops) {
  ops.onOp("Einsum", 12, {1, Inputs::any}, importEinsum);
}
