//===- CheckSizes.cpp - Sizes that do not fit in 64 bits ------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Conversion/AffineToStandard/AffineToStandard.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Transforms/RegionUtils.h"
#include "tern/Buffers/Passes.h"
#include "tern/Dialect/Tern/Utils/DeadCode.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"
#include <cmath>

namespace tern {
#define GEN_PASS_DEF_CHECKSIZESPASS
#include "tern/Buffers/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// Follows through a function of index arithmetic which values are wrong
/// because a sum, difference or product before them overflowed.
///
/// A value's fault is an i32: 0, or the number of the message that says where.
/// Most values have none, which is null. Branches get one more result, the
/// fault of what they yield.
class Faults {
public:
  explicit Faults(func::FuncOp func) : func(func) {
    visit(func.getBody().front());
  }

  /// The first fault of some values; null if there can be none.
  Value getFirst(OpBuilder &b, Location loc, ValueRange values);
  /// From number 1.
  ArrayRef<Attribute> getMessages() const { return messages; }

private:
  void visit(Block &block);
  void visit(Operation &op);
  void visit(scf::IfOp op);
  Value overflows(ImplicitLocOpBuilder &b, Operation &op);
  Value combine(ImplicitLocOpBuilder &b, Value first, Value second);
  int32_t getNumber(Location loc);

  func::FuncOp func;
  DenseMap<Value, Value> faults;
  SmallVector<Attribute> messages;
  DenseMap<Attribute, int32_t> numbers;
};

int32_t Faults::getNumber(Location loc) {
  std::string name = getLocationName(loc, "");
  std::string message =
      loc == func.getLoc() || name.empty()
          ? "the model would need more bytes than 64 bits can count"
          : "'" + name + "' would have more elements or bytes than 64 bits " +
                "can count";
  auto attr = StringAttr::get(loc.getContext(), message);
  auto [it, isNew] = numbers.try_emplace(attr, messages.size() + 1);
  if (isNew)
    messages.push_back(attr);
  return it->second;
}

Value Faults::combine(ImplicitLocOpBuilder &b, Value first, Value second) {
  if (!first || !second || first == second)
    return first ? first : second;
  Value zero = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
  Value is = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, first, zero);
  return arith::SelectOp::create(b, is, first, second);
}

/// Whether an operation overflows: an i1, or null if it cannot.
Value Faults::overflows(ImplicitLocOpBuilder &b, Operation &op) {
  auto compare = [&](auto predicate, Value value, FloatAttr limit) -> Value {
    return arith::CmpFOp::create(b, predicate, value,
                                 arith::ConstantOp::create(b, limit));
  };
  if (auto cast = dyn_cast<arith::FPToSIOp>(op)) {
    if (!cast.getType().isInteger(64))
      return nullptr;
    // NaN included.
    Value in = cast.getIn();
    Value above = compare(arith::CmpFPredicate::UGE, in,
                          b.getFloatAttr(in.getType(), std::ldexp(1, 63)));
    Value below = compare(arith::CmpFPredicate::ULT, in,
                          b.getFloatAttr(in.getType(), -std::ldexp(1, 63)));
    return arith::OrIOp::create(b, above, below);
  }
  Type type = op.getResult(0).getType();
  if (!isa<arith::MulIOp, arith::AddIOp, arith::SubIOp>(op) ||
      !(type.isIndex() || type.isInteger(64)))
    return nullptr;
  // What overflows must have a value.
  op.setAttr(arith::MulIOp::getIntegerOverflowAttrName(),
             arith::IntegerOverflowFlagsAttr::get(
                 b.getContext(), arith::IntegerOverflowFlags::none));
  auto wide = [&](Value value) -> Value {
    return type.isIndex() ? arith::IndexCastOp::create(b, b.getI64Type(), value)
                          : value;
  };
  Value lhs = wide(op.getOperand(0)), rhs = wide(op.getOperand(1));
  Value zero = arith::ConstantOp::create(b, b.getI64IntegerAttr(0));
  auto isNegative = [&](Value value) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, value, zero);
  };
  if (isa<arith::MulIOp>(op)) {
    auto product = arith::MulSIExtendedOp::create(b, lhs, rhs);
    Value bits = arith::ConstantOp::create(b, b.getI64IntegerAttr(63));
    Value sign = arith::ShRSIOp::create(b, product.getLow(), bits);
    return arith::CmpIOp::create(b, arith::CmpIPredicate::ne, sign,
                                 product.getHigh());
  }
  // Hacker's Delight, 2-13: the result's sign is neither operand's, for a
  // difference neither the first's nor the negated second's.
  Value result = wide(op.getResult(0));
  Value left = arith::XOrIOp::create(b, lhs, result);
  Value right = isa<arith::AddIOp>(op) ? arith::XOrIOp::create(b, rhs, result)
                                       : arith::XOrIOp::create(b, lhs, rhs);
  return isNegative(arith::AndIOp::create(b, left, right));
}

void Faults::visit(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(block.without_terminator())) {
    if (auto branch = dyn_cast<scf::IfOp>(op))
      visit(branch);
    else
      visit(op);
  }
}

/// Makes the branch yield the fault of the side that is taken.
void Faults::visit(scf::IfOp op) {
  if (op.getNumResults() == 0)
    return;
  ImplicitLocOpBuilder b(op.getLoc(), op.getContext());
  SmallVector<Value, 2> yielded;
  for (Region &side : op->getRegions()) {
    Operation *yield = side.front().getTerminator();
    visit(side.front());
    b.setInsertionPoint(yield);
    yielded.push_back(getFirst(b, b.getLoc(), yield->getOperands()));
  }
  Value condition = faults.lookup(op.getCondition()), fault;
  if (yielded[0] || yielded[1]) {
    SmallVector<Type> types(op.getResultTypes());
    types.push_back(b.getI32Type());
    b.setInsertionPointAfter(op);
    auto both =
        scf::IfOp::create(b, types, op.getCondition(), /*withElseRegion=*/true);
    for (auto [side, old, value] :
         llvm::zip_equal(both->getRegions(), op->getRegions(), yielded)) {
      side.takeBody(old);
      Operation *yield = side.front().getTerminator();
      b.setInsertionPoint(yield);
      if (!value)
        value = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
      yield->insertOperands(yield->getNumOperands(), value);
    }
    op->replaceAllUsesWith(both.getResults().drop_back());
    op.erase();
    op = both;
    fault = both.getResults().back();
  }
  b.setInsertionPointAfter(op);
  fault = combine(b, condition, fault);
  if (fault)
    for (Value result : op.getResults())
      faults[result] = fault;
}

void Faults::visit(Operation &op) {
  if (op.getNumResults() == 0)
    return;
  ImplicitLocOpBuilder b(op.getLoc(), op.getContext());
  b.setInsertionPointAfter(&op);
  Value fault;
  if (auto select = dyn_cast<arith::SelectOp>(op)) {
    // What is not taken may be wrong.
    Value yes = faults.lookup(select.getTrueValue());
    Value no = faults.lookup(select.getFalseValue());
    if (yes || no) {
      Value none = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
      fault = arith::SelectOp::create(b, select.getCondition(),
                                      yes ? yes : none, no ? no : none);
    }
    fault = combine(b, faults.lookup(select.getCondition()), fault);
  } else {
    for (Value operand : op.getOperands())
      fault = combine(b, fault, faults.lookup(operand));
    llvm::SetVector<Value> captures;
    getUsedValuesDefinedAbove(op.getRegions(), captures);
    for (Value capture : captures)
      fault = combine(b, fault, faults.lookup(capture));
  }
  if (Value own = overflows(b, op)) {
    Value none = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
    Value number = arith::ConstantOp::create(
        b, b.getI32IntegerAttr(getNumber(op.getLoc())));
    fault = combine(b, fault, arith::SelectOp::create(b, own, number, none));
  }
  if (fault)
    for (Value result : op.getResults())
      faults[result] = fault;
}

Value Faults::getFirst(OpBuilder &b, Location loc, ValueRange values) {
  ImplicitLocOpBuilder lb(loc, b);
  Value first;
  for (Value value : values)
    first = combine(lb, first, faults.lookup(value));
  return first;
}

struct CheckSizesPass : public tern::impl::CheckSizesPassBase<CheckSizesPass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (func::FuncOp func : getEntryFunctions(getOperation())) {
      auto shapes = symbols.lookup<func::FuncOp>(getShapesFunctionName(func));
      auto size = symbols.lookup<func::FuncOp>(getArenaSizeFunctionName(func));
      if (!shapes || !size)
        continue;
      if (failed(verifyHelperFunction(func, shapes)) ||
          failed(verifyHelperFunction(func, size, 1)) ||
          failed(lowerAffine(shapes)) || failed(lowerAffine(size)) ||
          failed(verifyBody(shapes, nullptr)) ||
          failed(verifyBody(size, shapes)))
        return signalPassFailure();
      checkShapes(func, shapes, size);
      checkSize(shapes, size);
    }
  }

  /// Products and sums in maps become operations; what leads to no result goes.
  LogicalResult lowerAffine(func::FuncOp func) {
    OpPassManager pm(func::FuncOp::getOperationName());
    pm.addPass(createLowerAffinePass());
    if (failed(runPipeline(pm, func)))
      return failure();
    eraseDeadOps(func.getBody());
    return success();
  }

  /// Whether all arithmetic of a function can be followed: there are no loops
  /// around it, and no calls but of `shapes` for the function's own dims.
  LogicalResult verifyBody(func::FuncOp func, func::FuncOp shapes) {
    WalkResult result = func.walk([&](Operation *op) {
      if (auto call = dyn_cast<func::CallOp>(op)) {
        if (shapes && call.getCallee() == shapes.getName() &&
            call->getParentOp() == func &&
            llvm::equal(call.getOperands(), func.getArguments()))
          return WalkResult::advance();
      } else if (isa<CallOpInterface>(op)) {
        // Nobody knows what it computes.
      } else if (op->getNumRegions() == 0 || isa<func::FuncOp, scf::IfOp>(op) ||
                 !hasArithmetic(op)) {
        return WalkResult::advance();
      }
      op->emitOpError("is more than arithmetic and branches: sizes that '")
          << func.getName() << "' computes so cannot be checked";
      return WalkResult::interrupt();
    });
    return failure(result.wasInterrupted());
  }

  static bool hasArithmetic(Operation *op) {
    return op
        ->walk([&](Operation *inner) {
          bool is =
              isa<arith::MulIOp, arith::AddIOp, arith::SubIOp, arith::FPToSIOp>(
                  inner);
          return is ? WalkResult::interrupt() : WalkResult::advance();
        })
        .wasInterrupted();
  }

  /// The shapes function tells of its own extents and of the size.
  void checkShapes(func::FuncOp func, func::FuncOp shapes, func::FuncOp size) {
    Operation *ret = shapes.getBody().front().getTerminator();
    ImplicitLocOpBuilder b(ret->getLoc(), ret);
    unsigned numResults = ret->getNumOperands();
    // Its body once more, where calls of this function are what it returns.
    IRMapping mapping;
    mapping.map(size.getArguments(), shapes.getArguments());
    Block &body = size.getBody().front();
    for (Operation &op : body.without_terminator()) {
      if (isa<func::CallOp>(op))
        mapping.map(op.getResults(), ret->getOperands());
      else
        b.clone(op, mapping);
    }
    // For a while it returns the size, too: branches are replaced.
    for (Value bytes : body.getTerminator()->getOperands())
      ret->insertOperands(ret->getNumOperands(),
                          mapping.lookupOrDefault(bytes));
    Faults faults(shapes);
    Value fault = faults.getFirst(b, b.getLoc(), ret->getOperands());
    ret->eraseOperands(numResults, ret->getNumOperands() - numResults);
    if (!fault)
      return;
    SmallVector<Value> results(ret->getOperands());
    Value one = arith::ConstantIndexOp::create(b, 1);
    Value zero = arith::ConstantIndexOp::create(b, 0);
    SmallVector<Attribute> checks;
    if (auto given =
            TernDialect::ChecksAttrHelper(func->getContext()).getAttr(func))
      llvm::append_range(checks, given);
    for (auto [i, message] : llvm::enumerate(faults.getMessages())) {
      Value number = arith::ConstantOp::create(b, b.getI32IntegerAttr(i + 1));
      Value fails =
          arith::CmpIOp::create(b, arith::CmpIPredicate::eq, fault, number);
      results.push_back(arith::SelectOp::create(b, fails, zero, one));
      checks.push_back(message);
    }
    ret->setOperands(results);
    shapes.setFunctionType(
        b.getFunctionType(shapes.getFunctionType().getInputs(),
                          SmallVector<Type>(results.size(), b.getIndexType())));
    TernDialect::ChecksAttrHelper(func->getContext())
        .setAttr(func, b.getArrayAttr(checks));
  }

  /// The size becomes -1 if it overflows.
  void checkSize(func::FuncOp shapes, func::FuncOp size) {
    // Its calls have the results that there were before.
    for (auto call : llvm::make_early_inc_range(
             size.getBody().front().getOps<func::CallOp>())) {
      OpBuilder b(call);
      auto now =
          func::CallOp::create(b, call.getLoc(), shapes, call.getOperands());
      call->replaceAllUsesWith(
          now.getResults().take_front(call.getNumResults()));
      call.erase();
    }
    Operation *ret = size.getBody().front().getTerminator();
    ImplicitLocOpBuilder b(ret->getLoc(), ret);
    Faults faults(size);
    Value fault = faults.getFirst(b, b.getLoc(), ret->getOperands());
    if (!fault)
      return;
    Value none = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
    Value fails =
        arith::CmpIOp::create(b, arith::CmpIPredicate::ne, fault, none);
    Value minus = arith::ConstantIndexOp::create(b, -1);
    ret->setOperand(
        0, arith::SelectOp::create(b, fails, minus, ret->getOperand(0)));
  }
};

} // namespace
