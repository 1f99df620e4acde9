//===- MaterializeShapes.cpp - Extents of results as functions ------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/MemRef/Transforms/Transforms.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/SCF/Transforms/Patterns.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/ValueBoundsOpInterface.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "mlir/Transforms/Passes.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "tern/Tiled/Passes.h"

namespace tern {
#define GEN_PASS_DEF_MATERIALIZESHAPESPASS
#include "tern/Tiled/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// Whether a value is computed from elements of tensors, not from extents
/// alone.
bool dependsOnElements(Value value) {
  SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.omitBlockArguments = true;
  bool found = false;
  options.omitUsesFromAbove = false;
  options.filter = [&](Operation *op) {
    if (isa<tensor::DimOp>(op))
      return false;
    // Of a branch or loop also what is in it.
    op->walk([&](Operation *inner) {
      found |=
          !isa<tensor::DimOp>(inner) &&
          llvm::any_of(inner->getOperandTypes(), llvm::IsaPred<TensorType>);
    });
    return !found;
  };
  (void)getBackwardSlice(value, &slice, options);
  return found;
}

/// An extent of what a loop carries is that of its initial value if the next
/// value's is the same: upstream's patterns follow it through slices only, but
/// a next value may be a tensor of its own.
struct DimOfCarried : public OpRewritePattern<tensor::DimOp> {
  using OpRewritePattern::OpRewritePattern;
  LogicalResult matchAndRewrite(tensor::DimOp op,
                                PatternRewriter &b) const override {
    Value source = op.getSource();
    auto loop = source.getDefiningOp<scf::ForOp>();
    BlockArgument carried;
    if (loop) {
      carried = loop.getTiedLoopRegionIterArg(cast<OpResult>(source));
    } else if ((carried = dyn_cast<BlockArgument>(source))) {
      loop = dyn_cast<scf::ForOp>(carried.getOwner()->getParentOp());
      if (!loop || carried == loop.getInductionVar())
        return failure();
    } else {
      return failure();
    }
    std::optional<int64_t> axis = op.getConstantIndex();
    if (!axis)
      return failure();
    using Bounds = ValueBoundsConstraintSet;
    Value init = loop.getTiedLoopInit(carried)->get();
    Bounds::Variable next(loop.getTiedLoopYieldedValue(carried)->get(), *axis);
    auto isNext = [&](Value value) {
      FailureOr<bool> equal =
          Bounds::areEqual(next, Bounds::Variable(value, *axis));
      return succeeded(equal) && *equal;
    };
    if (!isNext(init) && !isNext(carried))
      return failure();
    b.replaceOpWithNewOp<tensor::DimOp>(op, init, op.getIndex());
    return success();
  }
};

bool hasTensor(TypeRange types) {
  return llvm::any_of(types, [](Type type) { return isa<TensorType>(type); });
}

struct MaterializeShapesPass
    : public tern::impl::MaterializeShapesPassBase<MaterializeShapesPass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (func::FuncOp func : getEntryFunctions(getOperation())) {
      FunctionType type = func.getFunctionType();
      if (!hasTensor(type.getInputs()) && !hasTensor(type.getResults()))
        continue;
      if (symbols.lookup(getShapesFunctionName(func)))
        continue;
      if (failed(materialize(func, symbols)))
        return signalPassFailure();
    }
  }

  LogicalResult materialize(func::FuncOp func, SymbolTable &symbols) {
    if (!func.getBody().hasOneBlock())
      return func.emitError("expected a function of one block");
    SmallVector<Attribute> checks;
    SmallVector<cf::AssertOp> elementChecks;
    for (auto check : func.getOps<cf::AssertOp>())
      if (dependsOnElements(check.getArg()))
        elementChecks.push_back(check);
    returnFailedCheck(func, elementChecks);
    func::FuncOp shapes = cloneReturningExtents(func, symbols);
    for (cf::AssertOp check :
         llvm::make_early_inc_range(func.getOps<cf::AssertOp>())) {
      checks.push_back(check.getMsgAttr());
      check.erase();
    }
    if (!checks.empty())
      TernDialect::ChecksAttrHelper(func->getContext())
          .setAttr(func, ArrayAttr::get(&getContext(), checks));
    // Move each tensor.dim up through the operations until it asks an argument;
    // the rest is then dead.
    RewritePatternSet patterns(&getContext());
    // What a loop carries keeps its extents.
    scf::populateSCFForLoopCanonicalizationPatterns(patterns);
    patterns.add<DimOfCarried>(&getContext());
    memref::populateResolveRankedShapedTypeResultDimsPatterns(patterns);
    memref::populateResolveShapedTypeResultDimsPatterns(patterns);
    if (failed(applyPatternsGreedily(shapes, std::move(patterns))))
      return shapes.emitError("the extents of results cannot be simplified");
    OpPassManager pm(func::FuncOp::getOperationName());
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
    if (failed(runPipeline(pm, shapes)))
      return failure();
    return takeDims(func, shapes);
  }

  /// Replaces assertions by a result that counts which of them is the first to
  /// fail, from 1; 0 if all hold.
  void returnFailedCheck(func::FuncOp func, ArrayRef<cf::AssertOp> asserts) {
    if (asserts.empty())
      return;
    auto ret = cast<func::ReturnOp>(func.getBody().front().getTerminator());
    ImplicitLocOpBuilder b(ret.getLoc(), ret);
    SmallVector<Attribute> messages;
    Value failed = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
    for (size_t i = asserts.size(); i-- > 0;) {
      cf::AssertOp check = asserts[i];
      Value number = arith::ConstantOp::create(b, b.getI32IntegerAttr(i + 1));
      failed = arith::SelectOp::create(b, check.getArg(), failed, number);
    }
    for (cf::AssertOp check : asserts) {
      messages.push_back(check.getMsgAttr());
      check.erase();
    }
    TernDialect::ElementChecksAttrHelper(func->getContext())
        .setAttr(func, b.getArrayAttr(messages));
    auto type = RankedTensorType::get({}, b.getI32Type());
    Value result = tensor::FromElementsOp::create(b, type, failed);
    ret->insertOperands(ret->getNumOperands(), result);
    (void)func.insertResult(func.getNumResults(), type,
                            b.getDictionaryAttr(b.getNamedAttr(
                                kFailedCheckAttrName, b.getUnitAttr())));
  }

  /// A private copy of `func` that returns its results' extents, and for each
  /// assertion whether it holds.
  func::FuncOp cloneReturningExtents(func::FuncOp func, SymbolTable &symbols) {
    auto shapes = func.clone();
    shapes.setName(getShapesFunctionName(func));
    shapes.setPrivate();
    for (NamedAttribute attr : llvm::to_vector(shapes->getDiscardableAttrs()))
      shapes->removeDiscardableAttr(attr.getName());
    shapes.removeArgAttrsAttr();
    shapes.removeResAttrsAttr();
    symbols.insert(shapes, std::next(Block::iterator(func)));

    // Elements do not matter, and upstream's patterns follow what a loop
    // carries through slices only.
    shapes.walk([](tensor::InsertOp insert) {
      insert.replaceAllUsesWith(insert.getDest());
      insert.erase();
    });

    auto ret = cast<func::ReturnOp>(shapes.getBody().front().getTerminator());
    ImplicitLocOpBuilder b(ret.getLoc(), ret);
    SmallVector<Value> extents;
    BitVector donated = getDonatedResults(func);
    for (auto [i, result] : llvm::enumerate(ret.getOperands())) {
      if (donated.test(i) || func.getResultAttr(i, kFailedCheckAttrName))
        continue;
      auto type = cast<RankedTensorType>(result.getType());
      for (int64_t axis = 0; axis < type.getRank(); ++axis)
        extents.push_back(
            type.isDynamicDim(axis)
                ? tensor::DimOp::create(b, result, axis).getResult()
                : arith::ConstantIndexOp::create(b, type.getDimSize(axis))
                      .getResult());
    }
    for (cf::AssertOp check :
         llvm::make_early_inc_range(shapes.getOps<cf::AssertOp>())) {
      b.setInsertionPoint(check);
      Value one = arith::ConstantIndexOp::create(b, 1);
      Value zero = arith::ConstantIndexOp::create(b, 0);
      extents.push_back(arith::SelectOp::create(b, check.getArg(), one, zero));
      check.erase();
    }
    ret->setOperands(extents);
    shapes.setFunctionType(
        b.getFunctionType(shapes.getFunctionType().getInputs(),
                          SmallVector<Type>(extents.size(), b.getIndexType())));
    return shapes;
  }

  /// Replaces the extents of tensor arguments by dims.
  LogicalResult takeDims(func::FuncOp original, func::FuncOp shapes) {
    SymbolicDims dims(original);
    Block &body = shapes.getBody().front();
    unsigned numTensors = body.getNumArguments();
    OpBuilder b(shapes.getContext());
    SmallVector<Value> symbols;
    for (const std::string &name : dims.getNames())
      symbols.push_back(
          body.addArgument(b.getIndexType(), NameLoc::get(b.getStringAttr(name),
                                                          original.getLoc())));

    Operation *offender = nullptr;
    SmallVector<Operation *> asked;
    shapes.walk([&](Operation *op) {
      auto dim = dyn_cast<tensor::DimOp>(op);
      auto arg = dim ? dyn_cast<BlockArgument>(dim.getSource()) : nullptr;
      std::optional<int64_t> axis = dim ? dim.getConstantIndex() : std::nullopt;
      if (arg && arg.getOwner() == &body && axis) {
        if (auto symbol = dims.lookup(arg.getArgNumber(), *axis)) {
          dim.getResult().replaceAllUsesWith(symbols[*symbol]);
          asked.push_back(op);
          return;
        }
      }
      if (!offender &&
          (hasTensor(op->getOperandTypes()) || hasTensor(op->getResultTypes())))
        offender = op;
    });
    for (Operation *op : asked)
      op->erase();
    if (offender) {
      InFlightDiagnostic diag = offender->emitError()
                                << "an extent of a result of '"
                                << original.getName()
                                << "' depends on data: it must follow from the "
                                   "extents of the inputs";
      shapes.erase();
      return diag;
    }
    body.eraseArguments(0, numTensors);
    shapes.setFunctionType(b.getFunctionType(
        body.getArgumentTypes(), shapes.getFunctionType().getResults()));
    return success();
  }
};

} // namespace
