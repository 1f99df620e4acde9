//===- Bufferize.cpp - One-shot bufferization as configured ---------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotAnalysis.h"
#include "mlir/Dialect/Bufferization/Transforms/OneShotModuleBufferize.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "tern/Buffers/Passes.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"

namespace tern {
#define GEN_PASS_DEF_BUFFERIZEPASS
#include "tern/Buffers/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// Inputs and weights belong to the caller, and weights are mapped read-only:
/// upstream's default would update them in place.
LogicalResult checkArgumentsAreReadOnly(func::FuncOp func) {
  for (BlockArgument arg : func.getArguments()) {
    if (!isa<TensorType>(arg.getType()))
      continue;
    auto writable = func.getArgAttrOfType<BoolAttr>(
        arg.getArgNumber(),
        bufferization::BufferizationDialect::kWritableAttrName);
    if (!writable || writable.getValue())
      return func.emitError("argument #")
             << arg.getArgNumber()
             << " must be marked 'bufferization.writable = false'";
  }
  return success();
}

/// An extent of a collapsed buffer is the product of those that it is made of;
/// upstream folds that of a tensor, and of other views.
struct DimOfCollapse : public OpRewritePattern<memref::DimOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(memref::DimOp op,
                                PatternRewriter &b) const override {
    auto collapse = op.getSource().getDefiningOp<memref::CollapseShapeOp>();
    std::optional<int64_t> index = op.getConstantIndex();
    if (!collapse || !index || *index < 0 ||
        *index >= collapse.getResultType().getRank())
      return failure();
    Location loc = op.getLoc();
    Value extent;
    // A copy: the list of groups does not outlive the expression.
    ReassociationIndices group = collapse.getReassociationIndices()[*index];
    for (int64_t dim : group) {
      Value factor =
          memref::DimOp::create(b, loc, collapse.getSrc(), dim).getResult();
      extent = extent ? arith::MulIOp::create(b, loc, extent, factor) : factor;
    }
    b.replaceOp(op, extent);
    return success();
  }
};

struct BufferizePass : public tern::impl::BufferizePassBase<BufferizePass> {
  void runOnOperation() override {
    FailureOr<SmallVector<func::FuncOp>> functions =
        getCalledFunctions(getOperation());
    if (failed(functions))
      return signalPassFailure();
    llvm::append_range(*functions, getEntryFunctions(getOperation()));
    for (func::FuncOp func : *functions)
      if (failed(checkArgumentsAreReadOnly(func)))
        return signalPassFailure();

    bufferization::OneShotBufferizationOptions options;
    options.bufferizeFunctionBoundaries = true;
    options.setFunctionBoundaryTypeConversion(
        bufferization::LayoutMapOption::IdentityLayoutMap);
    options.memCpyFn = [](OpBuilder &b, Location loc, Value from, Value to) {
      linalg::CopyOp::create(b, loc, from, to);
      return success();
    };
    bufferization::BufferizationState state;
    if (failed(bufferization::runOneShotModuleBufferize(getOperation(), options,
                                                        state)))
      return signalPassFailure();
    bufferization::removeBufferizationAttributesInModule(getOperation());
    if (failed(resolveExtents()))
      signalPassFailure();
  }

  /// Sizes of what bufferization allocated (padded tensors).
  LogicalResult resolveExtents() {
    SmallVector<Operation *> extents;
    getOperation()->walk([&](memref::DimOp op) { extents.push_back(op); });
    RewritePatternSet patterns(&getContext());
    patterns.add<DimOfCollapse>(&getContext());
    return applyOpPatternsGreedily(
        extents, std::move(patterns),
        GreedyRewriteConfig().setStrictness(
            GreedyRewriteStrictness::ExistingAndNewOps));
  }
};

} // namespace
