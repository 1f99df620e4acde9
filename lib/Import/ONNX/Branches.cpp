//===- Branches.cpp - If -------------------------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "Importer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace tern::onnx_import;

/// A result that is one tensor or another, element by element: both are there.
static FailureOr<Tensor> choose(Node &node, Value condition, Tensor first,
                                Tensor second, unsigned result) {
  std::string message =
      ("output " + Twine(result) + " has type " + getName(first.dtype) +
       " and shape " + node.describe(first.shape) + " in one branch, " +
       getName(second.dtype) + " and " + node.describe(second.shape) +
       " in the other; which is taken is known at run time only")
          .str();
  if (first.dtype != second.dtype)
    return node.error(message);
  FailureOr<Tensor> fitting = node.expectShape(second, first.shape, message);
  if (failed(fitting))
    return failure();
  return node.emitMap({first, *fitting}, first.dtype,
                      [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
                        return arith::SelectOp::create(b, condition, args[0],
                                                       args[1]);
                      });
}

/// The inputs are the condition, what one branch makes and what the other does
/// (see InlinedGraph). A condition that is known takes its branch. One that is
/// not has both computed, which must have one shape.
static LogicalResult importIf(Node &node) {
  Tensor &condition = node.getInput(0);
  if (condition.dtype != DType::Bool || condition.getRank() > 1)
    return node.error("the condition must be one bool");
  if (failed(node.expectShape(condition,
                              Extents(condition.getRank(), Extent(1)),
                              "the condition must be one bool")))
    return failure();
  const std::string &name = node.getProto().input(0);
  std::optional<bool> known = node.getImporter().getKnownCondition(name);
  unsigned numResults = node.getNumResults();
  Value isThen;
  if (!known)
    isThen = node.getImporter().getCondition(node.b, name);
  for (unsigned i = 0; i < numResults; ++i) {
    unsigned inputs[] = {1 + i, 1 + numResults + i};
    for (bool isElse : {false, true})
      if (known != isElse && !node.hasInput(inputs[isElse]))
        return node.error("a branch does not make output " + Twine(i));
    if (known) {
      node.setResult(i, node.getInput(inputs[!*known]));
      continue;
    }
    FailureOr<Tensor> chosen = choose(node, isThen, node.getInput(inputs[0]),
                                      node.getInput(inputs[1]), i);
    if (failed(chosen))
      return failure();
    node.setResult(i, std::move(*chosen));
  }
  return success();
}

void tern::onnx_import::addBranchOps(OpTable &ops) {
  ops.onOp("If", 1, {1, Inputs::any}, importIf);
}
