//===- Activations.cpp - Activation functions -----------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Activations.h"
#include "Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

/// A scalar function with attributes, read by `attributes` before any code.
using ParametricBody = std::function<Value(B &, Value, ArrayRef<double>)>;
struct FloatAttribute {
  const char *name;
  double defaultValue;
};

static void addParametric(OpTable &ops, StringRef name, int64_t since,
                          std::vector<FloatAttribute> attributes,
                          ParametricBody body) {
  ops.onOp(name, since, 1, [=](Node &node) -> LogicalResult {
    Tensor input = node.getInput(0);
    if (failed(node.expectTypes(input, Floats)))
      return failure();
    SmallVector<double> values;
    for (const FloatAttribute &attribute : attributes)
      values.push_back(node.getFloat(attribute.name, attribute.defaultValue));
    return node.setResult(
        node.emitMap({input}, input.dtype, [&](B &b, ValueRange args) {
          return body(b, args[0], values);
        }));
  });
}

//===----------------------------------------------------------------------===//
// Building blocks
//===----------------------------------------------------------------------===//

static Value constant(B &b, Value like, double value) {
  return emitConstant(b, like.getType(), value);
}
static Value add(B &b, Value x, Value y) {
  return arith::AddFOp::create(b, x, y);
}
static Value mul(B &b, Value x, Value y) {
  return arith::MulFOp::create(b, x, y);
}
static Value div(B &b, Value x, Value y) {
  return arith::DivFOp::create(b, x, y);
}
static Value select(B &b, arith::CmpFPredicate predicate, Value x, Value y,
                    Value ifTrue, Value ifFalse) {
  Value condition = arith::CmpFOp::create(b, predicate, x, y);
  return arith::SelectOp::create(b, condition, ifTrue, ifFalse);
}
using P = arith::CmpFPredicate;

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

/// A comparison and a selection, not a maximum: the derivative at 0 is 0. The
/// comparison is true for NaN, which therefore stays.
static Value emitRelu(B &b, Value x, DType dtype) {
  Value zero = constant(b, x, 0);
  if (isFloat(dtype))
    return select(b, P::UGT, x, zero, x, zero);
  Value isPositive =
      arith::CmpIOp::create(b, arith::CmpIPredicate::sgt, x, zero);
  return arith::SelectOp::create(b, isPositive, x, zero);
}

/// x for x >= 0 and slope * x below. At 0 the product is taken, which is the
/// same and gives the derivative there the slope, unless it is NaN: of an
/// infinite slope, or of none.
static Value emitLeaky(B &b, Value x, Value slope, bool isFinite) {
  Value zero = constant(b, x, 0), product = mul(b, x, slope);
  Value isX = arith::CmpFOp::create(b, P::OGT, x, zero);
  if (!isFinite) {
    Value isZero = arith::CmpFOp::create(b, P::OEQ, x, zero);
    Value isNaN = arith::CmpFOp::create(b, P::UNO, product, product);
    isX = arith::OrIOp::create(b, isX, arith::AndIOp::create(b, isZero, isNaN));
  }
  return arith::SelectOp::create(b, isX, x, product);
}

static Value emitLeakyRelu(B &b, Value x, ArrayRef<double> alpha) {
  // The greatest f16: less than that is finite as any type.
  return emitLeaky(b, x, constant(b, x, alpha[0]), std::abs(alpha[0]) <= 65504);
}

/// The slope is broadcast to the input; before opset 7 it was a scalar or had
/// one element per channel (axis 1).
static LogicalResult importPRelu(Node &node) {
  FailureOr<SmallVector<Tensor>> operands = node.getSameTyped(Floats);
  if (failed(operands))
    return failure();
  Tensor x = (*operands)[0], slope = (*operands)[1];
  if (node.getVersion() < 7 && slope.getRank() == 1 && x.getRank() > 1 &&
      !slope.shape[0].isConstant(1)) {
    SmallVector<int64_t> trailing =
        llvm::to_vector(llvm::seq<int64_t>(1, x.getRank() - 1));
    FailureOr<Tensor> aligned = node.emitUnsqueeze(slope, trailing);
    if (failed(aligned))
      return failure();
    slope = *aligned;
  }
  if (failed(node.requireBroadcast(
          slope.shape, x.shape,
          "the slope of shape " + node.describe(slope.shape) +
              " does not broadcast to " + node.describe(x.shape))))
    return failure();
  return node.setResult(node.emitMap(
      {x, slope}, x.shape, x.dtype, [](B &b, ValueRange args) -> Value {
        return emitLeaky(b, args[0], args[1], /*isFinite=*/false);
      }));
}

/// 1 / (1 + exp(-x)) for x >= 0 and exp(x) / (1 + exp(x)) below: no exponential
/// overflows, which would do no harm here but make the derivative NaN.
static Value emitSigmoid(B &b, Value x, DType = {}) {
  Value zero = constant(b, x, 0), one = constant(b, x, 1);
  Value isNegative = arith::CmpFOp::create(b, P::OLT, x, zero);
  Value exponent =
      arith::SelectOp::create(b, isNegative, x, arith::NegFOp::create(b, x));
  Value e = math::ExpOp::create(b, exponent);
  Value numerator = arith::SelectOp::create(b, isNegative, e, one);
  return div(b, numerator, add(b, one, e));
}

/// log(1 + exp(x)) without overflow: max(x, 0) + log1p(exp(-|x|)).
static Value emitSoftplus(B &b, Value x, DType = {}) {
  Value magnitude = math::AbsFOp::create(b, x);
  Value e = math::ExpOp::create(b, arith::NegFOp::create(b, magnitude));
  Value positive = arith::MaximumFOp::create(b, x, constant(b, x, 0));
  return add(b, positive, math::Log1pOp::create(b, e));
}

/// alpha * (exp(x / scale) - 1) up to zero, x above. The exponential is taken
/// of what is not above zero only: where it overflows, its derivative times the
/// zero that the selection gives it would be NaN.
static Value emitScaledElu(B &b, Value x, double alpha, double scale,
                           P above = P::UGT) {
  Value zero = constant(b, x, 0);
  Value isPositive = arith::CmpFOp::create(b, above, x, zero);
  Value rest = arith::SelectOp::create(b, isPositive, zero, x);
  if (scale != 1)
    rest = div(b, rest, constant(b, x, scale));
  Value negative =
      mul(b, constant(b, x, alpha), math::ExpM1Op::create(b, rest));
  return arith::SelectOp::create(b, isPositive, x, negative);
}

/// At 0 both branches are 0, and the derivative is that of the lower one,
/// unless alpha is infinite (as any type: more than the greatest f16).
static Value emitElu(B &b, Value x, double alpha) {
  return emitScaledElu(b, x, alpha, 1,
                       std::abs(alpha) <= 65504 ? P::UGT : P::UGE);
}

static Value emitHardSigmoid(B &b, Value x, double alpha, double beta) {
  Value line = add(b, mul(b, x, constant(b, x, alpha)), constant(b, x, beta));
  // Comparisons, not extrema: the derivative at both ends is 0.
  Value zero = constant(b, x, 0), one = constant(b, x, 1);
  Value positive = select(b, P::UGT, line, zero, line, zero);
  return select(b, P::OGE, positive, one, one, positive);
}

static Value emitCelu(B &b, Value x, ArrayRef<double> alpha) {
  return emitScaledElu(b, x, alpha[0], alpha[0]);
}

static Value emitSelu(B &b, Value x, ArrayRef<double> values) {
  return mul(b, constant(b, x, values[1]), emitScaledElu(b, x, values[0], 1));
}

static Value emitSoftsign(B &b, Value x, DType) {
  Value magnitude = math::AbsFOp::create(b, x);
  return div(b, x, add(b, constant(b, x, 1), magnitude));
}

static Value emitMish(B &b, Value x, DType) {
  return mul(b, x, math::TanhOp::create(b, emitSoftplus(b, x)));
}

Value tern::onnx_import::emitSwish(B &b, Value x, double alpha) {
  return mul(b, x, emitSigmoid(b, mul(b, constant(b, x, alpha), x)));
}

/// The gate's Swish times the other operand, of the same shape.
static LogicalResult importSwiGLU(Node &node) {
  double alpha = node.getFloat("alpha", 1);
  FailureOr<SmallVector<Tensor>> operands = node.getSameTyped(Floats);
  if (failed(operands))
    return failure();
  Tensor gate = (*operands)[0], linear = (*operands)[1];
  FailureOr<Tensor> aligned =
      node.expectShape(linear, gate.shape,
                       "the shapes " + node.describe(gate.shape) + " and " +
                           node.describe(linear.shape) + " differ");
  if (failed(aligned))
    return failure();
  return node.setResult(node.emitMap(
      {gate, *aligned}, gate.dtype, [&](B &b, ValueRange args) -> Value {
        return mul(b, emitSwish(b, args[0], alpha), args[1]);
      }));
}

/// x * Phi(x), exact or by the usual approximation of Phi.
Value tern::onnx_import::emitGelu(B &b, Value x, bool isApproximate) {
  Value phi;
  if (!isApproximate) {
    phi = math::ErfOp::create(
        b, mul(b, x, constant(b, x, 0.70710678118654752440)));
  } else {
    Value cube = mul(b, mul(b, x, x), x);
    Value inner = add(b, x, mul(b, constant(b, x, 0.044715), cube));
    phi = math::TanhOp::create(
        b, mul(b, constant(b, x, 0.79788456080286535588), inner));
  }
  Value half = mul(b, constant(b, x, 0.5), x);
  return mul(b, half, add(b, constant(b, x, 1), phi));
}

static LogicalResult importGelu(Node &node) {
  StringRef kind = node.getString("approximate", "none");
  Tensor input = node.getInput(0);
  if (failed(node.expectTypes(input, Floats)))
    return failure();
  if (kind != "none" && kind != "tanh")
    return node.error("attribute 'approximate' must be none or tanh");
  return node.setResult(
      node.emitMap({input}, input.dtype, [&](B &b, ValueRange args) -> Value {
        return emitGelu(b, args[0], kind == "tanh");
      }));
}

std::optional<NamedActivation>
tern::onnx_import::getActivation(StringRef name) {
  using Values = ArrayRef<double>;
  if (name == "Relu")
    return NamedActivation{
        {}, [](B &b, Value x, Values) { return emitRelu(b, x, DType::F32); }};
  if (name == "Tanh")
    return NamedActivation{{}, [](B &b, Value x, Values) -> Value {
                             return math::TanhOp::create(b, x);
                           }};
  if (name == "Sigmoid")
    return NamedActivation{
        {}, [](B &b, Value x, Values) { return emitSigmoid(b, x); }};
  if (name == "Softplus")
    return NamedActivation{
        {}, [](B &b, Value x, Values) { return emitSoftplus(b, x); }};
  if (name == "Softsign")
    return NamedActivation{{}, [](B &b, Value x, Values) {
                             return emitSoftsign(b, x, DType::F32);
                           }};
  if (name == "LeakyRelu")
    return NamedActivation{{0.01}, emitLeakyRelu};
  if (name == "Elu")
    return NamedActivation{{1}, [](B &b, Value x, Values values) {
                             return emitElu(b, x, values[0]);
                           }};
  if (name == "ThresholdedRelu")
    return NamedActivation{{1}, [](B &b, Value x, Values values) {
                             return select(b, P::UGT, x,
                                           constant(b, x, values[0]), x,
                                           constant(b, x, 0));
                           }};
  if (name == "HardSigmoid")
    return NamedActivation{{0.2, 0.5}, [](B &b, Value x, Values values) {
                             return emitHardSigmoid(b, x, values[0], values[1]);
                           }};
  if (name == "Clip")
    return NamedActivation{{std::numeric_limits<float>::lowest(),
                            std::numeric_limits<float>::max()},
                           [](B &b, Value x, Values values) {
                             Value low = constant(b, x, values[0]),
                                   high = constant(b, x, values[1]);
                             Value above = select(b, P::ULT, x, low, low, x);
                             return select(b, P::OGT, above, high, high, above);
                           }};
  return std::nullopt;
}

void tern::onnx_import::addActivationOps(OpTable &ops) {
  addUnary(ops, "Relu", 1, Numbers, emitRelu);
  addUnary(ops, "Sigmoid", 1, Floats,
           [](B &b, Value x, DType) { return emitSigmoid(b, x); });
  addUnary(ops, "Softplus", 1, Floats,
           [](B &b, Value x, DType) { return emitSoftplus(b, x); });
  addUnary(ops, "Softsign", 1, Floats, emitSoftsign);
  addUnary(ops, "Mish", 18, Floats, emitMish);
  addUnary(ops, "HardSwish", 14, Floats, [](B &b, Value x, DType) {
    return mul(b, x, emitHardSigmoid(b, x, 1.0 / 6, 0.5));
  });
  ops.onOp("PRelu", 1, 2, importPRelu);
  addParametric(ops, "LeakyRelu", 1, {{"alpha", 0.01}}, emitLeakyRelu);
  addParametric(ops, "Elu", 1, {{"alpha", 1}},
                [](B &b, Value x, ArrayRef<double> values) {
                  return emitElu(b, x, values[0]);
                });
  addParametric(ops, "Swish", 24, {{"alpha", 1}},
                [](B &b, Value x, ArrayRef<double> values) {
                  return emitSwish(b, x, values[0]);
                });
  ops.onOp("SwiGLU", 28, 2, importSwiGLU);
  addParametric(ops, "Celu", 12, {{"alpha", 1}}, emitCelu);
  addParametric(ops, "Selu", 1,
                {{"alpha", 1.67326319217681884765625},
                 {"gamma", 1.05070102214813232421875}},
                emitSelu);
  addParametric(ops, "HardSigmoid", 1, {{"alpha", 0.2}, {"beta", 0.5}},
                [](B &b, Value x, ArrayRef<double> values) {
                  return emitHardSigmoid(b, x, values[0], values[1]);
                });
  addParametric(ops, "ThresholdedRelu", 10, {{"alpha", 1}},
                [](B &b, Value x, ArrayRef<double> values) {
                  return select(b, P::OGT, x, constant(b, x, values[0]), x,
                                constant(b, x, 0));
                });
  // x + bias below -lambd, else x - bias above lambd: a negative lambd leaves
  // room for both.
  addParametric(ops, "Shrink", 9, {{"bias", 0}, {"lambd", 0.5}},
                [](B &b, Value x, ArrayRef<double> values) {
                  Value above = add(b, x, constant(b, x, -values[0]));
                  Value below = add(b, x, constant(b, x, values[0]));
                  Value inner = select(b, P::OGT, x, constant(b, x, values[1]),
                                       above, constant(b, x, 0));
                  return select(b, P::OLT, x, constant(b, x, -values[1]), below,
                                inner);
                });
  ops.onOp("Gelu", 20, 1, importGelu);
}
