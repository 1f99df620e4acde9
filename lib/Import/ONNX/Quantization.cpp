//===- Quantization.cpp - Quantized tensors and products ------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Convolution.h"
#include "Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

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

/// A tensor that has one element, perhaps in dimensions of extent 1, as a
/// scalar; any other as it is.
static FailureOr<Tensor> squeezeScalar(Node &node, Tensor tensor) {
  if (tensor.shape != Extents{1})
    return tensor;
  return node.emitReshape(tensor, {});
}

/// A scale or zero point in position to be broadcast to `x`: one for all, one
/// for each position along the axis, or one for each block along it.
static FailureOr<Tensor> alignToAxis(Node &node, Tensor tensor, const Tensor &x,
                                     int64_t axis, int64_t block) {
  FailureOr<Tensor> scalar = squeezeScalar(node, tensor);
  if (failed(scalar) || (scalar->getRank() == 0 && block == 0))
    return scalar;
  int64_t rank = x.getRank();
  if (block == 0) {
    FailureOr<Tensor> fitting = node.expectShape(
        tensor, {x.shape[axis]},
        "a scale or zero point of shape " + node.describe(tensor.shape) +
            " does not fit axis " + Twine(axis) + " of " +
            node.describe(x.shape));
    if (failed(fitting))
      return failure();
    return node.emitUnsqueeze(
        *fitting, llvm::to_vector(llvm::seq<int64_t>(1, rank - axis)));
  }
  // Each element again and again, along the axis.
  Extents wide(tensor.shape);
  bool fits = tensor.getRank() == rank;
  for (int64_t i = 0; fits && i < rank; ++i) {
    std::optional<Extent> covered =
        i == axis ? Extent::mul(tensor.shape[i], block) : tensor.shape[i];
    fits = covered && *covered == x.shape[i];
  }
  if (!fits)
    return node.error("scales or zero points of shape " +
                      node.describe(tensor.shape) + " do not fit blocks of " +
                      Twine(block) + " along axis " + Twine(axis) + " of " +
                      node.describe(x.shape));
  FailureOr<Tensor> spread = node.emitUnsqueeze(tensor, {axis + 1});
  wide.insert(wide.begin() + axis + 1, Extent(block));
  if (failed(spread))
    return failure();
  FailureOr<Tensor> repeated =
      node.emitMap({*spread}, wide, tensor.dtype,
                   [](B &, ValueRange args) -> Value { return args[0]; });
  if (failed(repeated))
    return failure();
  return node.emitReshape(*repeated, x.shape);
}

/// saturate(round(x / scale) + zero point) of floats, in an integer type.
static FailureOr<Tensor> emitQuantized(Node &node, Tensor x, Tensor scale,
                                       std::optional<Tensor> zeroPoint,
                                       DType type) {
  SmallVector<Tensor> operands = {x, scale};
  if (zeroPoint) {
    FailureOr<Tensor> wide = cast(node, *zeroPoint, x.dtype);
    if (failed(wide))
      return failure();
    operands.push_back(*wide);
  }
  FailureOr<Tensor> codes =
      node.emitMap(operands, x.dtype, [](B &b, ValueRange args) -> Value {
        Value ratio = arith::DivFOp::create(b, args[0], args[1]);
        Value rounded = math::RoundEvenOp::create(b, ratio);
        if (args.size() < 3)
          return rounded;
        return arith::AddFOp::create(b, rounded, args[2]);
      });
  return cast(node, codes, type);
}

/// x - zero point in i32.
static FailureOr<Tensor> emitShifted(Node &node, Tensor x,
                                     std::optional<Tensor> zeroPoint) {
  FailureOr<Tensor> wide = cast(node, x, DType::I32);
  if (!zeroPoint)
    return wide;
  return combine<arith::SubIOp>(node, wide, cast(node, *zeroPoint, DType::I32));
}

static bool isByte(DType type) {
  return type == DType::I8 || type == DType::U8;
}

static std::optional<Tensor> getOptional(Node &node, unsigned i) {
  if (!node.hasInput(i))
    return std::nullopt;
  return node.getInput(i);
}

//===----------------------------------------------------------------------===//
// QuantizeLinear and back
//===----------------------------------------------------------------------===//

namespace {
struct LinearOperands {
  Tensor scale;
  std::optional<Tensor> zeroPoint;
};
} // namespace

static FailureOr<LinearOperands> getLinearOperands(Node &node,
                                                   const Tensor &x) {
  int64_t block = node.getInt("block_size", 0);
  int64_t axis = node.getInt("axis", 1);
  bool isScalar =
      node.getInput(1).getRank() == 0 || node.getInput(1).shape == Extents{1};
  if (block < 0)
    return node.error("attribute 'block_size' is negative");
  if (!isScalar || block > 0) {
    FailureOr<int64_t> normal = node.normalizeAxis(axis, x.getRank());
    if (failed(normal))
      return failure();
    axis = *normal;
  }
  LinearOperands result;
  FailureOr<Tensor> scale = alignToAxis(node, node.getInput(1), x, axis, block);
  if (failed(scale) || failed(node.expectTypes(*scale, Floats)))
    return failure();
  result.scale = *scale;
  if (node.hasInput(2)) {
    FailureOr<Tensor> zeroPoint =
        alignToAxis(node, node.getInput(2), x, axis, block);
    if (failed(zeroPoint))
      return failure();
    result.zeroPoint = *zeroPoint;
  }
  return result;
}

static LogicalResult importQuantizeLinear(Node &node) {
  Tensor x = node.getInput(0);
  node.getInt("saturate", 1); // Of interest to 8-bit floats only.
  node.getInt("precision", 0);
  std::optional<DType> type = DType::U8;
  if (int64_t declared = node.getInt("output_dtype", 0))
    type = getDType(static_cast<int>(declared));
  if (node.hasInput(2))
    type = node.getInput(2).dtype;
  if (!type || !isInteger(*type) || getBitWidth(*type) > 16)
    return node.error("cannot quantize to that element type");
  FailureOr<LinearOperands> operands = getLinearOperands(node, x);
  if (failed(operands))
    return failure();
  FailureOr<Tensor> wide = cast(node, x, DType::F32);
  FailureOr<Tensor> scale = cast(node, operands->scale, DType::F32);
  if (failed(wide) || failed(scale))
    return failure();
  return node.setResult(
      emitQuantized(node, *wide, *scale, operands->zeroPoint, *type));
}

static LogicalResult importDequantizeLinear(Node &node) {
  Tensor x = node.getInput(0);
  if (failed(node.expectTypes(x, Integers)))
    return failure();
  FailureOr<LinearOperands> operands = getLinearOperands(node, x);
  if (failed(operands))
    return failure();
  if (operands->zeroPoint && operands->zeroPoint->dtype != x.dtype)
    return node.error("inputs have different element types");
  DType type = operands->scale.dtype;
  if (int64_t declared = node.getInt("output_dtype", 0);
      declared && getDType(static_cast<int>(declared)) != type)
    return node.error("attribute 'output_dtype' must be the type of the scale");
  FailureOr<Tensor> codes = emitShifted(node, x, operands->zeroPoint);
  return node.setResult(
      combine<arith::MulFOp>(node, cast(node, codes, type), operands->scale));
}

/// Scale and zero point from the range of the values, which includes 0.
static LogicalResult importDynamicQuantizeLinear(Node &node) {
  Tensor x = node.getInput(0);
  if (x.dtype != DType::F32)
    return node.error("the input must be f32");
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
        return arith::SelectOp::create(b, isZero, emitConstant(b, f32, 1),
                                       scale);
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
  node.setResult(1, *scale);
  node.setResult(2, *zeroPoint);
  return node.setResult(emitQuantized(node, x, *scale, *zeroPoint, DType::U8));
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// A scale or zero point of the left operand's rows, or of the right one's
/// columns, in position.
static FailureOr<Tensor> alignToMatrix(Node &node, Tensor tensor, bool isLeft) {
  FailureOr<Tensor> scalar = squeezeScalar(node, tensor);
  if (failed(scalar) || scalar->getRank() != 1 || !isLeft)
    return scalar;
  return node.emitUnsqueeze(*scalar, {1});
}

/// (A - its zero point) . (B - its zero point) in i32.
static FailureOr<Tensor> emitIntegerMatmul(Node &node, Tensor a,
                                           std::optional<Tensor> aZero,
                                           Tensor c,
                                           std::optional<Tensor> cZero) {
  if (!isByte(a.dtype) || !isByte(c.dtype))
    return node.error("matrices must be i8 or u8");
  for (auto [zero, isLeft] : {std::pair(&aZero, true), {&cZero, false}}) {
    if (!*zero)
      continue;
    FailureOr<Tensor> aligned = alignToMatrix(node, **zero, isLeft);
    if (failed(aligned))
      return failure();
    *zero = *aligned;
  }
  FailureOr<Tensor> left = emitShifted(node, a, aZero);
  FailureOr<Tensor> right = emitShifted(node, c, cZero);
  if (failed(left) || failed(right))
    return failure();
  return node.emitMatmul(*left, *right);
}

static LogicalResult importMatMulInteger(Node &node) {
  return node.setResult(
      emitIntegerMatmul(node, node.getInput(0), getOptional(node, 2),
                        node.getInput(1), getOptional(node, 3)));
}

/// saturate(round(sum * a scale * b scale / result's scale) + zero point).
static FailureOr<Tensor> emitRequantized(Node &node, FailureOr<Tensor> sum,
                                         FailureOr<Tensor> aScale,
                                         FailureOr<Tensor> bScale,
                                         unsigned result) {
  FailureOr<Tensor> scale = squeezeScalar(node, node.getInput(result));
  FailureOr<Tensor> zeroPoint = squeezeScalar(node, node.getInput(result + 1));
  if (failed(scale) || failed(zeroPoint))
    return failure();
  // Floats of other types in scales: f16 and bf16 since opset 21.
  FailureOr<Tensor> factor = combine<arith::MulFOp>(
      node, cast(node, bScale, DType::F32), cast(node, aScale, DType::F32));
  FailureOr<Tensor> wide = cast(node, sum, DType::F32);
  FailureOr<Tensor> product = combine<arith::MulFOp>(node, wide, factor);
  FailureOr<Tensor> divisor = cast(node, scale, DType::F32);
  if (failed(product) || failed(divisor))
    return failure();
  return emitQuantized(node, *product, *divisor, *zeroPoint, zeroPoint->dtype);
}

static LogicalResult importQLinearMatMul(Node &node) {
  FailureOr<Tensor> sum =
      emitIntegerMatmul(node, node.getInput(0), node.getInput(2),
                        node.getInput(3), node.getInput(5));
  return node.setResult(
      emitRequantized(node, sum, alignToMatrix(node, node.getInput(1), true),
                      alignToMatrix(node, node.getInput(4), false), 6));
}

/// A vector of output channels, or a scalar, in position for [.., C, ...] with
/// `trailing` dimensions after the channels.
static FailureOr<Tensor> alignToChannels(Node &node, Tensor tensor,
                                         int64_t trailing) {
  FailureOr<Tensor> scalar = squeezeScalar(node, tensor);
  if (failed(scalar) || scalar->getRank() != 1)
    return scalar;
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
  if (wZero) {
    FailureOr<Tensor> aligned =
        alignToChannels(node, *wZero, std::max<int64_t>(w.getRank() - 1, 0));
    if (failed(aligned))
      return failure();
    wZero = *aligned;
  }
  if (xZero) {
    FailureOr<Tensor> scalar = squeezeScalar(node, *xZero);
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
  return node.setResult(emitRequantized(
      node, sum, squeezeScalar(node, node.getInput(1)),
      alignToChannels(node, node.getInput(4),
                      std::max<int64_t>(weight.getRank() - 2, 0)),
      6));
}

void tern::onnx_import::addQuantizationOps(OpTable &ops) {
  ops.onOp("QuantizeLinear", 10, {2, 3}, importQuantizeLinear);
  ops.onOp("DequantizeLinear", 10, {2, 3}, importDequantizeLinear);
  ops.onOp("DynamicQuantizeLinear", 11, 1, importDynamicQuantizeLinear);
  ops.onOp("MatMulInteger", 10, {2, 4}, importMatMulInteger);
  ops.onOp("QLinearMatMul", 10, 8, importQLinearMatMul);
  ops.onOp("ConvInteger", 10, {2, 4}, importConvInteger);
  ops.onOp("QLinearConv", 10, {8, 9}, importQLinearConv);
}
