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

std::string TernDialect::checkLevel(Operation *module, StringRef level) {
  std::string problem;
  auto check = [&](ArrayRef<NamedAttribute> attrs, bool isValue) {
    for (NamedAttribute attr : attrs)
      if (problem.empty() &&
          isa_and_present<TernDialect>(attr.getNameDialect()))
        problem = checkMarkerLevel(attr.getName(), isValue, level);
  };
  module->walk([&](Operation *op) {
    check(op->getDiscardableAttrDictionary().getValue(), /*isValue=*/false);
    auto function = dyn_cast<FunctionOpInterface>(op);
    for (unsigned i = 0; function && i < function.getNumArguments(); ++i)
      check(function.getArgAttrs(i), /*isValue=*/true);
    for (unsigned i = 0; function && i < function.getNumResults(); ++i)
      check(function.getResultAttrs(i), /*isValue=*/true);
    return problem.empty() ? WalkResult::advance() : WalkResult::interrupt();
  });
  return problem;
}

LogicalResult TernDialect::verifyOperationAttribute(Operation *op,
                                                    NamedAttribute attr) {
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
