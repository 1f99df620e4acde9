//===- ExpandMath.cpp - Functions on f32 in plain arithmetic --------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MathFunctions.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/TypeUtilities.h"
#include "tern/Buffers/Passes.h"
#include "tern/Dialect/Tern/IR/TernAttributes.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include <limits>

namespace tern {
#define GEN_PASS_DEF_EXPANDMATHPASS
#include "tern/Buffers/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

/// e^x - 1 in f64 of the library's exp and log, after W. Kahan: with u = e^x
/// rounded, (u - 1) * x / log(u), in which u's error cancels. The conversion to
/// LLVM would say u - 1.
static Value buildWideExpM1(math::ExpM1Op op) {
  ImplicitLocOpBuilder b(op.getLoc(), op);
  Value x = op.getOperand();
  auto constant = [&](double number) -> Value {
    TypedAttr value = b.getF64FloatAttr(number);
    if (auto shaped = dyn_cast<ShapedType>(x.getType()))
      value = DenseElementsAttr::get(shaped, Attribute(value));
    return arith::ConstantOp::create(b, value);
  };
  auto isEqual = [&](Value left, Value right) -> Value {
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, left, right);
  };
  Value one = constant(1);
  Value power = math::ExpOp::create(b, x);
  Value difference = arith::SubFOp::create(b, power, one);
  Value ratio = arith::DivFOp::create(b, x, math::LogOp::create(b, power));
  Value result = arith::MulFOp::create(b, difference, ratio);
  // Where the quotient would be of zeros or infinities.
  result = arith::SelectOp::create(b, isEqual(difference, constant(-1)),
                                   difference, result);
  Value infinity = constant(std::numeric_limits<double>::infinity());
  result = arith::SelectOp::create(b, isEqual(power, infinity), power, result);
  return arith::SelectOp::create(b, isEqual(power, one), x, result);
}

namespace {

struct ExpandMathPass : tern::impl::ExpandMathPassBase<ExpandMathPass> {
  void runOnOperation() override {
    SmallVector<Operation *> functions;
    getOperation()->walk([&](Operation *op) {
      if (isOwnMathFunction(op))
        functions.push_back(op);
    });
    getOperation()->walk([](math::ExpM1Op op) {
      if (isa<TensorType>(op.getType()) ||
          !getElementTypeOrSelf(op.getType()).isF64())
        return;
      op.replaceAllUsesWith(buildWideExpM1(op));
      op.erase();
    });
    OpBuilder builder(&getContext());
    for (Operation *op : functions) {
      bool hasFma = getTarget(op).getMachine().hasFma;
      op->getResult(0).replaceAllUsesWith(
          buildMathFunction(builder, op, hasFma));
      op->erase();
    }
  }
};

} // namespace
