//===- ContribQuantized.cpp - com.microsoft: quantized tensors ------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operators of com.microsoft on quantized tensors: the codes are dequantized,
// the function is computed in f32, and the result is quantized. Sums of codes
// alone are exact.
//
//===----------------------------------------------------------------------===//

#include "Activations.h"
#include "Elementwise.h"
#include "Indexing.h"
#include "OpTable.h"
#include "Pooling.h"
#include "Quantization.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// A scale, or a zero point of a given type, for a whole tensor.
static FailureOr<Tensor> getScalar(Node &node, unsigned i, DType type,
                                   const char *what) {
  if (!node.hasInput(i))
    return node.error("required input " + Twine(i) + " is missing");
  Tensor given = node.getInput(i);
  if (given.dtype != type)
    return node.error(Twine(what) + " of input " + Twine(i) + " must be " +
                      getName(type) + ", not " + getName(given.dtype));
  FailureOr<Tensor> scalar = squeezeScalar(node, given);
  if (succeeded(scalar) && scalar->getRank() != 0)
    return node.error(Twine(what) + " of input " + Twine(i) + " of shape " +
                      node.describe(given.shape) + " must be a scalar");
  return scalar;
}

static FailureOr<Tensor> getScale(Node &node, unsigned i) {
  return getScalar(node, i, DType::F32, "the scale");
}

/// 0 if it is left out.
static FailureOr<Tensor> getZeroPoint(Node &node, unsigned i, DType type) {
  if (!node.hasInput(i))
    return node.makeConstant(type, 0);
  return getScalar(node, i, type, "the zero point");
}

static LogicalResult expectByte(Node &node, const Tensor &x) {
  if (x.dtype == DType::I8 || x.dtype == DType::U8)
    return success();
  return node.error("quantized tensors must be i8 or u8, not " +
                    getName(x.dtype));
}

/// x * factor, which is detached.
static FailureOr<Tensor> scale(Node &node, FailureOr<Tensor> x,
                               FailureOr<Tensor> factor) {
  if (failed(x) || failed(factor))
    return failure();
  return node.emitMap(
      {*x, *factor}, x->dtype, [](B &b, ValueRange args) -> Value {
        return arith::MulFOp::create(b, args[0], emitDetached(b, args[1]));
      });
}

/// The difference of input `i` and its zero point as f32, an integer.
static FailureOr<Tensor> getDifference(Node &node, unsigned i) {
  if (!node.hasInput(i))
    return node.error("required input " + Twine(i) + " is missing");
  Tensor x = node.getInput(i);
  if (failed(expectByte(node, x)))
    return failure();
  FailureOr<Tensor> zero = getZeroPoint(node, i + 2, x.dtype);
  if (failed(zero))
    return failure();
  FailureOr<Tensor> shifted = emitShifted(node, x, *zero);
  if (failed(shifted))
    return failure();
  return emitCast(node, *shifted, DType::F32);
}

/// Input `i`, whose scale and zero point follow it, in f32.
static FailureOr<Tensor> dequantize(Node &node, unsigned i) {
  FailureOr<Tensor> difference = getDifference(node, i);
  if (failed(difference))
    return failure();
  return scale(node, difference, getScale(node, i + 1));
}

/// Codes of that type, by the scale in input `i` and the zero point after it.
static FailureOr<Tensor> quantize(Node &node, FailureOr<Tensor> x, unsigned i,
                                  DType type,
                                  Quantizer kind = Quantizer::Clips) {
  if (failed(x))
    return failure();
  FailureOr<Tensor> scale = getScale(node, i);
  FailureOr<Tensor> zero = getZeroPoint(node, i + 1, type);
  if (failed(scale) || failed(zero))
    return failure();
  return emitQuantized(node, *x, *scale, *zero, kind);
}

//===----------------------------------------------------------------------===//
// Sums and products
//===----------------------------------------------------------------------===//

/// The codes of what was computed of two operands, inputs 0 and 3.
static LogicalResult setQuantized(Node &node, FailureOr<Tensor> x) {
  if (failed(x))
    return failure();
  DType type = node.getInput(0).dtype;
  if (node.getInput(3).dtype != type)
    return node.error("inputs have different element types");
  return node.setResult(quantize(node, x, 6, type, Quantizer::RoundsSum));
}

static LogicalResult importQLinearAdd(Node &node) {
  FailureOr<Tensor> sum =
      combine<arith::AddFOp>(node, dequantize(node, 0), dequantize(node, 3));
  return setQuantized(node, sum);
}

static LogicalResult importQLinearMul(Node &node) {
  // The product of the differences is exact.
  FailureOr<Tensor> product = combine<arith::MulFOp>(
      node, getDifference(node, 0), getDifference(node, 3));
  FailureOr<Tensor> a = getScale(node, 1), c = getScale(node, 4);
  product = scale(node, product, combine<arith::MulFOp>(node, a, c));
  return setQuantized(node, product);
}

/// alpha * scales * (op(A) . op(B) + C), quantized if there is a scale for it.
static LogicalResult importQGemm(Node &node) {
  Tensor a = node.getInput(0), c = node.getInput(3);
  double alpha = node.getFloat("alpha", 1);
  bool swapsA = node.getFlag("transA", false);
  bool swapsB = node.getFlag("transB", false);
  if (a.getRank() != 2 || c.getRank() != 2)
    return node.error("inputs must be matrices, not of shapes " +
                      node.describe(a.shape) + " and " +
                      node.describe(c.shape));
  if (failed(expectByte(node, a)) || failed(expectByte(node, c)))
    return failure();
  FailureOr<Tensor> lhs = swapsA ? node.emitTranspose(a, {1, 0}) : a;
  FailureOr<Tensor> rhs = swapsB ? node.emitTranspose(c, {1, 0}) : c;
  FailureOr<Tensor> aScale = getScale(node, 1);
  FailureOr<Tensor> aZero = getZeroPoint(node, 2, a.dtype);
  if (failed(lhs) || failed(rhs) || failed(aScale) || failed(aZero))
    return failure();
  Tensor cScale = node.getInput(4), cZero = node.getInput(5);
  if (cScale.dtype != DType::F32 || cZero.dtype != c.dtype)
    return node.error("the scale of B must be f32, its zero point of the type "
                      "of B");
  for (Tensor *vector : {&cScale, &cZero}) {
    FailureOr<Tensor> scalar = squeezeScalar(node, *vector);
    if (failed(scalar))
      return failure();
    *vector = *scalar;
    if (vector->getRank() == 0)
      continue;
    FailureOr<Tensor> fitting = node.expectShape(
        *vector, {rhs->shape[1]},
        "a scale or zero point of shape " + node.describe(vector->shape) +
            " is not one for each of " + node.describe(rhs->shape[1]) +
            " columns");
    if (failed(fitting))
      return failure();
    *vector = *fitting;
  }
  if (cScale.getRank() != cZero.getRank())
    return node.error(
        "of the scale and the zero point of B one is for each column, the "
        "other for all");
  FailureOr<Tensor> sum = emitIntegerMatmul(node, *lhs, *aZero, *rhs, cZero);
  if (failed(sum))
    return failure();
  if (node.hasInput(6)) {
    Tensor bias = node.getInput(6);
    if (bias.dtype != DType::I32)
      return node.error("the bias must be i32");
    if (failed(node.requireBroadcast(bias.shape, sum->shape,
                                     "C of shape " + node.describe(bias.shape) +
                                         " does not broadcast to " +
                                         node.describe(sum->shape))))
      return failure();
    sum = node.emitMap({*sum, bias}, sum->shape, DType::I32,
                       [](B &b, ValueRange args) -> Value {
                         return arith::AddIOp::create(b, args[0], args[1]);
                       });
    if (failed(sum))
      return failure();
  }
  FailureOr<Tensor> factor = combine<arith::MulFOp>(node, cScale, aScale);
  if (alpha != 1)
    factor = combine<arith::MulFOp>(node, factor,
                                    node.makeConstant(DType::F32, alpha));
  FailureOr<Tensor> product =
      scale(node, emitCast(node, *sum, DType::F32), factor);
  // ONNX Runtime takes a scale alone, and what it computes is neither.
  if (node.hasInput(7) != node.hasInput(8))
    return node.error("the result has a scale or a zero point; it takes both, "
                      "or neither to stay f32");
  if (!node.hasInput(7))
    return node.setResult(product);
  return node.setResult(quantize(node, product, 7, a.dtype));
}

//===----------------------------------------------------------------------===//
// Functions of one tensor
//===----------------------------------------------------------------------===//

/// An activation, perhaps with a parameter `alpha`.
static LogicalResult importQLinearActivation(Node &node, const char *name) {
  NamedActivation activation = *getActivation(name);
  SmallVector<double> values(activation.defaults);
  if (!values.empty())
    values[0] = node.getFloat("alpha", values[0]);
  FailureOr<Tensor> x = dequantize(node, 0);
  if (failed(x))
    return failure();
  FailureOr<Tensor> y =
      node.emitMap({*x}, DType::F32, [&](B &b, ValueRange args) {
        return activation.body(b, args[0], values);
      });
  return node.setResult(quantize(node, y, 3, node.getInput(0).dtype));
}

/// The softmax of codes as ONNX Runtime computes it: exponentials of their
/// distances from the greatest are rows of a table of f32; the quotients,
/// times the integer below 1 / scale, are rounded to even. Before opset 13,
/// over all axes from `axis` on.
static LogicalResult importQLinearSoftmax(Node &node) {
  Tensor x = node.getInput(0);
  if (failed(expectByte(node, x)))
    return failure();
  if (!node.hasAttribute("opset"))
    return node.error("attribute 'opset' is missing");
  int64_t opset = node.getInt("opset", 13);
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", -1), x.getRank());
  if (failed(axis))
    return failure();
  SmallVector<int64_t> axes = {*axis};
  if (opset < 13)
    axes = llvm::to_vector(llvm::seq<int64_t>(*axis, x.getRank()));
  // The zero point of the operand cancels.
  FailureOr<Tensor> xScale = getScale(node, 1);
  FailureOr<Tensor> xZero = getZeroPoint(node, 2, x.dtype);
  FailureOr<Tensor> yScale = getScale(node, 3);
  FailureOr<Tensor> yZero = getZeroPoint(node, 4, x.dtype);
  FailureOr<Tensor> most = node.emitMax(x, axes);
  if (succeeded(most))
    most = node.emitUnsqueeze(*most, axes);
  if (failed(xScale) || failed(xZero) || failed(yScale) || failed(yZero) ||
      failed(most))
    return failure();
  FailureOr<Tensor> table = node.emitMap(
      {*xScale}, {256}, DType::F32, [](B &b, ValueRange args) -> Value {
        Type f64 = b.getF64Type();
        Value row = arith::IndexCastOp::create(
            b, b.getI32Type(), linalg::IndexOp::create(b, 0).getResult());
        Value distance = arith::SubFOp::create(
            b, arith::SIToFPOp::create(b, f64, row), emitConstant(b, f64, 255));
        Value factor = arith::ExtFOp::create(b, f64, args[0]);
        Value power = math::ExpOp::create(
            b, arith::MulFOp::create(b, distance, factor).getResult());
        return arith::TruncFOp::create(b, b.getF32Type(), power);
      });
  if (failed(table))
    return failure();
  Value source = node.getValue(*table);
  FailureOr<Tensor> powers =
      node.emitMap({x, *most}, DType::F32, [&](B &b, ValueRange args) -> Value {
        Type i32 = b.getI32Type();
        Value distance = arith::SubIOp::create(
            b, emitScalarCast(b, args[0], x.dtype, DType::I32),
            emitScalarCast(b, args[1], x.dtype, DType::I32));
        Value row =
            arith::AddIOp::create(b, distance, emitConstant(b, i32, 255));
        Value index = arith::IndexCastOp::create(b, b.getIndexType(), row);
        return tensor::ExtractOp::create(b, source, index);
      });
  if (failed(powers))
    return failure();
  FailureOr<Tensor> sum = node.emitSum(*powers, axes);
  if (succeeded(sum))
    sum = node.emitUnsqueeze(*sum, axes);
  if (failed(sum))
    return failure();
  FailureOr<Tensor> levels = node.emitMap(
      {*powers, *sum, *yScale}, DType::F32, [](B &b, ValueRange args) -> Value {
        Value one = emitConstant(b, b.getF32Type(), 1);
        Value inverse = math::FloorOp::create(
            b, arith::DivFOp::create(b, one, args[2]).getResult());
        return arith::DivFOp::create(
            b, arith::MulFOp::create(b, args[0], inverse).getResult(), args[1]);
      });
  if (failed(levels))
    return failure();
  return node.setResult(
      emitQuantized(node, *levels, node.makeConstant(DType::F32, 1), *yZero));
}

/// The tensor with its channels, which come last, second; or the inverse.
static FailureOr<Tensor> moveChannels(Node &node, const Tensor &x,
                                      bool isInverse) {
  SmallVector<int64_t> permutation =
      llvm::to_vector(llvm::seq<int64_t>(0, x.getRank()));
  auto second = permutation.begin() + 1;
  std::rotate(second, isInverse ? second + 1 : permutation.end() - 1,
              permutation.end());
  return node.emitTranspose(x, permutation);
}

/// The mean of windows, or of all of the axes besides batch and channels.
static LogicalResult importQLinearPool(Node &node, bool isGlobal) {
  Tensor input = node.getInput(0);
  bool isLast = node.getFlag("channels_last", false);
  if (input.getRank() < 3)
    return node.error("the input must have rank 3 or more, not shape " +
                      node.describe(input.shape));
  // The sum of the codes is exact; the scale can wait.
  FailureOr<Tensor> x = getDifference(node, 0);
  if (succeeded(x) && isLast)
    x = moveChannels(node, *x, /*isInverse=*/false);
  if (failed(x))
    return failure();
  FailureOr<Tensor> mean = isGlobal ? emitGlobalPool(node, *x, &Node::emitMean)
                                    : emitAveragePool(node, *x);
  if (succeeded(mean) && isLast)
    mean = moveChannels(node, *mean, /*isInverse=*/true);
  mean = scale(node, mean, getScale(node, 1));
  return node.setResult(quantize(node, mean, 3, input.dtype));
}

/// Tensors follow the scale and the zero point of the result, each with its
/// own.
static LogicalResult importQLinearConcat(Node &node) {
  if (node.getNumInputs() % 3 != 2)
    return node.error("each tensor needs a scale and a zero point");
  if (!node.hasAttribute("axis"))
    return node.error("attribute 'axis' is missing");
  DType type = node.getInput(1).dtype;
  SmallVector<Tensor> parts;
  for (unsigned i = 2; i < node.getNumInputs(); i += 3) {
    if (!node.hasInput(i) || !node.hasInput(i + 1))
      return node.error("input " + Twine(node.hasInput(i) ? i + 1 : i) +
                        " is missing");
    if (node.getInput(i).dtype != type)
      return node.error("inputs have different element types");
    FailureOr<Tensor> part = dequantize(node, i);
    if (failed(part))
      return failure();
    FailureOr<Tensor> codes = quantize(node, part, 0, type);
    if (failed(codes))
      return failure();
    parts.push_back(*codes);
  }
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", 0), parts.front().getRank());
  if (failed(axis))
    return failure();
  return node.setResult(emitConcat(node, parts, *axis));
}

void tern::onnx_import::addContribQuantizedOps(OpTable &ops) {
  // Zero points may be left out before scales that may not: rules look for
  // these.
  const char *domain = "com.microsoft";
  ops.onOp(domain, "QLinearAdd", 1, {2, 8}, importQLinearAdd);
  ops.onOp(domain, "QLinearMul", 1, {2, 8}, importQLinearMul);
  ops.onOp(domain, "QGemm", 1, {6, 9}, importQGemm);
  for (auto [op, name] : {std::pair("QLinearSigmoid", "Sigmoid"),
                          std::pair("QLinearLeakyRelu", "LeakyRelu")})
    ops.onOp(domain, op, 1, {2, 5}, [name = name](Node &node) {
      return importQLinearActivation(node, name);
    });
  ops.onOp(domain, "QLinearSoftmax", 1, {2, 5}, importQLinearSoftmax);
  ops.onOp(domain, "QLinearGlobalAveragePool", 1, {2, 5}, [](Node &node) {
    return importQLinearPool(node, /*isGlobal=*/true);
  });
  ops.onOp(domain, "QLinearAveragePool", 1, {2, 5}, [](Node &node) {
    return importQLinearPool(node, /*isGlobal=*/false);
  });
  ops.onOp(domain, "QLinearConcat", 1, {5, Inputs::any}, importQLinearConcat);
}
