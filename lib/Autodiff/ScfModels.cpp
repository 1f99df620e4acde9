//===- ScfModels.cpp - Derivatives of loops and branches ------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Models.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/TypeUtilities.h"
#include "tern/Autodiff/DifferentiableOpInterface.h"
#include "tern/Dialect/Tern/IR/TernOps.h"

using namespace mlir;
using namespace tern;

/// What `op` reads of what gradients are wanted for.
static SmallVector<Value> getVariedReads(Operation *op, Reverse &reverse) {
  SmallVector<Value> values = getReadValues(op);
  llvm::erase_if(values, [&](Value v) { return !reverse.isVaried(v); });
  return values;
}

static SmallVector<Operation *> cloneAll(ImplicitLocOpBuilder &b, Block &block,
                                         IRMapping &mapping) {
  SmallVector<Operation *> clones;
  for (Operation &op : block.without_terminator())
    clones.push_back(b.clone(op, mapping));
  return clones;
}

static Value getOrZero(Reverse &reverse, Value value) {
  Value cotangent = reverse.getCotangent(value);
  return cotangent ? cotangent : createZeroLike(reverse.getBuilder(), value);
}

/// What a result of a branch or loop may depend on with a derivative. An
/// integer does so only where integers do, or codes are made within.
static SmallVector<Value> getRegionSources(Operation *op, OpResult result) {
  SmallVector<Value> sources = getReadValues(op);
  if (isDifferentiable(result.getType()))
    return sources;
  WalkResult quantizer =
      op->walk([](SurrogateOp) { return WalkResult::interrupt(); });
  if (!quantizer.wasInterrupted())
    llvm::erase_if(sources, [](Value source) {
      return isDifferentiable(source.getType());
    });
  return sources;
}

namespace {
/// The same branch, which computes the values that its adjoint reads again.
struct IfModel : DifferentiableOpInterface::ExternalModel<IfModel, scf::IfOp> {
  SmallVector<Value> getGradientSources(Operation *op, OpResult result) const {
    return getRegionSources(op, result);
  }
  LogicalResult buildAdjoint(Operation *op, Reverse &reverse) const {
    auto branch = cast<scf::IfOp>(op);
    ImplicitLocOpBuilder &b = reverse.getBuilder();
    SmallVector<Value> sources = getVariedReads(op, reverse);
    SmallVector<Type> types;
    for (Value source : sources)
      types.push_back(getCotangentType(source.getType()));
    auto adjoint = scf::IfOp::create(b, types, branch.getCondition(),
                                     /*addThenBlock=*/true,
                                     /*addElseBlock=*/true);
    for (auto [from, to] :
         llvm::zip_equal(branch->getRegions(), adjoint->getRegions())) {
      ImplicitLocOpBuilder inner(b.getLoc(), b.getContext());
      inner.setInsertionPointToStart(&to.front());
      IRMapping mapping;
      SmallVector<Operation *> clones = cloneAll(inner, from.front(), mapping);
      Reverse values(inner);
      for (Value source : sources)
        values.setVaried(source);
      values.findVaried(to.front());
      for (auto [result, yielded] :
           llvm::zip_equal(branch.getResults(),
                           from.front().getTerminator()->getOperands()))
        if (Value cotangent = reverse.getCotangent(result))
          values.add(mapping.lookupOrDefault(yielded), cotangent);
      if (failed(values.passBackwards(clones)))
        return failure();
      SmallVector<Value> cotangents;
      for (Value source : sources)
        cotangents.push_back(getOrZero(values, source));
      scf::YieldOp::create(inner, cotangents);
    }
    for (auto [source, cotangent] :
         llvm::zip_equal(sources, adjoint.getResults()))
      reverse.add(source, createWithExtents(b, cotangent, source));
    return success();
  }
};

/// A loop that keeps what each iteration starts from, and one that goes back.
class ForAdjoint {
public:
  ForAdjoint(scf::ForOp loop, Reverse &reverse)
      : loop(loop), reverse(reverse), b(reverse.getBuilder()) {}

  LogicalResult build() {
    if (!loop.getInductionVar().getType().isIndex())
      return mlir::emitError(loop.getLoc())
             << "'scf.for' cannot be differentiated: it does not count in "
                "index";
    for (Value value : getVariedReads(loop, reverse))
      if (isCaptured(value))
        captured.push_back(value);
    findVariedCarried();
    keepCarried();
    return goBack();
  }

private:
  bool isCaptured(Value value) {
    return llvm::any_of(value.getUses(), [&](OpOperand &use) {
      return loop->isProperAncestor(use.getOwner());
    });
  }

  /// The carried values that vary: where they start from or are set to what
  /// does.
  void findVariedCarried() {
    Block &body = *loop.getBody();
    varied.assign(loop.getNumRegionIterArgs(), false);
    for (bool changed = true; changed;) {
      changed = false;
      Reverse values(b);
      for (Value value : captured)
        values.setVaried(value);
      for (auto [i, arg] : llvm::enumerate(loop.getRegionIterArgs()))
        if (varied[i])
          values.setVaried(arg);
      values.findVaried(body);
      for (auto [i, init, yielded] : llvm::enumerate(
               loop.getInitArgs(), body.getTerminator()->getOperands())) {
        bool varies = getCotangentType(init.getType()) &&
                      (reverse.isVaried(init) || values.isVaried(yielded));
        if (varies && !varied[i])
          varied[i] = changed = true;
      }
    }
  }

  /// A place in a tape: all of `value` for one iteration.
  void getPlace(Value value, Value iteration,
                SmallVectorImpl<OpFoldResult> &offsets,
                SmallVectorImpl<OpFoldResult> &sizes,
                SmallVectorImpl<OpFoldResult> &strides,
                ImplicitLocOpBuilder &at) {
    auto type = cast<RankedTensorType>(value.getType());
    offsets.assign(type.getRank() + 1, at.getIndexAttr(0));
    strides.assign(type.getRank() + 1, at.getIndexAttr(1));
    offsets[0] = iteration;
    sizes.assign(1, at.getIndexAttr(1));
    llvm::append_range(sizes, tensor::getMixedSizes(at, at.getLoc(), value));
  }

  /// Puts a loop in front of this one that writes carried values to tapes, and
  /// is used in its place. This one stays, dead, as a key of cotangents.
  void keepCarried() {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPoint(loop);
    Value zero = arith::ConstantIndexOp::create(b, 0);
    count =
        arith::SubIOp::create(b, loop.getUpperBound(), loop.getLowerBound());
    count = arith::CeilDivSIOp::create(b, count, loop.getStep());
    count = arith::MaxSIOp::create(b, count, zero);
    SmallVector<Value> inits(loop.getInitArgs());
    for (Value init : loop.getInitArgs()) {
      SmallVector<OpFoldResult> sizes = {count};
      if (isa<RankedTensorType>(init.getType()))
        llvm::append_range(sizes, tensor::getMixedSizes(b, b.getLoc(), init));
      inits.push_back(
          tensor::EmptyOp::create(b, sizes, getElementTypeOrSelf(init)));
    }
    unsigned numCarried = loop.getNumRegionIterArgs();
    auto kept = scf::ForOp::create(b, loop.getLowerBound(),
                                   loop.getUpperBound(), loop.getStep(), inits);
    ImplicitLocOpBuilder inner(b.getLoc(), b.getContext());
    inner.setInsertionPointToStart(kept.getBody());
    IRMapping mapping;
    mapping.map(loop.getInductionVar(), kept.getInductionVar());
    mapping.map(loop.getRegionIterArgs(),
                kept.getRegionIterArgs().take_front(numCarried));
    Value iteration = arith::SubIOp::create(inner, kept.getInductionVar(),
                                            loop.getLowerBound());
    iteration = arith::DivSIOp::create(inner, iteration, loop.getStep());
    SmallVector<Value> written;
    for (unsigned i = 0; i < numCarried; ++i) {
      Value value = kept.getRegionIterArg(i);
      Value tape = kept.getRegionIterArg(numCarried + i);
      if (!isa<RankedTensorType>(value.getType())) {
        written.push_back(
            tensor::InsertOp::create(inner, value, tape, iteration));
        continue;
      }
      SmallVector<OpFoldResult> offsets, sizes, strides;
      getPlace(value, iteration, offsets, sizes, strides, inner);
      written.push_back(tensor::InsertSliceOp::create(inner, value, tape,
                                                      offsets, sizes, strides));
    }
    cloneAll(inner, *loop.getBody(), mapping);
    SmallVector<Value> yields;
    for (Value value : loop.getBody()->getTerminator()->getOperands())
      yields.push_back(mapping.lookupOrDefault(value));
    llvm::append_range(yields, written);
    scf::YieldOp::create(inner, yields);
    loop->replaceAllUsesWith(kept.getResults().take_front(numCarried));
    llvm::append_range(tapes, kept.getResults().drop_front(numCarried));
  }

  LogicalResult goBack() {
    SmallVector<Value> inits;
    for (auto [i, init, result] :
         llvm::enumerate(loop.getInitArgs(), loop.getResults()))
      if (varied[i]) {
        Value cotangent = reverse.getCotangent(result);
        inits.push_back(cotangent ? cotangent : createZeroLike(b, init));
      }
    unsigned numCarried = inits.size();
    for (Value value : captured)
      inits.push_back(createZeroLike(b, value));
    Value zero = arith::ConstantIndexOp::create(b, 0);
    Value one = arith::ConstantIndexOp::create(b, 1);
    auto back = scf::ForOp::create(b, zero, count, one, inits);
    ImplicitLocOpBuilder inner(b.getLoc(), b.getContext());
    inner.setInsertionPointToStart(back.getBody());
    Value last = arith::SubIOp::create(inner, count, one);
    Value iteration =
        arith::SubIOp::create(inner, last, back.getInductionVar());
    Value distance = arith::MulIOp::create(inner, iteration, loop.getStep());
    IRMapping mapping;
    mapping.map(loop.getInductionVar(),
                arith::AddIOp::create(inner, loop.getLowerBound(), distance)
                    .getResult());
    Reverse values(inner);
    for (auto [i, arg, init, tape] :
         llvm::enumerate(loop.getRegionIterArgs(), loop.getInitArgs(), tapes)) {
      Value value;
      if (auto type = dyn_cast<RankedTensorType>(arg.getType())) {
        SmallVector<OpFoldResult> offsets, sizes, strides;
        getPlace(init, iteration, offsets, sizes, strides, inner);
        value = tensor::ExtractSliceOp::create(inner, type, tape, offsets,
                                               sizes, strides);
      } else {
        value = tensor::ExtractOp::create(inner, tape, iteration);
      }
      mapping.map(arg, value);
      if (varied[i])
        values.setVaried(value);
    }
    for (Value value : captured)
      values.setVaried(value);
    SmallVector<Operation *> clones = cloneAll(inner, *loop.getBody(), mapping);
    values.findVaried(*back.getBody());
    ValueRange carried = back.getRegionIterArgs();
    unsigned next = 0;
    for (auto [i, yielded] :
         llvm::enumerate(loop.getBody()->getTerminator()->getOperands()))
      if (varied[i])
        values.add(mapping.lookupOrDefault(yielded), carried[next++]);
    if (failed(values.passBackwards(clones)))
      return failure();
    SmallVector<Value> yields;
    for (auto [i, arg] : llvm::enumerate(loop.getRegionIterArgs()))
      if (varied[i])
        yields.push_back(getOrZero(values, mapping.lookup(arg)));
    for (auto [value, sum] :
         llvm::zip_equal(captured, carried.drop_front(numCarried))) {
      Value part = values.getCotangent(value);
      yields.push_back(part ? createSum(inner, sum, part, value) : sum);
    }
    // A loop carries a tensor in one buffer.
    for (auto [value, arg] : llvm::zip_equal(yields, carried))
      if (value != arg && isa<RankedTensorType>(arg.getType()))
        value = linalg::CopyOp::create(inner, value, arg).getResult(0);
    scf::YieldOp::create(inner, yields);
    next = 0;
    for (auto [i, init] : llvm::enumerate(loop.getInitArgs()))
      if (varied[i])
        reverse.add(init, createWithExtents(b, back.getResult(next++), init));
    for (Value value : captured)
      reverse.add(value, createWithExtents(b, back.getResult(next++), value));
    return success();
  }

  scf::ForOp loop;
  Reverse &reverse;
  ImplicitLocOpBuilder &b;
  SmallVector<Value> captured;
  SmallVector<bool> varied;
  Value count;
  SmallVector<Value> tapes;
};

struct ForModel
    : DifferentiableOpInterface::ExternalModel<ForModel, scf::ForOp> {
  SmallVector<Value> getGradientSources(Operation *op, OpResult result) const {
    return getRegionSources(op, result);
  }
  LogicalResult buildAdjoint(Operation *op, Reverse &reverse) const {
    return ForAdjoint(cast<scf::ForOp>(op), reverse).build();
  }
};
} // namespace

void tern::registerScfModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, scf::SCFDialect *) {
    scf::IfOp::attachInterface<IfModel>(*context);
    scf::ForOp::attachInterface<ForModel>(*context);
  });
}
