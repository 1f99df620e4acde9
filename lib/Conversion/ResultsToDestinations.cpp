//===- ResultsToDestinations.cpp - Results the caller owns ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "tern/Conversion/EntryPoints.h"
#include "tern/Conversion/Passes.h"

namespace tern {
#define GEN_PASS_DEF_RESULTSTODESTINATIONSPASS
#include "tern/Conversion/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

struct ResultsToDestinationsPass
    : public tern::impl::ResultsToDestinationsPassBase<
          ResultsToDestinationsPass> {
  void runOnOperation() override {
    for (func::FuncOp func : getEntryFunctions(getOperation()))
      if (failed(rewrite(func)))
        return signalPassFailure();
  }

  LogicalResult rewrite(func::FuncOp func) {
    if (!func.getBody().hasOneBlock())
      return func.emitError("expected a function of one block");
    OpBuilder b(func.getContext());
    for (BlockArgument arg : func.getArguments())
      if (isa<TensorType>(arg.getType()))
        func.setArgAttr(arg.getArgNumber(),
                        bufferization::BufferizationDialect::kWritableAttrName,
                        b.getBoolAttr(false));

    Operation *ret = func.getBody().front().getTerminator();
    b.setInsertionPoint(ret);
    for (auto [i, result] : llvm::enumerate(ret->getOperands())) {
      auto type = dyn_cast<RankedTensorType>(result.getType());
      if (!type)
        return func.emitError("result #")
               << i << " is of type " << result.getType()
               << ", expected a ranked tensor";
      SmallVector<NamedAttribute> attrs;
      if (DictionaryAttr given = func.getResultAttrDict(i))
        llvm::append_range(attrs, given);
      attrs.emplace_back(b.getStringAttr(kResultAttrName), b.getUnitAttr());
      unsigned index = func.getNumArguments();
      if (failed(func.insertArgument(
              index, MemRefType::get(type.getShape(), type.getElementType()),
              b.getDictionaryAttr(attrs), result.getLoc())))
        return failure();
      bufferization::MaterializeInDestinationOp::create(
          b, result.getLoc(), /*result=*/Type(), result,
          func.getArgument(index), /*restrict=*/true, /*writable=*/true);
    }
    ret->setOperands({});
    return func.eraseResults(BitVector(func.getNumResults(), true));
  }
};

} // namespace
