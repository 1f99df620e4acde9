//===- ScalarModels.cpp - Derivatives of scalar operations ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Models.h"
#include "ScalarExpressions.h"
#include "mlir/IR/DialectRegistry.h"
#include "tern/Autodiff/DifferentiableOpInterface.h"

using namespace mlir;
using namespace tern;
using namespace tern::scalar;

#define GET_DERIVATIVES
#include "Derivatives.inc"
#undef GET_DERIVATIVES

using Derivative = Value (*)(ImplicitLocOpBuilder &b, Operation *op,
                             unsigned operand, Value dy);

namespace {
/// An operation of the table: `mask` has a bit for each operand with a rule.
template <typename Op, Derivative derivative, uint64_t mask>
struct TableModel
    : DifferentiableOpInterface::ExternalModel<TableModel<Op, derivative, mask>,
                                               Op> {
  SmallVector<Value> getGradientSources(Operation *op, OpResult) const {
    SmallVector<Value> sources;
    for (OpOperand &operand : op->getOpOperands())
      if (mask >> operand.getOperandNumber() & 1)
        sources.push_back(operand.get());
    return sources;
  }

  LogicalResult buildAdjoint(Operation *op, Reverse &reverse) const {
    Value dy = reverse.getCotangent(op->getResult(0));
    for (OpOperand &operand : op->getOpOperands())
      if ((mask >> operand.getOperandNumber() & 1) &&
          reverse.isVaried(operand.get()))
        reverse.add(operand.get(), derivative(reverse.getBuilder(), op,
                                              operand.getOperandNumber(), dy));
    return success();
  }
};
} // namespace

void tern::registerScalarModels(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, arith::ArithDialect *, math::MathDialect *) {
#define DERIVATIVE(op, function, mask)                                         \
  op::attachInterface<TableModel<op, function, (mask)>>(*context);
#include "Derivatives.inc"
#undef DERIVATIVE
      });
}
