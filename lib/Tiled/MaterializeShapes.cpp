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

/// What a value is computed from, beside extents.
enum class Origin { Extents, Scalars, Elements };

/// Whether an operation reads a scalar argument of `func`.
bool readsScalar(func::FuncOp func, Operation *op) {
  auto read = dyn_cast<tensor::ExtractOp>(op);
  auto arg = read ? dyn_cast<BlockArgument>(read.getTensor()) : nullptr;
  return arg && arg.getOwner() == &func.getBody().front() &&
         func.getArgAttr(arg.getArgNumber(), kScalarAttrName);
}

Origin findOrigin(func::FuncOp func, Value value) {
  SetVector<Operation *> slice;
  BackwardSliceOptions options;
  options.inclusive = true;
  options.omitBlockArguments = true;
  Origin origin = Origin::Extents;
  options.omitUsesFromAbove = false;
  options.filter = [&](Operation *op) {
    if (isa<tensor::DimOp>(op))
      return false;
    if (readsScalar(func, op)) {
      origin = std::max(origin, Origin::Scalars);
      return false;
    }
    // Of a branch or loop also what is in it.
    op->walk([&](Operation *inner) {
      if (readsScalar(func, inner))
        origin = std::max(origin, Origin::Scalars);
      else if (!isa<tensor::DimOp>(inner) &&
               llvm::any_of(inner->getOperandTypes(),
                            llvm::IsaPred<TensorType>))
        origin = Origin::Elements;
    });
    return origin != Origin::Elements;
  };
  (void)getBackwardSlice(value, &slice, options);
  return origin;
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
    auto carried = dyn_cast<BlockArgument>(source);
    if (loop) {
      carried = loop.getTiedLoopRegionIterArg(cast<OpResult>(source));
    } else if (carried) {
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
    SmallVector<cf::AssertOp> scalarChecks, elementChecks;
    for (auto check : func.getOps<cf::AssertOp>()) {
      Origin origin = findOrigin(func, check.getArg());
      if (origin == Origin::Scalars)
        scalarChecks.push_back(check);
      else if (origin == Origin::Elements)
        elementChecks.push_back(check);
    }
    func::FuncOp answering;
    if (!scalarChecks.empty())
      answering = cloneAnsweringChecks(func, scalarChecks, symbols);
    returnFailedCheck(func, scalarChecks, elementChecks);
    func::FuncOp shapes = cloneReturningExtents(func, symbols);
    SmallVector<Attribute> checks;
    for (cf::AssertOp check :
         llvm::make_early_inc_range(func.getOps<cf::AssertOp>())) {
      checks.push_back(check.getMsgAttr());
      check.erase();
    }
    if (!checks.empty())
      TernDialect::ChecksAttrHelper(func->getContext())
          .setAttr(func, ArrayAttr::get(&getContext(), checks));
    if (answering && failed(takeDims(func, answering, /*withScalars=*/true)))
      return failure();
    return takeDims(func, shapes, /*withScalars=*/false);
  }

  /// Moves each tensor.dim up through the operations until it asks an argument;
  /// the rest is then dead.
  LogicalResult resolveDims(func::FuncOp helper) {
    RewritePatternSet patterns(&getContext());
    // What a loop carries keeps its extents.
    scf::populateSCFForLoopCanonicalizationPatterns(patterns);
    patterns.add<DimOfCarried>(&getContext());
    memref::populateResolveRankedShapedTypeResultDimsPatterns(patterns);
    memref::populateResolveShapedTypeResultDimsPatterns(patterns);
    if (failed(applyPatternsGreedily(helper, std::move(patterns))))
      return helper.emitError("the extents of results cannot be simplified");
    OpPassManager pm(func::FuncOp::getOperationName());
    pm.addPass(createCanonicalizerPass());
    pm.addPass(createCSEPass());
    return runPipeline(pm, helper);
  }

  /// The number of the first assertion that fails, counted from `first`; 0 if
  /// all hold.
  Value buildFailed(ImplicitLocOpBuilder &b, ArrayRef<cf::AssertOp> asserts,
                    int64_t first, Type type) {
    auto number = [&](int64_t value) -> Value {
      return arith::ConstantOp::create(b, b.getIntegerAttr(type, value));
    };
    Value failed = number(0);
    for (size_t i = asserts.size(); i-- > 0;)
      failed = arith::SelectOp::create(b, cf::AssertOp(asserts[i]).getArg(),
                                       failed, number(first + i));
    return failed;
  }

  /// Replaces assertions by a result that counts which of them is the first to
  /// fail, after those of scalars, which are gone.
  void returnFailedCheck(func::FuncOp func, ArrayRef<cf::AssertOp> scalarChecks,
                         ArrayRef<cf::AssertOp> elementChecks) {
    if (scalarChecks.empty() && elementChecks.empty())
      return;
    auto ret = cast<func::ReturnOp>(func.getBody().front().getTerminator());
    ImplicitLocOpBuilder b(ret.getLoc(), ret);
    Value failed =
        buildFailed(b, elementChecks, scalarChecks.size() + 1, b.getI32Type());
    SmallVector<Attribute> messages;
    for (cf::AssertOp check :
         llvm::concat<const cf::AssertOp>(scalarChecks, elementChecks)) {
      messages.push_back(check.getMsgAttr());
      check.erase();
    }
    TernDialect::ElementChecksAttrHelper(func->getContext())
        .setAttr(func, b.getArrayAttr(messages));
    if (!scalarChecks.empty())
      TernDialect::ScalarChecksAttrHelper(func->getContext())
          .setAttr(func, b.getI64IntegerAttr(scalarChecks.size()));
    if (elementChecks.empty())
      return;
    auto type = RankedTensorType::get({}, b.getI32Type());
    Value result = tensor::FromElementsOp::create(b, type, failed);
    ret->insertOperands(ret->getNumOperands(), result);
    (void)func.insertResult(func.getNumResults(), type,
                            b.getDictionaryAttr(b.getNamedAttr(
                                kFailedCheckAttrName, b.getUnitAttr())));
  }

  /// A private copy of `func` without attributes.
  func::FuncOp cloneAsHelper(func::FuncOp func, const std::string &name,
                             SymbolTable &symbols) {
    auto helper = func.clone();
    helper.setName(name);
    helper.setPrivate();
    for (NamedAttribute attr : llvm::to_vector(helper->getDiscardableAttrs()))
      helper->removeDiscardableAttr(attr.getName());
    helper.removeArgAttrsAttr();
    helper.removeResAttrsAttr();
    symbols.insert(helper, std::next(Block::iterator(func)));
    // Elements do not matter, and upstream's patterns follow what a loop
    // carries through slices only.
    helper.walk([](tensor::InsertOp insert) {
      insert.replaceAllUsesWith(insert.getDest());
      insert.erase();
    });
    return helper;
  }

  /// Lets a copy return other values, all of type index.
  void setResults(func::FuncOp helper, ValueRange values) {
    helper.getBody().front().getTerminator()->setOperands(values);
    Builder b(&getContext());
    helper.setFunctionType(
        b.getFunctionType(helper.getFunctionType().getInputs(),
                          SmallVector<Type>(values.size(), b.getIndexType())));
  }

  /// A private copy of `func` that returns which of `checks`, assertions of
  /// `func`, is the first that fails, counted from 1; 0 if all hold.
  func::FuncOp cloneAnsweringChecks(func::FuncOp func,
                                    ArrayRef<cf::AssertOp> checks,
                                    SymbolTable &symbols) {
    func::FuncOp helper =
        cloneAsHelper(func, getScalarChecksFunctionName(func), symbols);
    SmallVector<cf::AssertOp> copies;
    for (auto [original, copy] : llvm::zip_equal(func.getOps<cf::AssertOp>(),
                                                 helper.getOps<cf::AssertOp>()))
      if (llvm::is_contained(checks, original))
        copies.push_back(copy);
    Operation *ret = helper.getBody().front().getTerminator();
    ImplicitLocOpBuilder b(ret->getLoc(), ret);
    Value failed = buildFailed(b, copies, /*first=*/1, b.getIndexType());
    for (cf::AssertOp check :
         llvm::make_early_inc_range(helper.getOps<cf::AssertOp>()))
      check.erase();
    setResults(helper, failed);
    return helper;
  }

  /// A private copy of `func` that returns its results' extents, and for each
  /// assertion whether it holds.
  func::FuncOp cloneReturningExtents(func::FuncOp func, SymbolTable &symbols) {
    func::FuncOp shapes =
        cloneAsHelper(func, getShapesFunctionName(func), symbols);
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
    setResults(shapes, extents);
    return shapes;
  }

  /// Replaces the extents of tensor arguments by dims and, where they are
  /// wanted, scalars by their values.
  LogicalResult takeDims(func::FuncOp original, func::FuncOp helper,
                         bool withScalars) {
    if (failed(resolveDims(helper)))
      return failure();
    SymbolicDims dims(original);
    Block &body = helper.getBody().front();
    unsigned numTensors = body.getNumArguments();
    OpBuilder b(helper.getContext());
    SmallVector<Value> symbols;
    for (const std::string &name : dims.getNames())
      symbols.push_back(
          body.addArgument(b.getIndexType(), NameLoc::get(b.getStringAttr(name),
                                                          original.getLoc())));
    DenseMap<Value, Value> scalars;
    if (withScalars)
      for (unsigned index : getScalarArguments(original)) {
        auto name =
            original.getArgAttrOfType<StringAttr>(index, kScalarAttrName);
        BlockArgument tensor = body.getArgument(index);
        scalars[tensor] =
            body.addArgument(getElementTypeOrSelf(tensor.getType()),
                             NameLoc::get(name, original.getLoc()));
      }

    Operation *offender = nullptr;
    SmallVector<Operation *> asked;
    helper.walk([&](Operation *op) {
      if (auto read = dyn_cast<tensor::ExtractOp>(op))
        if (Value value = scalars.lookup(read.getTensor())) {
          read.replaceAllUsesWith(value);
          asked.push_back(op);
          return;
        }
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
      helper.erase();
      return diag;
    }
    body.eraseArguments(0, numTensors);
    helper.setFunctionType(b.getFunctionType(
        body.getArgumentTypes(), helper.getFunctionType().getResults()));
    return success();
  }
};

} // namespace
