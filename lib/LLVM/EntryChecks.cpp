//===- EntryChecks.cpp - What entry functions must keep to ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EntryChecks.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/EntryPoints.h"

using namespace mlir;
using namespace tern;

LogicalResult tern::checkState(func::FuncOp func, unsigned arg,
                               MemRefType type) {
  auto fail = [&](const Twine &what) {
    return func.emitError("state '")
           << getStateName(func, arg).getValue() << "' " << what;
  };
  auto shape = func.getArgAttrOfType<ArrayAttr>(arg, kShapeAttrName);
  for (int64_t axis = 0; axis < type.getRank(); ++axis) {
    auto name = shape ? dyn_cast<StringAttr>(shape[axis]) : StringAttr();
    if (type.isDynamicDim(axis) && (!name || name.empty()))
      return fail("has an extent without a name in dimension " + Twine(axis) +
                  ": '" + kShapeAttrName + "' gives it one");
  }
  // What trains may begin with a checkpoint's, as long as it knows the shape.
  bool isTraining = TernDialect::TrainingAttrHelper(func->getContext())
                        .isAttrPresent(func->getParentOfType<ModuleOp>());
  if (func.getArgAttr(arg, kInitAttrName) ||
      (isTraining && type.hasStaticShape()))
    return success();
  return fail("begins with nothing: '" + Twine(kInitAttrName) +
              "' says what all its elements are at first");
}

LogicalResult tern::checkDonated(func::FuncOp func) {
  for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
    if (func.getArgAttr(i, kDonatedAttrName) &&
        !func.getArgAttr(i, kStateAttrName)) {
      InFlightDiagnostic error = func.emitError("argument #")
                                 << i << " is updated in place";
      if (StringAttr name = getStateName(func, i))
        error << ", the parameter " << name;
      return error << ": outside training only state ('" << kStateAttrName
                   << "') may be";
    }
  return success();
}

LogicalResult tern::findScalarChecks(func::FuncOp func, size_t numDims,
                                     SymbolTable &symbols,
                                     func::FuncOp &checks) {
  if (!TernDialect::ScalarChecksAttrHelper(func->getContext())
           .isAttrPresent(func))
    return success();
  std::string name = getScalarChecksFunctionName(func);
  checks = symbols.lookup<func::FuncOp>(name);
  if (!checks)
    return func.emitError("expected a function '")
           << name << "' beside this one";
  Builder b(func.getContext());
  SmallVector<Type> inputs(numDims, b.getIndexType());
  for (unsigned arg : getScalarArguments(func))
    inputs.push_back(getElementTypeOrSelf(func.getArgumentTypes()[arg]));
  auto type = b.getFunctionType(inputs, b.getIndexType());
  if (checks.isDeclaration() || checks.getFunctionType() != type)
    return checks.emitError("expected a function of type ")
           << type << ", from the extents and scalars of '" << func.getName()
           << "' to the number of a check";
  return success();
}

void tern::callIfScalarsFit(ImplicitLocOpBuilder &b, func::FuncOp checks,
                            ValueRange checked, StringRef callee,
                            ValueRange operands) {
  Type i32 = b.getI32Type();
  Value failed = func::CallOp::create(b, checks, checked).getResult(0);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value isFine =
      arith::CmpIOp::create(b, arith::CmpIPredicate::eq, failed, zero);
  auto ifFine = scf::IfOp::create(b, i32, isFine, /*withElseRegion=*/true);
  func::ReturnOp::create(b, ifFine.getResult(0));
  b.setInsertionPointToStart(ifFine.thenBlock());
  scf::YieldOp::create(
      b, func::CallOp::create(b, callee, i32, operands).getResults());
  b.setInsertionPointToStart(ifFine.elseBlock());
  Value number = arith::IndexCastOp::create(b, i32, failed);
  scf::YieldOp::create(b, number);
}
