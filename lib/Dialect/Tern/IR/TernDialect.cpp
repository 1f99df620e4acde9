//===- TernDialect.cpp - The tern dialect ---------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "DiscardableAttributes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Transforms/InliningUtils.h"
#include "tern/Dialect/Tern/IR/SumOrder.h"
#include "tern/Dialect/Tern/IR/TernOps.h"

using namespace mlir;
using namespace tern;

#include "tern/Dialect/Tern/IR/TernDialect.cpp.inc"

namespace {
/// No operation has control flow, or effects that depend on where it stands.
struct TernInlinerInterface : DialectInlinerInterface {
  using DialectInlinerInterface::DialectInlinerInterface;

  bool isLegalToInline(Operation *, Region *, bool, IRMapping &) const final {
    return true;
  }
};
} // namespace

void TernDialect::initialize() {
  addInterfaces<TernInlinerInterface>();
  registerAttributes();
  registerOps();
}

//===----------------------------------------------------------------------===//
// Discardable attributes
//===----------------------------------------------------------------------===//

/// "tensor", "axis:A" or "group:G:A", of a result of this rank.
static bool isTernaryFactOfRank(StringRef fact, int64_t rank) {
  int64_t group = 1, axis = 0;
  if (fact.consume_front("group:")) {
    auto [first, second] = fact.split(':');
    return rank == 2 && !first.getAsInteger(10, group) && group > 0 &&
           !second.getAsInteger(10, axis) && axis >= 0 && axis < rank;
  }
  return fact == "tensor" ||
         (fact.consume_front("axis:") && !fact.getAsInteger(10, axis) &&
          axis >= 0 && axis < rank);
}

LogicalResult TernDialect::verifyOperationAttribute(Operation *op,
                                                    NamedAttribute attr) {
  StringRef name = attr.getName();
  if (name == getTargetAttrName()) {
    if (!isa<TargetAttrInterface>(attr.getValue()))
      return op->emitOpError()
             << "'" << name << "' must be a target, such as #tern.generic";
  } else if (name == getPrepareAttrName()) {
    if (!isa<FunctionOpInterface, ModuleOp>(op) ||
        !isa<UnitAttr>(attr.getValue()))
      return op->emitOpError()
             << "'" << name
             << "' must be a unit attribute on a function or a module";
  } else if (name == getTernaryAttrName()) {
    auto fact = dyn_cast<StringAttr>(attr.getValue());
    // On buffers there is nobody left to read it.
    auto type = op->getNumResults() == 1
                    ? dyn_cast<RankedTensorType>(op->getResult(0).getType())
                    : nullptr;
    if (!fact || (type && !isTernaryFactOfRank(fact, type.getRank())))
      return op->emitOpError()
             << "'" << name
             << "' must be \"tensor\", \"axis:A\" or, for a matrix, "
                "\"group:G:A\"";
  } else if (name == kSumOrderAttrName) {
    auto order = dyn_cast<StringAttr>(attr.getValue());
    if (!order || !symbolizeSumOrder(order) ||
        !isa<arith::AddFOp, arith::MulFOp>(op))
      return op->emitOpError()
             << "'" << name
             << "' must be \"lanes\" or \"ascending\", on arith.addf or "
                "arith.mulf";
    if (!isa_and_present<linalg::LinalgOp>(op->getParentOp()))
      return op->emitOpError()
             << "'" << name
             << "' belongs in the body of a structured operation";
  }
  return verifyOperationMarker(op, attr);
}

LogicalResult TernDialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                    unsigned argIndex,
                                                    NamedAttribute attr) {
  StringRef name = attr.getName();
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    return op->emitOpError() << "'" << name << "' belongs on functions";
  return verifyValueMarker(function, argIndex, /*isArgument=*/true, attr);
}

LogicalResult TernDialect::verifyRegionResultAttribute(Operation *op, unsigned,
                                                       unsigned resultIndex,
                                                       NamedAttribute attr) {
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    return op->emitOpError()
           << "'" << attr.getName() << "' belongs on functions";
  return verifyValueMarker(function, resultIndex, /*isArgument=*/false, attr);
}
