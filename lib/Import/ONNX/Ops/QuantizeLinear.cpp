//===- QuantizeLinear.cpp - QuantizeLinear and DequantizeLinear -----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Model/TernaryFacts.h"
#include "Elementwise.h"
#include "Quantization.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

//===----------------------------------------------------------------------===//
// Scales and zero points
//===----------------------------------------------------------------------===//

/// The first elements of a tensor: as many as fit `shape`.
static Tensor emitFront(Node &node, Tensor tensor, ArrayRef<Extent> shape) {
  B &b = node.b;
  Value source = node.getValue(tensor);
  SmallVector<OpFoldResult> sizes;
  for (const Extent &extent : shape)
    sizes.push_back(node.getSymbols().getFoldResult(b, extent));
  SmallVector<OpFoldResult> offsets(shape.size(), b.getIndexAttr(0));
  SmallVector<OpFoldResult> strides(shape.size(), b.getIndexAttr(1));
  return node.makeTensor(
      tensor.dtype, shape,
      tensor::ExtractSliceOp::create(b, node.getTensorType(tensor.dtype, shape),
                                     source, offsets, sizes, strides));
}

/// The same as below where extents are not known: each element is looked up.
static FailureOr<Tensor> readBlocks(Node &node, Tensor tensor, const Tensor &x,
                                    int64_t axis, int64_t block) {
  Value source = node.getValue(tensor);
  return node.emitMap(
      {}, x.shape, tensor.dtype, [&](B &b, ValueRange) -> Value {
        SmallVector<Value> position;
        for (int64_t i = 0; i < x.getRank(); ++i)
          position.push_back(linalg::IndexOp::create(b, i));
        Value size = arith::ConstantIndexOp::create(b, block);
        position[axis] = arith::DivUIOp::create(b, position[axis], size);
        return tensor::ExtractOp::create(b, source, position);
      });
}

/// A tensor with an element for each block along the axis of `x`, in the shape
/// of `x`. The last block may be cut short.
static FailureOr<Tensor> spreadBlocks(Node &node, Tensor tensor,
                                      const Tensor &x, int64_t axis,
                                      int64_t block) {
  int64_t rank = x.getRank();
  std::string message =
      ("scales or zero points of shape " + node.describe(tensor.shape) +
       " do not fit blocks of " + Twine(block) + " along axis " + Twine(axis) +
       " of " + node.describe(x.shape))
          .str();
  if (tensor.getRank() != rank)
    return node.error(message);
  for (int64_t i = 0; i < rank; ++i)
    if (i != axis && failed(node.require(tensor.shape[i], x.shape[i], message)))
      return failure();
  Extent numBlocks = tensor.shape[axis], size = x.shape[axis];
  Extents blocks(x.shape);
  blocks[axis] = numBlocks;
  tensor = node.assumeShape(tensor, blocks);
  std::optional<Extent> covered = Extent::mul(numBlocks, block);
  if (!covered || *covered != size) {
    std::optional<Extent> rounded = Extent::add(size, block - 1);
    if (rounded)
      rounded = node.getSymbols().floorDiv(node.b, *rounded, block);
    if (!rounded)
      return node.error("the number of blocks overflows");
    if (failed(node.require(numBlocks, *rounded, message)))
      return failure();
    if (!numBlocks.getConstant() || !size.getConstant())
      return readBlocks(node, tensor, x, axis, block);
    block = std::min(block, *size.getConstant());
    covered = Extent::mul(numBlocks, block);
  }
  // Each element again and again, along the axis.
  FailureOr<Tensor> spread = node.emitUnsqueeze(tensor, {axis + 1});
  if (failed(spread))
    return failure();
  Extents wide(tensor.shape), flat(x.shape);
  wide.insert(wide.begin() + axis + 1, Extent(block));
  flat[axis] = *covered;
  FailureOr<Tensor> repeated =
      node.emitMap({*spread}, wide, tensor.dtype,
                   [](B &, ValueRange args) -> Value { return args[0]; });
  if (failed(repeated))
    return failure();
  FailureOr<Tensor> joined = node.emitReshape(*repeated, flat);
  if (failed(joined) || *covered == size)
    return joined;
  return emitFront(node, *joined, x.shape);
}

/// A scale or zero point in position to be broadcast to `x`: one for all, one
/// for each position along the axis, or one for each block along it.
static FailureOr<Tensor> alignToAxis(Node &node, const Tensor &tensor,
                                     const Tensor &x, int64_t axis,
                                     int64_t block) {
  if (block != 0)
    return spreadBlocks(node, tensor, x, axis, block);
  FailureOr<Tensor> scalar = squeezeScalar(node, tensor);
  if (failed(scalar) || scalar->getRank() == 0)
    return scalar;
  FailureOr<Tensor> fitting =
      node.expectShape(tensor, {x.shape[axis]},
                       "a scale or zero point of shape " +
                           node.describe(tensor.shape) + " does not fit axis " +
                           Twine(axis) + " of " + node.describe(x.shape));
  if (failed(fitting))
    return failure();
  return node.emitUnsqueeze(
      *fitting, llvm::to_vector(llvm::seq<int64_t>(1, x.getRank() - axis)));
}

namespace {
struct LinearOperands {
  Tensor scale;
  std::optional<Tensor> zeroPoint;
  /// What shares them.
  Granules granules;
};
} // namespace

static FailureOr<LinearOperands> getLinearOperands(Node &node,
                                                   const Tensor &x) {
  int64_t block = node.getInt("block_size", 0);
  int64_t axis = node.getInt("axis", 1);
  auto isOne = [](const Tensor &tensor) {
    return tensor.getRank() == 0 || tensor.shape == Extents{1};
  };
  bool isScalar = isOne(node.getInput(1));
  if (block < 0)
    return node.error("attribute 'block_size' is negative");
  if (!isScalar || block > 0) {
    FailureOr<int64_t> normal = node.normalizeAxis(axis, x.getRank());
    if (failed(normal))
      return failure();
    axis = *normal;
  }
  LinearOperands result;
  if (!isScalar || block > 0)
    result.granules = {axis, block};
  FailureOr<Tensor> scale = alignToAxis(node, node.getInput(1), x, axis, block);
  if (failed(scale))
    return failure();
  result.scale = *scale;
  if (node.hasInput(2)) {
    // "Shape must match" the scale's. What has one element may have rank 0 or
    // 1, as it may for ONNX Runtime.
    Tensor given = node.getInput(2);
    const Tensor &fitted = node.getInput(1);
    if (!isScalar || !isOne(given)) {
      FailureOr<Tensor> fitting = node.expectShape(
          given, fitted.shape,
          "the zero point has shape " + node.describe(given.shape) +
              ", the scale " + node.describe(fitted.shape));
      if (failed(fitting))
        return failure();
      given = *fitting;
    }
    FailureOr<Tensor> zeroPoint = alignToAxis(node, given, x, axis, block);
    if (failed(zeroPoint))
      return failure();
    result.zeroPoint = *zeroPoint;
  }
  return result;
}

/// The operands of a map: the zero point comes last.
static SmallVector<Tensor> list(const Tensor &x,
                                const LinearOperands &operands) {
  SmallVector<Tensor> result = {x, operands.scale};
  if (operands.zeroPoint)
    result.push_back(*operands.zeroPoint);
  return result;
}

/// An attribute that is an element type: `type` if there is none.
static FailureOr<DType> getType(Node &node, StringRef attribute, DType type) {
  int64_t number = node.getInt(attribute, 0);
  if (number == 0)
    return type;
  std::optional<DType> declared = getDType(static_cast<int>(number));
  if (!declared || number != static_cast<int64_t>(*declared))
    return node.error("attribute " + quote(attribute) + " is " +
                      getONNXTypeName(static_cast<int>(number)) +
                      ", which is not supported");
  return *declared;
}

static bool isQuantized(DType type) {
  return isNarrowFloat(type) ? type != DType::F8E8M0
                             : isInteger(type) && getBitWidth(type) <= 16;
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

static LogicalResult importQuantizeLinear(Node &node) {
  Tensor x = node.getInput(0);
  NarrowRounding rounding;
  rounding.saturates = node.getFlag("saturate", true);
  if (!isFloat(x.dtype) && x.dtype != DType::I32)
    return node.error("element type " + getName(x.dtype) + " is not supported");
  FailureOr<LinearOperands> operands = getLinearOperands(node, x);
  if (failed(operands))
    return failure();
  // The quotient has the type of the scale; integers and powers of two have
  // none of their own.
  DType scaleType = operands->scale.dtype;
  DType quotient = scaleType;
  if (scaleType == DType::I32)
    quotient = DType::F64;
  else if (scaleType == DType::F8E8M0)
    quotient = DType::F32;
  else if (!isFloat(scaleType))
    return node.error("a scale of type " + getName(scaleType) +
                      " is not supported");
  FailureOr<DType> precision = getType(node, "precision", quotient);
  FailureOr<DType> type =
      getType(node, "output_dtype",
              operands->zeroPoint ? operands->zeroPoint->dtype : DType::U8);
  if (failed(precision) || failed(type))
    return failure();
  if (!isFloat(*precision))
    return node.error("attribute 'precision' is not a float type");
  if (operands->zeroPoint && operands->zeroPoint->dtype != *type)
    return node.error(
        "attribute 'output_dtype' must be the type of the zero point");
  if (!isQuantized(*type))
    return node.error("cannot quantize to element type " + getName(*type));
  // What comes after the division is exact, for integers.
  DType sum = *precision == DType::F64 ? DType::F64 : DType::F32;
  return node.setResult(node.emitMap(
      list(x, *operands), x.shape, *type, [&](B &b, ValueRange args) -> Value {
        Value scale = emitDetached(b, args[1]);
        auto divide = [&](DType as) -> Value {
          return arith::DivFOp::create(b,
                                       emitScalarCast(b, args[0], x.dtype, as),
                                       emitScalarCast(b, scale, scaleType, as));
        };
        Value ratio = divide(*precision);
        Value value = emitScalarCast(b, ratio, *precision, sum);
        if (isInteger(*type))
          value = math::RoundEvenOp::create(b, value);
        if (operands->zeroPoint)
          value = arith::AddFOp::create(b, value,
                                        emitScalarCast(b, args[2], *type, sum));
        Value code = isInteger(*type) ? emitSaturated(b, value, *type)
                                      : emitEncoded(b, value, *type, rounding);
        // A gradient meets the scale once more, as a factor, when the codes are
        // dequantized: in between it must not be rounded to 16 bits.
        return emitFakeQuantized(
            b, code, *precision == sum ? ratio : divide(sum), value, *type);
      }));
}

static LogicalResult importDequantizeLinear(Node &node) {
  Tensor x = node.getInput(0);
  if (!isQuantized(x.dtype) && x.dtype != DType::I32)
    return node.error("element type " + getName(x.dtype) + " is not supported");
  FailureOr<LinearOperands> operands = getLinearOperands(node, x);
  if (failed(operands))
    return failure();
  if (operands->zeroPoint && operands->zeroPoint->dtype != x.dtype)
    return node.error("inputs have different element types");
  DType scaleType = operands->scale.dtype;
  if (!isFloat(scaleType) && scaleType != DType::F8E8M0)
    return node.error("a scale of type " + getName(scaleType) +
                      " is not supported");
  FailureOr<DType> type = getType(node, "output_dtype", scaleType);
  if (failed(type))
    return failure();
  if (!isFloat(*type))
    return node.error("cannot dequantize to element type " + getName(*type));
  // One rounding, from the product to the result; f32 holds the factors.
  DType product =
      scaleType == DType::F64 || *type == DType::F64 ? DType::F64 : DType::F32;
  FailureOr<Tensor> result = node.emitMap(
      list(x, *operands), x.shape, *type, [&](B &b, ValueRange args) -> Value {
        DType type32 = isInteger(x.dtype) ? DType::I32 : DType::F32;
        Value code = emitScalarCast(b, args[0], x.dtype, type32);
        if (operands->zeroPoint) {
          Value zero =
              emitDetached(b, emitScalarCast(b, args[2], x.dtype, type32));
          if (type32 == DType::I32)
            code = arith::SubIOp::create(b, code, zero);
          else
            code = arith::SubFOp::create(b, code, zero);
        }
        Value value = arith::MulFOp::create(
            b, emitScalarCast(b, code, type32, product),
            emitDetached(b, emitScalarCast(b, args[1], scaleType, product)));
        return emitScalarCast(b, value, product, *type);
      });
  if (succeeded(result))
    noteDequantized(node, x,
                    node.hasInput(2) ? std::optional(node.getInput(2))
                                     : std::nullopt,
                    node.getInput(1), operands->granules, *result);
  return node.setResult(result);
}

void tern::onnx_import::addQuantizeLinearOps(OpTable &ops) {
  // ONNX Runtime has had types in its own domain before the standard had them.
  for (const char *domain : {"", "com.microsoft"}) {
    int64_t since = *domain ? 1 : 10;
    ops.onOp(domain, "QuantizeLinear", since, {2, 3}, importQuantizeLinear);
    ops.onOp(domain, "DequantizeLinear", since, {2, 3}, importDequantizeLinear);
  }
}
