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

/// A product of codes. Its factors are read as numbers, which says how to
/// extend narrow ones; integer layers multiply in i32.
struct MulIModel
    : DifferentiableOpInterface::ExternalModel<MulIModel, arith::MulIOp> {
  LogicalResult buildAdjoint(Operation *op, Reverse &reverse) const {
    ImplicitLocOpBuilder &b = reverse.getBuilder();
    if (op->getResult(0).getType().getIntOrFloatBitWidth() < 32)
      return mlir::emitError(op->getLoc())
             << "'arith.muli' cannot be differentiated: a product of integers "
                "of less than 32 bits wraps";
    Value dy = reverse.getCotangent(op->getResult(0));
    for (unsigned i : {0, 1}) {
      Value factor = op->getOperand(1 - i);
      if (reverse.isVaried(op->getOperand(i)))
        reverse.add(
            op->getOperand(i),
            arith::MulFOp::create(
                b, dy, arith::SIToFPOp::create(b, dy.getType(), factor)));
    }
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
        arith::MulIOp::attachInterface<MulIModel>(*context);
      });
}
