//===- Contraction.cpp - Float matrix products ----------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/Utils/Contraction.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace tern;

/// The argument of the body that `value` is, directly or after one conversion.
static BlockArgument traceOperand(Value value, Operation *&cast) {
  cast = nullptr;
  if (Operation *op = value.getDefiningOp();
      isa_and_present<arith::ExtFOp, arith::SIToFPOp, arith::UIToFPOp>(op)) {
    cast = op;
    value = op->getOperand(0);
  }
  return dyn_cast<BlockArgument>(value);
}

std::optional<Contraction> tern::matchContraction(linalg::LinalgOp op) {
  if (op.getNumDpsInputs() != 2 || op.getNumDpsInits() != 1)
    return std::nullopt;
  Type element = getElementTypeOrSelf(op.getDpsInits()[0].getType());
  if (!element.isF32() && !element.isF64())
    return std::nullopt;

  // The body.
  Block *body = op.getBlock();
  auto add =
      body->getTerminator()->getOperand(0).getDefiningOp<arith::AddFOp>();
  if (!add)
    return std::nullopt;
  Value acc = body->getArgument(2);
  Value term = add.getLhs() == acc   ? add.getRhs()
               : add.getRhs() == acc ? add.getLhs()
                                     : Value();
  auto mul = term ? term.getDefiningOp<arith::MulFOp>() : arith::MulFOp();
  if (!mul || !acc.hasOneUse())
    return std::nullopt;
  Contraction c;
  BlockArgument first = traceOperand(mul.getLhs(), c.lhsCast);
  BlockArgument second = traceOperand(mul.getRhs(), c.rhsCast);
  if (!first || !second || first == second || first == acc || second == acc)
    return std::nullopt;
  c.lhs = first.getArgNumber();
  c.rhs = second.getArgNumber();
  // Nothing else is computed.
  size_t count = 3 + (c.lhsCast != nullptr) + (c.rhsCast != nullptr);
  if (body->getOperations().size() != count)
    return std::nullopt;

  // The loops.
  SmallVector<AffineMap> maps = op.getIndexingMapsArray();
  if (!llvm::all_of(maps, [](AffineMap map) {
        return map.isProjectedPermutation(/*allowZeroInResults=*/false);
      }))
    return std::nullopt;
  AffineMap out = maps[2];
  if (out.getNumResults() == 0)
    return std::nullopt;
  c.n = out.getDimPosition(out.getNumResults() - 1);
  if (maps[c.lhs].isFunctionOfDim(c.n)) {
    std::swap(c.lhs, c.rhs);
    std::swap(c.lhsCast, c.rhsCast);
  }
  if (maps[c.lhs].isFunctionOfDim(c.n) || !maps[c.rhs].isFunctionOfDim(c.n))
    return std::nullopt;
  std::optional<unsigned> m, k;
  SmallVector<utils::IteratorType> kinds = op.getIteratorTypesArray();
  for (unsigned dim = 0; dim < kinds.size(); ++dim) {
    bool inLhs = maps[c.lhs].isFunctionOfDim(dim);
    bool inRhs = maps[c.rhs].isFunctionOfDim(dim);
    if (kinds[dim] == utils::IteratorType::reduction) {
      if (!inLhs || !inRhs)
        return std::nullopt;
      k = dim;
    } else if (inLhs && !inRhs) {
      m = dim;
    }
  }
  if (!m || !k)
    return std::nullopt;
  c.m = *m;
  c.k = *k;
  for (unsigned dim = 0; dim < kinds.size(); ++dim) {
    if (dim == c.m || dim == c.n || dim == c.k)
      continue;
    (kinds[dim] == utils::IteratorType::reduction ? c.reductions : c.parallel)
        .push_back(dim);
  }
  return c;
}
