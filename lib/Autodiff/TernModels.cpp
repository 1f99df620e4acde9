//===- TernModels.cpp - Derivatives of tern operations --------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Models.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/DialectRegistry.h"
#include "tern/Autodiff/DifferentiableOpInterface.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Dialect/Tern/Utils/Dequantize.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"
#include "tern/Dialect/Tern/Utils/Tokens.h"

using namespace mlir;
using namespace tern;

namespace {
/// The gradient of the value is that of the other operand; lambda and the
/// quantized operand are constants.
struct StraightThroughModel
    : DifferentiableOpInterface::ExternalModel<StraightThroughModel,
                                               StraightThroughOp> {
  SmallVector<Value> getGradientSources(Operation *op, OpResult) const {
    return {cast<StraightThroughOp>(op).getX()};
  }
  LogicalResult buildAdjoint(Operation *op, Reverse &reverse) const {
    reverse.add(cast<StraightThroughOp>(op).getX(),
                reverse.getCotangent(op->getResult(0)));
    return success();
  }
};

/// Codes are integers, statistics are detached, a learned scale is itself.
struct QuantizeWeightsModel
    : DifferentiableOpInterface::ExternalModel<QuantizeWeightsModel,
                                               QuantizeWeightsOp> {
  SmallVector<Value> getGradientSources(Operation *op, OpResult result) const {
    auto quantize = cast<QuantizeWeightsOp>(op);
    if (Value alpha = quantize.getAlpha();
        alpha && result != quantize.getCodes())
      return {alpha};
    return {};
  }
  LogicalResult buildAdjoint(Operation *op, Reverse &reverse) const {
    auto quantize = cast<QuantizeWeightsOp>(op);
    if (Value alpha = quantize.getAlpha())
      reverse.add(alpha, reverse.getCotangent(quantize.getScale()));
    return success();
  }
};

/// The scale of a token is a statistic.
struct QuantizeActivationsModel
    : DifferentiableOpInterface::ExternalModel<QuantizeActivationsModel,
                                               QuantizeActivationsOp> {
  SmallVector<Value> getGradientSources(Operation *, OpResult) const {
    return {};
  }
  LogicalResult buildAdjoint(Operation *, Reverse &) const { return success(); }
};

/// The derivative is that of the other operand, if there is one.
struct SurrogateModel
    : DifferentiableOpInterface::ExternalModel<SurrogateModel, SurrogateOp> {
  SmallVector<Value> getGradientSources(Operation *op, OpResult) const {
    if (Value function = cast<SurrogateOp>(op).getFunction())
      return {function};
    return {};
  }
  LogicalResult buildAdjoint(Operation *op, Reverse &reverse) const {
    Value function = cast<SurrogateOp>(op).getFunction();
    reverse.add(function,
                createFloatCast(reverse.getBuilder(),
                                reverse.getCotangent(op->getResult(0)),
                                function.getType()));
    return success();
  }
};

//===----------------------------------------------------------------------===//
// tern.bitlinear
//===----------------------------------------------------------------------===//

/// y [tokens, K] in the shape of x.
Value inShapeOf(ImplicitLocOpBuilder &b, Value y, Value x) {
  y = fromTokens(b, b.getLoc(), y, x);
  if (y.getType() != x.getType())
    y = tensor::CastOp::create(b, x.getType(), y);
  return y;
}

using ScalarBody =
    llvm::function_ref<Value(ImplicitLocOpBuilder &, ValueRange)>;

/// An elementwise function of `matrix` [A, B] and `others`, by their maps.
Value mapMatrix(ImplicitLocOpBuilder &b, Value matrix, ValueRange others,
                ArrayRef<AffineMap> otherMaps, ScalarBody body) {
  SmallVector<Value> inputs = {matrix};
  llvm::append_range(inputs, others);
  SmallVector<AffineMap> maps = {b.getMultiDimIdentityMap(2)};
  llvm::append_range(maps, otherMaps);
  return buildGeneric(b, b.getLoc(), inputs, maps,
                      createEmptyLike(b, matrix, b.getF32Type()),
                      b.getMultiDimIdentityMap(2),
                      [&](ImplicitLocOpBuilder &nested, ValueRange args) {
                        return body(nested, args.drop_back());
                      });
}

/// sum over the loops that are not in `result` of the product of the inputs,
/// floats or codes.
Value contract(ImplicitLocOpBuilder &b, ValueRange inputs,
               ArrayRef<AffineMap> maps, AffineMap result,
               ArrayRef<OpFoldResult> sizes) {
  Type f32 = b.getF32Type();
  return buildGeneric(
      b, b.getLoc(), inputs, maps,
      buildFilled(b, b.getLoc(), sizes, b.getF32FloatAttr(0)), result,
      [&](ImplicitLocOpBuilder &nested, ValueRange args) -> Value {
        Value product;
        for (Value factor : args.drop_back()) {
          if (factor.getType().isInteger())
            factor = arith::SIToFPOp::create(nested, f32, factor);
          product =
              product
                  ? arith::MulFOp::create(nested, product, factor).getResult()
                  : factor;
        }
        return arith::AddFOp::create(nested, args.back(), product);
      });
}

Value toFloat(ImplicitLocOpBuilder &b, Value code) {
  return arith::SIToFPOp::create(b, b.getF32Type(), code);
}

/// y = x^ . w^T (+ bias), straight through both quantizers: dx = (dy . codes) *
/// scale, dw = dy^T . x^ (times a learned scale), db = sum of dy. What is kept
/// of x and w are codes and scales, computed as the layer itself computes
/// them.
class BitLinearAdjoint {
public:
  BitLinearAdjoint(BitLinearOp op, Reverse &reverse)
      : op(op), reverse(reverse), b(reverse.getBuilder()) {
    auto quantize = QuantizeWeightsOp::create(b, op.getWeight(), op.getAlpha(),
                                              op.getWeights());
    codes = quantize.getCodes();
    scale = quantize.getScale();
    dy = toTokens(b, b.getLoc(), reverse.getCotangent(op.getResult()));
    tokens = tensor::getMixedSize(b, b.getLoc(), dy, 0);
    rows = tensor::getMixedSize(b, b.getLoc(), op.getWeight(), 0);
    columns = tensor::getMixedSize(b, b.getLoc(), op.getWeight(), 1);
    bindDims(b.getContext(), d0, d1, d2);
  }

  void build() {
    if (reverse.isVaried(op.getX()))
      reverse.add(op.getX(), inShapeOf(b, buildX(), op.getX()));
    if (reverse.isVaried(op.getWeight()) ||
        (op.getAlpha() && reverse.isVaried(op.getAlpha())))
      buildWeights();
    if (op.getBias() && reverse.isVaried(op.getBias()))
      reverse.add(op.getBias(), matchType(contract(b, dy, map({d1, d0}, 2),
                                                   map({d0}, 2), rows),
                                          op.getBias()));
  }

private:
  AffineMap map(ArrayRef<AffineExpr> results, unsigned dims) {
    return AffineMap::get(dims, 0, results, b.getContext());
  }

  Value matchType(Value value, Value like) {
    if (value.getType() != like.getType())
      value = tensor::CastOp::create(b, like.getType(), value);
    return value;
  }

  /// dx [tokens, K] = (dy . codes) * scale. A scale per row or group belongs
  /// inside the product.
  Value buildX() {
    bool isUniform = op.getWeights().getGranularity() == Granularity::Tensor;
    Value weights = codes;
    if (!isUniform) {
      TensorBuilder tensors(b.getLoc(), b);
      weights = dequantize(tensors, {rows, columns}, codes, scale,
                           getScaleMap(op.getWeights()));
    }
    // Loops: token, k, n.
    Value product =
        contract(b, {dy, weights}, {map({d0, d2}, 3), map({d2, d1}, 3)},
                 map({d0, d1}, 3), {tokens, columns});
    if (!isUniform)
      return product;
    return mapMatrix(b, product, scale, map({}, 2),
                     [](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
                       return arith::MulFOp::create(b, args[0], args[1]);
                     });
  }

  /// dw^ [N, K] = dy^T . x^; a learned scale is not detached: dw = dw^ * scale,
  /// dalpha = the sum of dw^ * codes over what shares the scale.
  void buildWeights() {
    Value x = toTokens(b, b.getLoc(), op.getX());
    ActivationQuantizerAttr quantizer = op.getActivationsAttr();
    if (quantizer) {
      TensorBuilder tensors(b.getLoc(), b);
      x = quantizeAndBack(tensors, x, quantizer);
    }
    // Loops: n, k, token.
    Value dw = contract(b, {dy, x}, {map({d2, d0}, 3), map({d2, d1}, 3)},
                        map({d0, d1}, 3), {rows, columns});
    Value alpha = op.getAlpha();
    if (!alpha) {
      reverse.add(op.getWeight(), matchType(dw, op.getWeight()));
      return;
    }
    if (reverse.isVaried(alpha))
      reverse.add(alpha, matchType(buildAlpha(dw), alpha));
    if (reverse.isVaried(op.getWeight()))
      reverse.add(
          op.getWeight(),
          matchType(
              mapMatrix(b, dw, scale, getScaleMap(op.getWeights()),
                        [](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
                          return arith::MulFOp::create(b, args[0], args[1]);
                        }),
              op.getWeight()));
  }

  Value buildAlpha(Value dw) {
    Value zero = arith::ConstantOp::create(b, b.getF32FloatAttr(0));
    Value init = linalg::FillOp::create(
                     b, zero, createEmptyLike(b, scale, b.getF32Type()))
                     .getResult(0);
    // Groups do not divide K: their place is computed, not a loop.
    SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(2));
    maps.push_back(getScaleMap(op.getWeights()));
    SmallVector<utils::IteratorType> loops(2, utils::IteratorType::reduction);
    if (op.getWeights().getGranularity() != Granularity::Tensor)
      loops[0] = utils::IteratorType::parallel;
    auto generic = linalg::GenericOp::create(
        b, TypeRange(init.getType()), ValueRange{dw, codes}, ValueRange(init),
        maps, loops, [](OpBuilder &nested, Location loc, ValueRange args) {
          ImplicitLocOpBuilder inner(loc, nested);
          Value product =
              arith::MulFOp::create(inner, args[0], toFloat(inner, args[1]));
          linalg::YieldOp::create(
              inner,
              arith::AddFOp::create(inner, args[2], product).getResult());
        });
    return generic.getResult(0);
  }

  BitLinearOp op;
  Reverse &reverse;
  ImplicitLocOpBuilder &b;
  Value codes, scale, dy;
  OpFoldResult tokens, rows, columns;
  AffineExpr d0, d1, d2;
};

struct BitLinearModel
    : DifferentiableOpInterface::ExternalModel<BitLinearModel, BitLinearOp> {
  LogicalResult buildAdjoint(Operation *op, Reverse &reverse) const {
    BitLinearAdjoint(cast<BitLinearOp>(op), reverse).build();
    return success();
  }
};
} // namespace

void tern::registerTernModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, TernDialect *) {
    BitLinearOp::attachInterface<BitLinearModel>(*context);
    QuantizeActivationsOp::attachInterface<QuantizeActivationsModel>(*context);
    QuantizeWeightsOp::attachInterface<QuantizeWeightsModel>(*context);
    StraightThroughOp::attachInterface<StraightThroughModel>(*context);
    SurrogateOp::attachInterface<SurrogateModel>(*context);
  });
}
