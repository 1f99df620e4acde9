//===- Donate.cpp - Update donated arguments in place ---------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include "tern/Tiled/Passes.h"

namespace tern {
#define GEN_PASS_DEF_DONATEPASS
#include "tern/Tiled/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// The old value, reshaped as `reshape` has its operand.
Value undoReshape(OpBuilder &b, Operation *reshape, Value old) {
  Location loc = reshape->getLoc();
  Type type = reshape->getOperand(0).getType();
  if (auto expand = dyn_cast<tensor::ExpandShapeOp>(reshape))
    return tensor::CollapseShapeOp::create(b, loc, type, old,
                                           expand.getReassociationIndices());
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(reshape))
    return tensor::ExpandShapeOp::create(b, loc, type, old,
                                         collapse.getReassociationIndices());
  return tensor::CastOp::create(b, loc, type, old);
}

/// Lets the operation that makes `value` write to `old`, if it writes to an
/// empty tensor now.
void writeInto(OpBuilder &b, Value value, Value old) {
  SmallVector<Operation *> reshapes;
  Operation *producer = value.getDefiningOp();
  while (producer &&
         isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp>(
             producer)) {
    // How an extent that is not known was collapsed is not known here either.
    if (isa<tensor::CollapseShapeOp>(producer) &&
        !cast<RankedTensorType>(producer->getOperand(0).getType())
             .hasStaticShape())
      return;
    reshapes.push_back(producer);
    value = producer->getOperand(0);
    producer = value.getDefiningOp();
  }
  auto styled = dyn_cast_or_null<DestinationStyleOpInterface>(producer);
  if (!styled)
    return;
  OpOperand *init = styled.getTiedOpOperand(cast<OpResult>(value));
  // A product is added to a tensor that is filled first.
  while (auto filled =
             init->get().getDefiningOp<DestinationStyleOpInterface>()) {
    if (!init->get().hasOneUse())
      return;
    init = filled.getTiedOpOperand(cast<OpResult>(init->get()));
  }
  if (!init->get().getDefiningOp<tensor::EmptyOp>())
    return;
  b.setInsertionPoint(init->getOwner());
  for (Operation *reshape : reshapes)
    old = undoReshape(b, reshape, old);
  init->set(old);
}

/// Whether the result is part of the operand's memory.
bool isView(Operation *op) {
  return isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp, tensor::CastOp,
             tensor::ExtractSliceOp>(op);
}

/// The operand whose memory a result of an operation may take: what it is a
/// view of, or what is written over; null if there is none.
OpOperand *getTaken(OpResult result) {
  Operation *op = result.getOwner();
  if (isView(op))
    return &op->getOpOperand(0);
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op))
    return &insert.getDestMutable();
  if (auto insert = dyn_cast<tensor::InsertOp>(op))
    return &insert.getDestMutable();
  if (auto loop = dyn_cast<LoopLikeOpInterface>(op))
    return loop.getTiedLoopInit(result);
  if (auto styled = dyn_cast<DestinationStyleOpInterface>(op))
    return styled.getTiedOpOperand(result);
  return nullptr;
}

/// Lets all that would write to a view of `old`, but what `value` is made by,
/// write to a copy: bufferization decides for the first that it meets, and if
/// that is not the update, the update is what has to be copied.
void protect(OpBuilder &b, Value old, Value value) {
  DenseSet<OpOperand *> updates;
  while (auto result = dyn_cast<OpResult>(value)) {
    OpOperand *taken = getTaken(result);
    if (!taken)
      break;
    updates.insert(taken);
    value = taken->get();
  }
  SmallVector<Value> views{old};
  while (!views.empty())
    for (OpOperand &use :
         llvm::make_early_inc_range(views.pop_back_val().getUses())) {
      Operation *user = use.getOwner();
      for (OpResult result : user->getResults()) {
        if (getTaken(result) != &use)
          continue;
        if (isView(user)) {
          views.push_back(result);
          continue;
        }
        if (updates.contains(&use))
          continue;
        b.setInsertionPoint(user);
        auto type = cast<RankedTensorType>(use.get().getType());
        use.set(bufferization::AllocTensorOp::create(
            b, user->getLoc(), type, /*dynamicSizes=*/ValueRange(),
            /*copy=*/use.get()));
      }
    }
}

struct DonatePass : public tern::impl::DonatePassBase<DonatePass> {
  void runOnOperation() override {
    FailureOr<SmallVector<func::FuncOp>> called =
        getCalledFunctions(getOperation());
    if (failed(called))
      return signalPassFailure();
    // Callers pass the memory that their callees have come to take.
    for (func::FuncOp func : *called)
      if (failed(passMemory(func)) || failed(donate(func)))
        return signalPassFailure();
    for (func::FuncOp func : getEntryFunctions(getOperation()))
      if (failed(passMemory(func)) || failed(donate(func)))
        return signalPassFailure();
    for (func::FuncOp func : *called)
      markFresh(func);
  }

  /// Calls of functions whose donated arguments are memory now give them that
  /// of the operand. Bufferization sees that it is written, and copies what is
  /// still needed.
  LogicalResult passMemory(func::FuncOp func) {
    SmallVector<func::CallOp> calls;
    func.walk([&](func::CallOp call) { calls.push_back(call); });
    for (func::CallOp call : calls) {
      auto callee = SymbolTable::lookupNearestSymbolFrom<func::FuncOp>(
          getOperation(), call.getCalleeAttr());
      auto known = donors.find(callee);
      if (known == donors.end())
        continue;
      OpBuilder b(call);
      Location loc = call.getLoc();
      SmallVector<Value> operands(call.getOperands()), results;
      SmallVector<std::pair<unsigned, Value>> updated;
      for (auto [index, result] : known->second) {
        Value memory = bufferization::ToBufferOp::create(
            b, loc, callee.getArgumentTypes()[index],
            takeMemory(b, call, index));
        operands[index] = memory;
        updated.push_back({result, memory});
      }
      if (updated.size() != call.getNumResults())
        return call.emitError("results of a function that is called must be "
                              "new values of donated arguments");
      func::CallOp::create(b, loc, callee, operands);
      for (auto [result, memory] : updated) {
        Value value = call.getResult(result);
        value.replaceAllUsesWith(bufferization::ToTensorOp::create(
            b, loc, value.getType(), memory, /*restrict=*/true,
            /*writable=*/true));
      }
      call.erase();
    }
    return success();
  }

  /// Whether nothing reads the value, or a view of it, at or after the use:
  /// bufferization does not see that a call writes.
  static bool isLastUse(OpOperand &last) {
    Operation *user = last.getOwner();
    SmallVector<Value> views{last.get()};
    while (!views.empty())
      for (OpOperand &use : views.pop_back_val().getUses()) {
        if (&use == &last)
          continue;
        Operation *here =
            user->getBlock()->findAncestorOpInBlock(*use.getOwner());
        if (!here || !here->isBeforeInBlock(user))
          return false;
        if (isView(use.getOwner()))
          views.push_back(use.getOwner()->getResult(0));
      }
    return true;
  }

  /// What a call writes over: an older value that nothing needs any more, else
  /// memory of its own, which is no value that could be united with others.
  Value takeMemory(OpBuilder &b, func::CallOp call, unsigned index) {
    Value given = call.getOperand(index);
    auto arg = dyn_cast<BlockArgument>(given);
    auto func = call->getParentOfType<func::FuncOp>();
    bool isOld = arg ? arg.getOwner() == &func.getBody().front() &&
                           func.getArgAttr(arg.getArgNumber(), kDonatedAttrName)
                     : !!given.getDefiningOp<bufferization::ToTensorOp>();
    if (isOld && isLastUse(call->getOpOperand(index)))
      return given;
    auto type = cast<RankedTensorType>(given.getType());
    if (auto empty = given.getDefiningOp<tensor::EmptyOp>())
      return bufferization::AllocTensorOp::create(b, call.getLoc(), type,
                                                  empty.getDynamicSizes(),
                                                  /*copy=*/Value());
    return bufferization::AllocTensorOp::create(
        b, call.getLoc(), type, /*dynamicSizes=*/ValueRange(), /*copy=*/given);
  }

  /// Memory that no caller passes an older value in is that of a result, which
  /// may be copied to.
  void markFresh(func::FuncOp func) {
    OpBuilder b(func.getContext());
    for (auto [index, result] : donors.lookup(func)) {
      bool isFresh = true;
      getOperation().walk([&, index = index](func::CallOp call) {
        if (call.getCallee() != func.getName())
          return;
        auto memory =
            call.getOperand(index).getDefiningOp<bufferization::ToBufferOp>();
        auto made = memory ? memory.getTensor()
                                 .getDefiningOp<bufferization::AllocTensorOp>()
                           : bufferization::AllocTensorOp();
        isFresh &= made && !made.getCopy();
      });
      if (!isFresh)
        continue;
      func.removeArgAttr(index, kDonatedAttrName);
      func.setArgAttr(index, kResultAttrName, b.getUnitAttr());
    }
  }

  LogicalResult donate(func::FuncOp func) {
    BitVector results(func.getNumResults());
    for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
      if (auto index =
              func.getArgAttrOfType<IntegerAttr>(i, kDonatedAttrName)) {
        if (failed(donate(func, i, index.getInt(), results)))
          return failure();
        if (func.isPrivate())
          donors[func].push_back({i, index.getInt()});
      }
    if (results.none())
      return success();
    func.getBody().front().getTerminator()->eraseOperands(results);
    return func.eraseResults(results);
  }

  LogicalResult donate(func::FuncOp func, unsigned index, int64_t result,
                       BitVector &results) {
    StringAttr name = getStateName(func, index);
    auto fail = [&](const Twine &why) -> LogicalResult {
      InFlightDiagnostic diag = func.emitError("donated argument ");
      if (name)
        diag << name;
      else
        diag << "#" << index;
      return diag << why;
    };
    if (!func.getBody().hasOneBlock())
      return func.emitError("expected a function of one block");
    BlockArgument arg = func.getArgument(index);
    if (result < 0 || result >= func.getNumResults())
      return fail(": there is no result #" + Twine(result));
    auto type = dyn_cast<RankedTensorType>(arg.getType());
    if (!type || type != func.getResultTypes()[result])
      return fail(" must have the type of its new value, result #" +
                  Twine(result));
    if (results.test(result))
      return fail(" shares its new value with another");
    results.set(result);

    Block &body = func.getBody().front();
    OpBuilder b = OpBuilder::atBlockBegin(&body);
    auto memref = MemRefType::get(type.getShape(), type.getElementType());
    // The old value has the argument's uses, but is not the argument.
    Value placeholder =
        UnrealizedConversionCastOp::create(b, arg.getLoc(), type, ValueRange())
            .getResult(0);
    arg.replaceAllUsesWith(placeholder);
    arg.setType(memref);
    auto old = bufferization::ToTensorOp::create(
        b, arg.getLoc(), type, arg, /*restrict=*/true, /*writable=*/true);
    placeholder.replaceAllUsesWith(old);
    placeholder.getDefiningOp()->erase();
    SmallVector<Type> inputs(func.getArgumentTypes());
    inputs[index] = memref;
    func.setFunctionType(b.getFunctionType(inputs, func.getResultTypes()));
    func.setArgAttr(index, kDonatedAttrName, b.getUnitAttr());

    Operation *ret = body.getTerminator();
    Value value = ret->getOperand(result);
    writeInto(b, value, old);
    protect(b, old, value);
    // At the end, after everything that reads the old value.
    b.setInsertionPoint(ret);
    bufferization::MaterializeInDestinationOp::create(
        b, value.getLoc(), /*result=*/Type(), value, arg, /*restrict=*/true,
        /*writable=*/true);
    ++numDonated;
    return success();
  }

  /// Of functions that are called: arguments that were donated, and the results
  /// that they took the place of.
  DenseMap<Operation *, SmallVector<std::pair<unsigned, unsigned>>> donors;
};

} // namespace
