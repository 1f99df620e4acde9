//===- RecurrentCells.cpp - Steps of RNN, GRU, LSTM -----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "Quantization.h"
#include "Recurrent.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

//===----------------------------------------------------------------------===//
// Scalar functions
//===----------------------------------------------------------------------===//

static std::optional<std::pair<double, double>>
getDefaultParameters(StringRef name) {
  if (name == "leakyrelu")
    return std::pair(0.01, 0.0);
  if (name == "elu" || name == "thresholdedrelu")
    return std::pair(1.0, 0.0);
  if (name == "hardsigmoid")
    return std::pair(0.2, 0.5);
  if (name == "affine" || name == "scaledtanh")
    return std::pair(1.0, name == "affine" ? 0.0 : 1.0);
  for (StringRef known : {"relu", "tanh", "sigmoid", "softsign", "softplus"})
    if (name == known)
      return std::pair(0.0, 0.0);
  return std::nullopt;
}

static Value emitActivation(B &b, Value x, const Activation &f) {
  Type type = x.getType();
  auto number = [&](double value) { return emitConstant(b, type, value); };
  auto add = [&](Value l, Value r) -> Value {
    return arith::AddFOp::create(b, l, r);
  };
  auto mul = [&](Value l, Value r) -> Value {
    return arith::MulFOp::create(b, l, r);
  };
  auto choose = [&](arith::CmpFPredicate predicate, double bound, Value yes,
                    Value no) -> Value {
    Value condition = arith::CmpFOp::create(b, predicate, x, number(bound));
    return arith::SelectOp::create(b, condition, yes, no);
  };
  using P = arith::CmpFPredicate;
  if (f.name == "tanh")
    return math::TanhOp::create(b, x);
  if (f.name == "sigmoid") {
    Value e = math::ExpOp::create(b, arith::NegFOp::create(b, x));
    return arith::DivFOp::create(b, number(1), add(number(1), e));
  }
  if (f.name == "relu")
    return choose(P::UGT, 0, x, number(0));
  if (f.name == "leakyrelu")
    return choose(P::OLT, 0, mul(x, number(f.alpha)), x);
  if (f.name == "thresholdedrelu")
    return choose(P::UGT, f.alpha, x, number(0));
  if (f.name == "affine")
    return add(mul(x, number(f.alpha)), number(f.beta));
  if (f.name == "scaledtanh")
    return mul(number(f.alpha),
               math::TanhOp::create(b, mul(x, number(f.beta))));
  if (f.name == "hardsigmoid") {
    Value line = add(mul(x, number(f.alpha)), number(f.beta));
    Value positive = arith::MaximumFOp::create(b, line, number(0));
    return arith::MinimumFOp::create(b, positive, number(1));
  }
  if (f.name == "elu")
    return choose(P::OLT, 0, mul(number(f.alpha), math::ExpM1Op::create(b, x)),
                  x);
  Value magnitude = math::AbsFOp::create(b, x);
  if (f.name == "softsign")
    return arith::DivFOp::create(b, x, add(number(1), magnitude));
  // softplus
  Value e = math::ExpOp::create(b, arith::NegFOp::create(b, magnitude));
  return add(arith::MaximumFOp::create(b, x, number(0)),
             math::Log1pOp::create(b, e));
}

/// The activation of a sum that is clipped first, if it is.
static Value emitGate(B &b, Value sum, const Layer &layer, unsigned index) {
  if (layer.clip > 0) {
    Value high = emitConstant(b, sum.getType(), layer.clip);
    Value low = emitConstant(b, sum.getType(), -layer.clip);
    sum = arith::MaximumFOp::create(
        b, arith::MinimumFOp::create(b, sum, high).getResult(), low);
  }
  return emitActivation(b, sum, layer.activations[index]);
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

static LogicalResult readActivations(Node &node, Layer &layer) {
  std::vector<std::string> names;
  if (std::optional<std::vector<std::string>> given =
          node.getStrings("activations"))
    names = *given;
  else
    for (int64_t d = 0; d < layer.numDirections; ++d) {
      if (layer.cell != Cell::RNN)
        names.push_back("Sigmoid");
      names.push_back("Tanh");
      if (layer.cell == Cell::LSTM)
        names.push_back("Tanh");
    }
  size_t perDirection = layer.cell == Cell::RNN   ? 1
                        : layer.cell == Cell::GRU ? 2
                                                  : 3;
  if (names.size() != perDirection * layer.numDirections)
    return node.error("attribute 'activations' has " + Twine(names.size()) +
                      " elements");
  SmallVector<double> alphas = node.getFloats("activation_alpha");
  SmallVector<double> betas = node.getFloats("activation_beta");
  size_t nextAlpha = 0, nextBeta = 0;
  for (const std::string &name : names) {
    std::string lower = StringRef(name).lower();
    auto defaults = getDefaultParameters(lower);
    if (!defaults)
      return node.error("activation " + quote(name) + " is not supported");
    Activation f{lower, defaults->first, defaults->second};
    bool hasAlpha = f.alpha != 0, hasBeta = f.beta != 0 || lower == "affine";
    if (hasAlpha && nextAlpha < alphas.size())
      f.alpha = alphas[nextAlpha++];
    if (hasBeta && nextBeta < betas.size())
      f.beta = betas[nextBeta++];
    layer.activations.push_back(f);
  }
  return success();
}

LogicalResult tern::onnx_import::readAttributes(Node &node, Layer &layer) {
  StringRef direction = node.getString("direction", "forward");
  if (direction != "forward" && direction != "reverse" &&
      direction != "bidirectional")
    return node.error("attribute 'direction' is " + quote(direction));
  layer.numDirections = direction == "bidirectional" ? 2 : 1;
  layer.isReverse = direction == "reverse";
  layer.numGates = layer.cell == Cell::RNN   ? 1
                   : layer.cell == Cell::GRU ? 3
                                             : 4;
  layer.clip = node.getFloat("clip", 0);
  if (node.hasAttribute("clip") && !(layer.clip > 0))
    return node.error("attribute 'clip' must be positive");
  if (layer.cell == Cell::GRU)
    layer.linearBeforeReset = node.getFlag("linear_before_reset", false);
  if (layer.cell == Cell::LSTM)
    layer.inputForget = node.getFlag("input_forget", false);
  return readActivations(node, layer);
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

Tensor tern::onnx_import::getGates(Node &node, Tensor matrix,
                                   const Layer &layer, int64_t gate,
                                   int64_t count) {
  B &b = node.b;
  Extents shape = {matrix.shape[0], count * layer.hidden};
  SmallVector<OpFoldResult> offsets = {b.getIndexAttr(0),
                                       b.getIndexAttr(gate * layer.hidden)};
  SmallVector<OpFoldResult> sizes = {
      node.getSymbols().getFoldResult(b, shape[0]),
      b.getIndexAttr(count * layer.hidden)};
  SmallVector<OpFoldResult> strides(2, b.getIndexAttr(1));
  Value source = node.getValue(matrix);
  return node.makeTensor(
      matrix.dtype, shape,
      tensor::ExtractSliceOp::create(b, node.getTensorType(matrix.dtype, shape),
                                     source, offsets, sizes, strides));
}

FailureOr<Tensor> tern::onnx_import::emitProduct(Node &node, const Tensor &x,
                                                 const Weight &weight) {
  if (!weight.scale)
    return node.emitMatmul(x, weight.matrix);
  FailureOr<DynamicallyQuantized> quantized = emitDynamicallyQuantized(node, x);
  if (failed(quantized))
    return failure();
  FailureOr<Tensor> product =
      emitShifted(node, quantized->codes, quantized->zeroPoint);
  if (succeeded(product))
    product = node.emitMatmul(*product, weight.matrix);
  if (succeeded(product))
    product = emitCast(node, *product, DType::F32);
  if (failed(product))
    return failure();
  return node.emitMap(
      {*product, quantized->scale, *weight.scale}, product->shape, DType::F32,
      [](B &b, ValueRange args) -> Value {
        Value scale =
            arith::MulFOp::create(b, args[1], emitDetached(b, args[2]));
        return arith::MulFOp::create(b, args[0], scale);
      });
}

//===----------------------------------------------------------------------===//
// Cells
//===----------------------------------------------------------------------===//

static FailureOr<Tensor> emitRNNStep(Node &node, Step &step) {
  FailureOr<Tensor> product = emitProduct(node, step.h, step.recurrence);
  if (failed(product))
    return failure();
  return node.emitMap({step.input, *product}, step.h.dtype,
                      [&](B &b, ValueRange args) -> Value {
                        Value sum = arith::AddFOp::create(b, args[0], args[1]);
                        return emitGate(b, sum, step.layer, step.f(0));
                      });
}

static FailureOr<Tensor> emitGRUStep(Node &node, Step &step) {
  const Layer &layer = step.layer;
  DType type = step.h.dtype;
  // z and r.
  FailureOr<Tensor> product = node.emitMatmul(
      step.h, getGates(node, step.recurrence.matrix, layer, 0, 2));
  if (failed(product))
    return failure();
  FailureOr<Tensor> gates =
      node.emitMap({getGates(node, step.input, layer, 0, 2), *product}, type,
                   [&](B &b, ValueRange args) -> Value {
                     Value sum = arith::AddFOp::create(b, args[0], args[1]);
                     return emitGate(b, sum, layer, step.f(0));
                   });
  if (failed(gates))
    return failure();
  Tensor z = getGates(node, *gates, layer, 0);
  Tensor r = getGates(node, *gates, layer, 1);
  Tensor weight = getGates(node, step.recurrence.matrix, layer, 2);
  auto multiply = [&](const Tensor &lhs, const Tensor &rhs) {
    return node.emitMap({lhs, rhs}, type, [](B &b, ValueRange args) -> Value {
      return arith::MulFOp::create(b, args[0], args[1]);
    });
  };
  FailureOr<Tensor> reset = failure();
  if (layer.linearBeforeReset) {
    reset = node.emitMatmul(step.h, weight);
    if (step.resetBias)
      reset = combine<arith::AddFOp>(node, reset, *step.resetBias);
    if (succeeded(reset))
      reset = multiply(r, *reset);
  } else {
    reset = multiply(r, step.h);
    if (succeeded(reset))
      reset = node.emitMatmul(*reset, weight);
    if (step.resetBias)
      reset = combine<arith::AddFOp>(node, reset, *step.resetBias);
  }
  if (failed(reset))
    return failure();
  return node.emitMap(
      {getGates(node, step.input, layer, 2), *reset, z, step.h}, type,
      [&](B &b, ValueRange args) -> Value {
        Value sum = arith::AddFOp::create(b, args[0], args[1]);
        Value candidate = emitGate(b, sum, layer, step.f(1));
        Value one = emitConstant(b, sum.getType(), 1);
        Value rest = arith::SubFOp::create(b, one, args[2]);
        return arith::AddFOp::create(
            b, arith::MulFOp::create(b, rest, candidate).getResult(),
            arith::MulFOp::create(b, args[2], args[3]).getResult());
      });
}

/// The new state; `step.c` becomes the new cell.
static FailureOr<Tensor> emitLSTMStep(Node &node, Step &step) {
  const Layer &layer = step.layer;
  DType type = step.h.dtype;
  FailureOr<Tensor> product =
      emitProduct(node, step.read.value_or(step.h), step.recurrence);
  FailureOr<Tensor> sums = combine<arith::AddFOp>(node, step.input, product);
  if (failed(sums))
    return failure();
  // The order of the gates is i, o, f, c; that of the peepholes i, o, f.
  SmallVector<Tensor> operands;
  for (int64_t gate : {0, 2, 3})
    operands.push_back(getGates(node, *sums, layer, gate));
  operands.push_back(step.c);
  bool peeps = !step.peepholes.empty();
  if (peeps) {
    operands.push_back(step.peepholes[0]);
    operands.push_back(step.peepholes[2]);
  }
  FailureOr<Tensor> cell =
      node.emitMap(operands, type, [&](B &b, ValueRange args) -> Value {
        Value i = args[0], f = args[1], c = args[3];
        if (peeps) {
          i = arith::AddFOp::create(
              b, i, arith::MulFOp::create(b, args[4], c).getResult());
          f = arith::AddFOp::create(
              b, f, arith::MulFOp::create(b, args[5], c).getResult());
        }
        i = emitGate(b, i, layer, step.f(0));
        f = layer.inputForget
                ? arith::SubFOp::create(b, emitConstant(b, i.getType(), 1), i)
                      .getResult()
                : emitGate(b, f, layer, step.f(0));
        Value candidate = emitGate(b, args[2], layer, step.f(1));
        return arith::AddFOp::create(
            b, arith::MulFOp::create(b, f, c).getResult(),
            arith::MulFOp::create(b, i, candidate).getResult());
      });
  if (failed(cell))
    return failure();
  operands = {getGates(node, *sums, layer, 1), *cell};
  if (peeps)
    operands.push_back(step.peepholes[1]);
  step.c = *cell;
  return node.emitMap(operands, type, [&](B &b, ValueRange args) -> Value {
    Value o = args[0];
    if (peeps)
      o = arith::AddFOp::create(
          b, o, arith::MulFOp::create(b, args[2], args[1]).getResult());
    o = emitGate(b, o, layer, step.f(0));
    return arith::MulFOp::create(
        b, o, emitActivation(b, args[1], layer.activations[step.f(2)]));
  });
}

FailureOr<Tensor> tern::onnx_import::emitStep(Node &node, Step &step) {
  switch (step.layer.cell) {
  case Cell::RNN:
    return emitRNNStep(node, step);
  case Cell::GRU:
    return emitGRUStep(node, step);
  case Cell::LSTM:
    return emitLSTMStep(node, step);
  }
  llvm_unreachable("unknown cell");
}
