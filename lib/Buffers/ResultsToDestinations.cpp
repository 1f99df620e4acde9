//===- ResultsToDestinations.cpp - Make arguments of results --------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "tern/Buffers/Passes.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"

namespace tern {
#define GEN_PASS_DEF_RESULTSTODESTINATIONSPASS
#include "tern/Buffers/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

struct ResultsToDestinationsPass
    : public tern::impl::ResultsToDestinationsPassBase<
          ResultsToDestinationsPass> {
  void runOnOperation() override {
    FailureOr<SmallVector<func::FuncOp>> called =
        getCalledFunctions(getOperation());
    if (failed(called))
      return signalPassFailure();
    for (func::FuncOp func : *called) {
      if (func.getNumResults() != 0) {
        func.emitError("results of a function that is called must be new "
                       "values of donated arguments ('tern.donated')");
        return signalPassFailure();
      }
      if (failed(rewrite(func)))
        return signalPassFailure();
    }
    for (func::FuncOp func : getEntryFunctions(getOperation()))
      if (failed(rewrite(func)))
        return signalPassFailure();
  }

  LogicalResult rewrite(func::FuncOp func) {
    if (!func.getBody().hasOneBlock())
      return func.emitError("expected a function of one block");
    OpBuilder b(func.getContext());
    // All at once: to change the type for each would take the square of them.
    SmallVector<DictionaryAttr> argAttrs;
    for (BlockArgument arg : func.getArguments()) {
      NamedAttrList attrs(func.getArgAttrDict(arg.getArgNumber()));
      if (isa<TensorType>(arg.getType()))
        attrs.set(bufferization::BufferizationDialect::kWritableAttrName,
                  b.getBoolAttr(false));
      argAttrs.push_back(attrs.getDictionary(b.getContext()));
    }

    Block &body = func.getBody().front();
    Operation *ret = body.getTerminator();
    b.setInsertionPoint(ret);
    for (auto [i, result] : llvm::enumerate(ret->getOperands())) {
      auto type = dyn_cast<RankedTensorType>(result.getType());
      if (!type)
        return func.emitError("result #")
               << i << " is of type " << result.getType()
               << ", expected a ranked tensor";
      NamedAttrList attrs(func.getResultAttrDict(i));
      attrs.set(kResultAttrName, b.getUnitAttr());
      argAttrs.push_back(attrs.getDictionary(b.getContext()));
      BlockArgument dest = body.addArgument(
          MemRefType::get(type.getShape(), type.getElementType()),
          result.getLoc());
      bufferization::MaterializeInDestinationOp::create(
          b, result.getLoc(), /*result=*/Type(), result, dest,
          /*restrict=*/true, /*writable=*/true);
    }
    func.setFunctionType(b.getFunctionType(
        body.getArgumentTypes(), func.getFunctionType().getResults()));
    func.setAllArgAttrs(argAttrs);
    ret->setOperands({});
    return func.eraseResults(BitVector(func.getNumResults(), true));
  }
};

} // namespace
