//===- Quantization.cpp - DynamicQuantizeLinear, MatMulInteger, QLinear* --===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Quantization.h"
#include "../Model/TernaryFacts.h"
#include "Convolution.h"
#include "Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include <cmath>

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

static FailureOr<Tensor> cast(Node &node, FailureOr<Tensor> operand, DType to) {
  if (failed(operand) || operand->dtype == to)
    return operand;
  return emitCast(node, *operand, to);
}

FailureOr<Tensor> tern::onnx_import::squeezeScalar(Node &node, Tensor tensor) {
  if (tensor.shape != Extents{1})
    return tensor;
  return node.emitReshape(tensor, {});
}

Value tern::onnx_import::emitDetached(B &b, Value scalar) {
  return SurrogateOp::create(b, scalar, Value());
}

Value tern::onnx_import::emitFakeQuantized(B &b, Value code, Value ratio,
                                           Value sum, DType type) {
  double low, high;
  if (isInteger(type)) {
    unsigned width = getBitWidth(type);
    low = isUnsigned(type) ? 0 : -std::ldexp(1.0, width - 1);
    high = std::ldexp(1.0, isUnsigned(type) ? width : width - 1) - 1;
  } else {
    high = getGreatest(type);
    low = -high;
  }
  using P = arith::CmpFPredicate;
  Type wide = sum.getType();
  Value isInside = arith::AndIOp::create(
      b, arith::CmpFOp::create(b, P::OGE, sum, emitConstant(b, wide, low)),
      arith::CmpFOp::create(b, P::OLE, sum, emitConstant(b, wide, high)));
  Value clipped = arith::SelectOp::create(b, isInside, ratio,
                                          emitConstant(b, ratio.getType(), 0));
  return SurrogateOp::create(b, code, clipped);
}

FailureOr<Tensor> tern::onnx_import::emitQuantized(Node &node, const Tensor &x,
                                                   const Tensor &scale,
                                                   const Tensor &zeroPoint,
                                                   Quantizer kind) {
  DType type = zeroPoint.dtype;
  bool roundsSum = kind == Quantizer::RoundsSum && isInteger(type);
  return node.emitMap(
      {x, scale, zeroPoint}, x.shape, type,
      [&](B &b, ValueRange args) -> Value {
        Value ratio =
            arith::DivFOp::create(b, args[0], emitDetached(b, args[1]));
        Value sum = ratio;
        if (isInteger(type) && !roundsSum)
          sum = math::RoundEvenOp::create(b, sum);
        sum = arith::AddFOp::create(b, sum,
                                    emitScalarCast(b, args[2], type, x.dtype));
        if (roundsSum)
          sum = math::RoundEvenOp::create(b, sum);
        Value code = emitScalarCast(b, sum, x.dtype, type);
        return kind == Quantizer::Fitted
                   ? tern::SurrogateOp::create(b, code, ratio).getResult()
                   : emitFakeQuantized(b, code, ratio, sum, type);
      });
}

/// A binary operation with a scale or zero point on the right, which is known
/// to broadcast to what is on the left.
template <typename Op>
static FailureOr<Tensor> combineDetached(Node &node, FailureOr<Tensor> lhs,
                                         FailureOr<Tensor> rhs) {
  if (failed(lhs) || failed(rhs))
    return failure();
  return node.emitMap({*lhs, *rhs}, lhs->shape, lhs->dtype,
                      [](B &b, ValueRange args) -> Value {
                        return Op::create(b, args[0], emitDetached(b, args[1]));
                      });
}

FailureOr<Tensor>
tern::onnx_import::emitShifted(Node &node, const Tensor &x,
                               const std::optional<Tensor> &zeroPoint) {
  if (isNarrowFloat(x.dtype)) {
    FailureOr<Tensor> wide = cast(node, x, DType::F32);
    if (!zeroPoint)
      return wide;
    return combineDetached<arith::SubFOp>(node, wide,
                                          cast(node, *zeroPoint, DType::F32));
  }
  FailureOr<Tensor> wide = cast(node, x, DType::I32);
  if (!zeroPoint)
    return wide;
  return combineDetached<arith::SubIOp>(node, wide,
                                        cast(node, *zeroPoint, DType::I32));
}

static bool isByte(DType type) {
  return type == DType::I8 || type == DType::U8;
}

static std::optional<Tensor> getOptional(Node &node, unsigned i) {
  if (!node.hasInput(i))
    return std::nullopt;
  return node.getInput(i);
}

/// Whether the zero point, where there is one, has the type of what it is for.
static LogicalResult checkZeroType(Node &node, const Tensor &x,
                                   const std::optional<Tensor> &zeroPoint) {
  if (!zeroPoint || zeroPoint->dtype == x.dtype)
    return success();
  return node.error("a zero point of type " + getName(zeroPoint->dtype) +
                    " does not fit a tensor of type " + getName(x.dtype));
}

/// A scale or zero point of a whole tensor, as a scalar.
static FailureOr<Tensor> getSingle(Node &node, const Tensor &tensor) {
  FailureOr<Tensor> scalar = squeezeScalar(node, tensor);
  if (succeeded(scalar) && scalar->getRank() != 0)
    return node.error("a scale or zero point has shape " +
                      node.describe(tensor.shape) +
                      "; it must be a scalar, as that of a whole tensor");
  return scalar;
}

FailureOr<DynamicallyQuantized>
tern::onnx_import::emitDynamicallyQuantized(Node &node, const Tensor &x) {
  SmallVector<int64_t> axes =
      llvm::to_vector(llvm::seq<int64_t>(0, x.getRank()));
  auto reduce = [&](bool isMax) {
    return node.emitReduce(
        x, axes, node.emitScalar(node.b.getF32Type(), 0),
        [&](B &b, ValueRange args) {
          return isMax ? emitMaximum(b, args[1], args[0], DType::F32)
                       : emitMinimum(b, args[1], args[0], DType::F32);
        });
  };
  FailureOr<Tensor> greatest = reduce(true), least = reduce(false);
  if (failed(greatest) || failed(least))
    return failure();
  FailureOr<Tensor> scale = node.emitMap(
      {*greatest, *least}, DType::F32, [](B &b, ValueRange args) -> Value {
        Type f32 = b.getF32Type();
        Value range = arith::SubFOp::create(b, args[0], args[1]);
        Value scale =
            arith::DivFOp::create(b, range, emitConstant(b, f32, 255));
        Value isZero = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ,
                                             range, emitConstant(b, f32, 0));
        return emitDetached(b, arith::SelectOp::create(
                                   b, isZero, emitConstant(b, f32, 1), scale));
      });
  if (failed(scale))
    return failure();
  FailureOr<Tensor> zero = node.emitMap(
      {*least, *scale}, DType::F32, [](B &b, ValueRange args) -> Value {
        Value ratio = arith::DivFOp::create(b, args[0], args[1]);
        return math::RoundEvenOp::create(b, arith::NegFOp::create(b, ratio));
      });
  FailureOr<Tensor> zeroPoint = cast(node, zero, DType::U8);
  if (failed(zeroPoint))
    return failure();
  FailureOr<Tensor> codes =
      emitQuantized(node, x, *scale, *zeroPoint, Quantizer::Fitted);
  if (failed(codes))
    return failure();
  return DynamicallyQuantized{*codes, *scale, *zeroPoint};
}

static LogicalResult importDynamicQuantizeLinear(Node &node) {
  Tensor x = node.getInput(0);
  if (x.dtype != DType::F32)
    return node.error("the input must be f32");
  FailureOr<DynamicallyQuantized> result = emitDynamicallyQuantized(node, x);
  if (failed(result))
    return failure();
  node.setResult(0, result->codes);
  node.setResult(1, result->scale);
  node.setResult(2, result->zeroPoint);
  return success();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// A scale or zero point of the left operand's rows, or of the right one's
/// columns, in position: a scalar, a vector, or of the operand's shape but for
/// the dimension that is summed over, which is 1.
static FailureOr<Tensor> alignToMatrix(Node &node, const Tensor &tensor,
                                       const Tensor &matrix, bool isLeft) {
  FailureOr<Tensor> aligned = squeezeScalar(node, tensor);
  if (succeeded(aligned) && aligned->getRank() == 1 && isLeft)
    aligned = node.emitUnsqueeze(*aligned, {1});
  if (failed(aligned))
    return failure();
  Extents wanted(matrix.shape);
  if (!wanted.empty())
    (isLeft || wanted.size() == 1 ? wanted.back() : wanted.end()[-2]) = 1;
  if (failed(node.requireBroadcast(
          aligned->shape, wanted,
          "a scale or zero point of shape " + node.describe(tensor.shape) +
              " does not fit the " + (isLeft ? "rows" : "columns") +
              " of a matrix of shape " + node.describe(matrix.shape))))
    return failure();
  return aligned;
}

FailureOr<Tensor>
tern::onnx_import::emitIntegerMatmul(Node &node, Tensor a,
                                     std::optional<Tensor> aZero, Tensor c,
                                     std::optional<Tensor> cZero) {
  bool areFloats = isNarrowFloat(a.dtype) && isNarrowFloat(c.dtype);
  if (!areFloats && (!isByte(a.dtype) || !isByte(c.dtype)))
    return node.error("matrices must be i8 or u8");
  if (failed(checkZeroType(node, a, aZero)) ||
      failed(checkZeroType(node, c, cZero)))
    return failure();
  std::optional<Tensor> givenZero = cZero;
  Tensor given = c;
  // Code that can be marked, rather than constants of another type.
  if (c.contents && !isFloat(c.dtype)) {
    c.value = node.getValue(c);
    c.contents.reset();
  }
  for (auto [zero, isLeft] : {std::pair(&aZero, true), {&cZero, false}}) {
    if (!*zero)
      continue;
    FailureOr<Tensor> aligned =
        alignToMatrix(node, **zero, isLeft ? a : c, isLeft);
    if (failed(aligned))
      return failure();
    *zero = *aligned;
  }
  FailureOr<Tensor> left = emitShifted(node, a, aZero);
  FailureOr<Tensor> right = emitShifted(node, c, cZero);
  if (failed(left) || failed(right))
    return failure();
  if (c.getRank() == 2)
    noteDequantized(node, given, givenZero, std::nullopt,
                    givenZero ? Granules{1} : Granules{}, *right);
  return node.emitMatmul(*left, *right);
}

static LogicalResult importMatMulInteger(Node &node) {
  return node.setResult(
      emitIntegerMatmul(node, node.getInput(0), getOptional(node, 2),
                        node.getInput(1), getOptional(node, 3)));
}

/// saturate(round(sum * a scale * b scale / result's scale) + zero point). The
/// scales of the operands are in position.
static FailureOr<Tensor> emitRequantized(Node &node, FailureOr<Tensor> sum,
                                         FailureOr<Tensor> aScale,
                                         FailureOr<Tensor> bScale,
                                         unsigned result) {
  if (failed(sum) || failed(aScale) || failed(bScale))
    return failure();
  FailureOr<Tensor> scale = getSingle(node, node.getInput(result));
  FailureOr<Tensor> zeroPoint = getSingle(node, node.getInput(result + 1));
  if (failed(scale) || failed(zeroPoint))
    return failure();
  if (!isByte(zeroPoint->dtype) && !isNarrowFloat(zeroPoint->dtype))
    return node.error("the result's zero point must be i8 or u8, not " +
                      getName(zeroPoint->dtype));
  for (const Tensor &factor : {*aScale, *bScale, *scale})
    if (failed(node.expectTypes(factor, Floats)))
      return failure();
  // Floats of other types in scales: f16 and bf16 since opset 21.
  FailureOr<Tensor> factor = combine<arith::MulFOp>(
      node, cast(node, bScale, DType::F32), cast(node, aScale, DType::F32));
  FailureOr<Tensor> wide = cast(node, sum, DType::F32);
  FailureOr<Tensor> product =
      combineDetached<arith::MulFOp>(node, wide, factor);
  FailureOr<Tensor> divisor = cast(node, scale, DType::F32);
  if (failed(product) || failed(divisor))
    return failure();
  return emitQuantized(node, *product, *divisor, *zeroPoint);
}

static LogicalResult importQLinearMatMul(Node &node) {
  FailureOr<Tensor> sum =
      emitIntegerMatmul(node, node.getInput(0), node.getInput(2),
                        node.getInput(3), node.getInput(5));
  if (failed(sum))
    return failure();
  return node.setResult(emitRequantized(
      node, sum,
      alignToMatrix(node, node.getInput(1), node.getInput(0), /*isLeft=*/true),
      alignToMatrix(node, node.getInput(4), node.getInput(3), /*isLeft=*/false),
      6));
}

/// A vector of output channels, those of the weight, or a scalar, in position
/// for [.., C, ...] with `trailing` dimensions after the channels.
static FailureOr<Tensor> alignToChannels(Node &node, const Tensor &tensor,
                                         const Tensor &weight,
                                         int64_t trailing) {
  FailureOr<Tensor> scalar = squeezeScalar(node, tensor);
  if (failed(scalar) || scalar->getRank() == 0)
    return scalar;
  std::string message =
      "a scale or zero point of shape " + node.describe(tensor.shape) +
      " does not fit a weight of shape " + node.describe(weight.shape);
  if (weight.shape.empty())
    return node.error(message);
  scalar = node.expectShape(*scalar, {weight.shape[0]}, message);
  if (failed(scalar))
    return failure();
  return node.emitUnsqueeze(
      *scalar, llvm::to_vector(llvm::seq<int64_t>(1, trailing + 1)));
}

static FailureOr<Tensor> emitIntegerConv(Node &node, Tensor x,
                                         std::optional<Tensor> xZero, Tensor w,
                                         std::optional<Tensor> wZero,
                                         std::optional<Tensor> bias) {
  if (!isByte(x.dtype) || !isByte(w.dtype))
    return node.error("input and weight must be i8 or u8");
  if (bias && bias->dtype != DType::I32)
    return node.error("the bias must be i32");
  if (failed(checkZeroType(node, x, xZero)) ||
      failed(checkZeroType(node, w, wZero)))
    return failure();
  if (wZero) {
    FailureOr<Tensor> aligned =
        alignToChannels(node, *wZero, w, std::max<int64_t>(w.getRank() - 1, 0));
    if (failed(aligned))
      return failure();
    wZero = *aligned;
  }
  if (xZero) {
    FailureOr<Tensor> scalar = getSingle(node, *xZero);
    if (failed(scalar))
      return failure();
    xZero = *scalar;
  }
  FailureOr<Tensor> input = emitShifted(node, x, xZero);
  FailureOr<Tensor> weight = emitShifted(node, w, wZero);
  if (failed(input) || failed(weight))
    return failure();
  return emitConv(node, *input, *weight, bias);
}

static LogicalResult importConvInteger(Node &node) {
  return node.setResult(emitIntegerConv(node, node.getInput(0),
                                        getOptional(node, 2), node.getInput(1),
                                        getOptional(node, 3), std::nullopt));
}

static LogicalResult importQLinearConv(Node &node) {
  Tensor weight = node.getInput(3);
  FailureOr<Tensor> sum =
      emitIntegerConv(node, node.getInput(0), node.getInput(2), weight,
                      node.getInput(5), getOptional(node, 8));
  if (failed(sum))
    return failure();
  return node.setResult(emitRequantized(
      node, sum, getSingle(node, node.getInput(1)),
      alignToChannels(node, node.getInput(4), weight,
                      std::max<int64_t>(weight.getRank() - 2, 0)),
      6));
}

void tern::onnx_import::addQuantizationOps(OpTable &ops) {
  addQuantizeLinearOps(ops);
  addMatMulNBitsOps(ops);
  ops.onOp("DynamicQuantizeLinear", 11, 1, importDynamicQuantizeLinear);
  ops.onOp("MatMulInteger", 10, {2, 4}, importMatMulInteger);
  ops.onOp("QLinearMatMul", 10, 8, importQLinearMatMul);
  ops.onOp("ConvInteger", 10, {2, 4}, importConvInteger);
  ops.onOp("QLinearConv", 10, {8, 9}, importQLinearConv);
}
