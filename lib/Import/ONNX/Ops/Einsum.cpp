//===- Einsum.cpp - Einsum ------------------------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
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

/// One linalg.generic: the products of the operands, summed over the loops that
/// are not in the output.
static LogicalResult importEinsum(Node &node) {
  FailureOr<SmallVector<Tensor>> operands = node.getSameTyped(Numbers);
  std::string equation = node.getString("equation", "").str();
  if (failed(operands))
    return failure();
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
  if (terms.size() != operands->size())
    return bad();
  Loops loops;
  SmallVector<SmallVector<unsigned>> indices;
  for (auto [term, operand] : llvm::zip_equal(terms, *operands)) {
    std::optional<SmallVector<unsigned>> read =
        loops.read(term, operand.getRank());
    if (!read)
      return bad();
    for (auto [loop, extent] : llvm::zip_equal(*read, operand.shape)) {
      Extent &known = loops.extents[loop];
      if (known.isConstant(1)) {
        known = extent;
      } else if (!extent.isConstant(1)) {
        // Dimensions of one letter are equal, but for those known to be 1.
        if (failed(node.require(known, extent,
                                "shapes " + node.describe(known) + " and " +
                                    node.describe(extent) + " do not match")))
          return failure();
        if (extent.getConstant())
          known = extent;
      }
    }
    indices.push_back(*read);
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

  B &b = node.b;
  unsigned numLoops = known;
  SmallVector<utils::IteratorType> iterators(numLoops,
                                             utils::IteratorType::reduction);
  SmallVector<AffineExpr> outIndices;
  Extents shape;
  for (unsigned loop : *outLoops) {
    iterators[loop] = utils::IteratorType::parallel;
    outIndices.push_back(b.getAffineDimExpr(loop));
    shape.push_back(loops.extents[loop]);
  }
  SmallVector<AffineMap> maps;
  SmallVector<Value> values;
  for (auto [operand, own] : llvm::zip_equal(*operands, indices)) {
    Extents kept;
    SmallVector<AffineExpr> exprs;
    for (auto [loop, extent] : llvm::zip_equal(own, operand.shape)) {
      if (extent.isConstant(1) && extent != loops.extents[loop])
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
    if (llvm::is_contained(*outLoops, loop) ||
        llvm::any_of(maps,
                     [&](AffineMap map) { return map.isFunctionOfDim(loop); }))
      continue;
    values.push_back(node.emitEmpty(b.getI1Type(), {Extent(1)}));
    maps.push_back(AffineMap::get(numLoops, 0, b.getAffineDimExpr(loop)));
  }
  maps.push_back(AffineMap::get(numLoops, 0, outIndices, b.getContext()));
  DType dtype = operands->front().dtype;
  DType accumulator = getAccumulatorType(dtype);
  if (failed(node.checkShape(accumulator, shape)))
    return failure();
  Type type = node.getElementType(accumulator);
  Value zeros = node.emitFill(node.emitScalar(type, 0), shape);
  size_t numOperands = operands->size();
  auto generic = linalg::GenericOp::create(
      b, TypeRange(zeros.getType()), values, ValueRange(zeros), maps, iterators,
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        B b(loc, builder);
        Value product;
        for (Value factor : args.take_front(numOperands)) {
          if (accumulator != dtype)
            factor = arith::ExtFOp::create(b, type, factor);
          if (!product)
            product = factor;
          else if (isFloat(dtype))
            product = arith::MulFOp::create(b, product, factor);
          else
            product = arith::MulIOp::create(b, product, factor);
        }
        Value sum =
            isFloat(dtype)
                ? arith::AddFOp::create(b, args.back(), product).getResult()
                : arith::AddIOp::create(b, args.back(), product).getResult();
        linalg::YieldOp::create(b, sum);
      });
  Tensor result = node.makeTensor(accumulator, shape, generic.getResult(0));
  if (!isFloat(dtype)) {
    node.setResult(0, result);
    return success();
  }
  return node.setResult(node.emitFloatCast(result, dtype));
}

void tern::onnx_import::addEinsumOps(OpTable &ops) {
  ops.onOp("Einsum", 12, {1, Inputs::any}, importEinsum);
}
