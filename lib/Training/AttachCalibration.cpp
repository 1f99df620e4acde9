//===- AttachCalibration.cpp - Compute errors of conversion ---------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "BlendBitLinear.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/IRMapping.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"
#include "tern/Ternary/Layers.h"
#include "tern/Training/Passes.h"

namespace tern {
#define GEN_PASS_DEF_TERNATTACHCALIBRATION
#include "tern/Training/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// Whether each element of the result is an element of the first operand (or
/// padding): what stands between a quantized sample and its windows.
bool isMove(Operation *op) {
  if (isa<tensor::PadOp, tensor::CollapseShapeOp, tensor::ExpandShapeOp,
          tensor::CastOp, linalg::TransposeOp>(op))
    return true;
  auto generic = dyn_cast<linalg::GenericOp>(op);
  return generic && generic.getNumDpsInputs() == 1 &&
         generic->getNumResults() == 1 &&
         generic.getBody()->getTerminator()->getOperand(0) ==
             generic.getBody()->getArgument(0);
}

class Calibration {
public:
  explicit Calibration(func::FuncOp main)
      : main(main),
        b(main.getLoc(), OpBuilder(main.getBody().front().getTerminator())) {}

  /// Returns how many layers are measured.
  unsigned run();

private:
  void visit(BitLinearOp op);
  Value toFloat(Value value) { return inFloat.lookupOrDefault(value); }
  /// The input of a layer in the float model, quantized as the ternary one is.
  Value getQuantizedInput(Value x);
  /// The sum of `body` over elements of tensors of one shape.
  Value sum(ValueRange tensors, TensorBuilder::Body body);
  /// Of x, or of the difference of two tensors, as f64.
  Value sumSquares(ValueRange tensors);
  void addResult(const Twine &name, ValueRange sums);

  func::FuncOp main;
  TensorBuilder b;
  /// From the model's values to those of the float model.
  IRMapping inFloat;
  SmallVector<Value> results;
  SmallVector<DictionaryAttr> resultAttrs;
  unsigned numLayers = 0, numMeasured = 0;
};

/// A straight-through value that conversion put before a convolution.
bool isInserted(Operation *op) {
  auto straight = dyn_cast<StraightThroughOp>(op);
  return straight && !straight.getLambda();
}

Value Calibration::sum(ValueRange tensors, TensorBuilder::Body body) {
  unsigned rank = cast<RankedTensorType>(tensors.front().getType()).getRank();
  SmallVector<AffineMap> maps(tensors.size(), b.identity(rank));
  Value total = b.reduce(
      {}, b.getF64FloatAttr(0), tensors, maps, b.scalar(rank),
      [&](TensorBuilder &n, ValueRange args) -> Value {
        return arith::AddFOp::create(n, args.back(), body(n, args.drop_back()));
      });
  return b.read(total);
}

Value Calibration::sumSquares(ValueRange tensors) {
  return sum(tensors, [](TensorBuilder &n, ValueRange args) -> Value {
    SmallVector<Value> wide;
    for (Value arg : args)
      wide.push_back(arith::ExtFOp::create(n, n.getF64Type(), arg));
    Value x = wide.size() == 1
                  ? wide.front()
                  : arith::SubFOp::create(n, wide[0], wide[1]).getResult();
    return arith::MulFOp::create(n, x, x);
  });
}

void Calibration::addResult(const Twine &name, ValueRange sums) {
  auto type = RankedTensorType::get({static_cast<int64_t>(sums.size())},
                                    b.getF64Type());
  results.push_back(tensor::FromElementsOp::create(b, type, sums));
  resultAttrs.push_back(b.getDictionaryAttr(
      b.getNamedAttr(kNameAttrName, b.getStringAttr(name))));
}

Value Calibration::getQuantizedInput(Value x) {
  SmallVector<Operation *> moves;
  Operation *op = x.getDefiningOp();
  for (; op && isMove(op); op = op->getOperand(0).getDefiningOp())
    moves.push_back(op);
  if (!op || !isInserted(op))
    return toFloat(x);
  Value value = b.clone(*op, inFloat)->getResult(0);
  // The clone maps the value that the ternary model has here.
  inFloat.map(op->getResult(0), toFloat(op->getOperand(0)));
  for (Operation *move : llvm::reverse(moves)) {
    // Not inFloat: it maps the arguments of the move's own block.
    IRMapping mapping;
    for (Value operand : move->getOperands())
      mapping.map(operand, toFloat(operand));
    mapping.map(move->getOperand(0), value);
    value = b.clone(*move, mapping)->getResult(0);
  }
  return value;
}

void Calibration::visit(BitLinearOp op) {
  b.setLoc(op.getLoc());
  Value weight = toFloat(op.getWeight());
  Value bias = op.getBias() ? toFloat(op.getBias()) : Value();
  Value alpha = op.getAlpha() ? toFloat(op.getAlpha()) : Value();
  Value y = buildLinear(b, toFloat(op.getX()), weight, bias, op.getType());

  IRMapping mapping = inFloat;
  mapping.map(op.getX(), getQuantizedInput(op.getX()));
  Value own = b.clone(*op, mapping)->getResult(0);
  Value codes =
      QuantizeWeightsOp::create(b, weight, alpha, op.getWeights()).getCodes();
  Value zeros = sum(codes, [](TensorBuilder &n, ValueRange args) -> Value {
    Value zero = arith::ConstantOp::create(n, n.getI8IntegerAttr(0));
    Value isZero =
        arith::CmpIOp::create(n, arith::CmpIPredicate::eq, args[0], zero);
    return arith::UIToFPOp::create(n, n.getF64Type(), isZero);
  });
  Value ternary = buildDequantized(b, weight, alpha, op.getWeights());
  addResult("layer." + Twine(numLayers - 1),
            {zeros, sumSquares({ternary, weight}), sumSquares(weight),
             sumSquares({own, y}), sumSquares({op.getResult(), y}),
             sumSquares(y)});
  inFloat.map(op.getResult(), y);
  ++numMeasured;
}

unsigned Calibration::run() {
  Operation *terminator = main.getBody().front().getTerminator();
  SmallVector<Operation *> ops;
  for (Operation &op : main.getBody().front().without_terminator())
    ops.push_back(&op);
  for (Operation *op : ops) {
    if (isInserted(op)) {
      inFloat.map(op->getResult(0), toFloat(op->getOperand(0)));
      continue;
    }
    auto layer = dyn_cast<BitLinearOp>(op);
    if (layer && isConverted(layer)) {
      ++numLayers;
      visit(layer);
      continue;
    }
    Operation *clone = b.clone(*op, inFloat);
    SmallVector<BitLinearOp> nested;
    clone->walk([&](BitLinearOp inner) {
      if (inner != clone && isConverted(inner))
        nested.push_back(inner);
    });
    numLayers += nested.size();
    for (BitLinearOp inner : nested) {
      TensorBuilder at(inner.getLoc(), inner);
      inner.getResult().replaceAllUsesWith(
          buildLinear(at, inner.getX(), inner.getWeight(), inner.getBias(),
                      inner.getType()));
      inner.erase();
    }
  }
  b.setLoc(main.getLoc());
  for (auto [i, output] : llvm::enumerate(terminator->getOperands()))
    if (auto type = dyn_cast<RankedTensorType>(output.getType());
        type && type.getElementType().isF32())
      addResult("output." + Twine(i), {sumSquares({output, toFloat(output)}),
                                       sumSquares(toFloat(output))});
  terminator->setOperands(results);
  main.setFunctionType(b.getFunctionType(main.getArgumentTypes(),
                                         TypeRange(ValueRange(results))));
  main.setAllResultAttrs(resultAttrs);
  return numMeasured;
}

struct AttachCalibrationPass
    : public tern::impl::TernAttachCalibrationBase<AttachCalibrationPass> {
  void runOnOperation() override {
    auto main = getOperation().lookupSymbol<func::FuncOp>("main");
    if (!main || main.isDeclaration()) {
      getOperation().emitError("expected a public function 'main'");
      return signalPassFailure();
    }
    numMeasured += Calibration(main).run();
  }
};

} // namespace
