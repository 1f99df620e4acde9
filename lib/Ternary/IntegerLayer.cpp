//===- IntegerLayer.cpp - Find scales of integer products -----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "IntegerLayer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"

using namespace mlir;
using namespace tern;

/// The one operation that uses the value, if its one result has this shape.
static linalg::LinalgOp getElementwiseUser(Value value) {
  if (!value.hasOneUse())
    return nullptr;
  auto user = dyn_cast<linalg::LinalgOp>(*value.user_begin());
  if (!user || user->getNumResults() != 1 ||
      cast<ShapedType>(user->getResult(0).getType()).getShape() !=
          cast<ShapedType>(value.getType()).getShape())
    return nullptr;
  return user;
}

/// The operation of `user` that computes its result.
static Operation *getOwnComputation(linalg::LinalgOp user) {
  Operation *op = getComputation(Element::get(user->getResult(0)));
  return op && op->getParentOp() == user ? op : nullptr;
}

/// The scale of the weights, in a form of its own for the two that it may have.
static std::optional<IntegerScales> getWeightScale(Value result,
                                                   const Monomial &factors) {
  IntegerScales scales{result, factors.factor, nullptr};
  if (factors.bases.empty())
    return scales;
  if (!factors.isPower(1))
    return std::nullopt;
  auto type = cast<RankedTensorType>(result.getType());
  AffineExpr last = getAffineDimExpr(type.getRank() - 1, type.getContext());
  for (Element scale : getTensors(factors.bases[0].first)) {
    auto scaleType = cast<RankedTensorType>(scale.value.getType());
    if (!scaleType.getElementType().isF32())
      return std::nullopt;
    bool fits =
        scaleType.getRank() == 0 ||
        (scaleType.getRank() == 1 &&
         scaleType.getDimSize(0) == type.getShape().back() &&
         (scaleType.getDimSize(0) == 1 || scale.map.getResult(0) == last));
    if (!fits)
      continue;
    scales.tensor = scale.value;
    return scales;
  }
  return std::nullopt;
}

std::optional<IntegerScales> tern::findIntegerScales(const LinearLayer &layer,
                                                     const Monomial &xScale) {
  Value value = layer.getResult();
  while (value.hasOneUse() && getReshaped(*value.user_begin()))
    value = (*value.user_begin())->getResult(0);
  linalg::LinalgOp cast = getElementwiseUser(value);
  if (!cast || !isa_and_nonnull<arith::SIToFPOp>(getOwnComputation(cast)) ||
      getSource(getOperand(Element::get(cast->getResult(0)), 0)) !=
          getSource(Element::get(value)) ||
      !mlir::cast<ShapedType>(cast->getResult(0).getType())
           .getElementType()
           .isF32())
    return std::nullopt;
  Value product = cast->getResult(0);
  value = product;
  while (linalg::LinalgOp user = getElementwiseUser(value)) {
    if (!isa_and_nonnull<arith::MulFOp>(getOwnComputation(user)))
      return std::nullopt;
    value = user->getResult(0);
    Monomial factors = getMonomial(Element::get(value));
    auto take = [&](function_ref<bool(Element)> matches) {
      auto *base = llvm::find_if(factors.bases, [&](auto &base) {
        return base.second == 1 && matches(base.first);
      });
      if (base == factors.bases.end())
        return false;
      factors.bases.erase(base);
      return true;
    };
    if (!take([&](Element base) {
          return getSource(base) == getSource(Element::get(product));
        }))
      return std::nullopt;
    if (!xScale.isPower(1) || !take([&](Element base) {
          return isSame(base, xScale.bases[0].first);
        }))
      continue;
    // One more product may hold the rest: weights have a scale of 1 seldom.
    if (factors.bases.empty() && factors.factor == 1)
      continue;
    return getWeightScale(value, factors);
  }
  return std::nullopt;
}

Element tern::buildScaledWeights(OpBuilder &builder, const LinearLayer &layer,
                                 Element integers, StringRef fact,
                                 const IntegerScales &scales) {
  Location loc = layer.op->getLoc();
  MLIRContext *context = builder.getContext();
  auto type = cast<RankedTensorType>(integers.value.getType());
  unsigned rank = type.getRank();
  // The axis of the output channels.
  AffineExpr n = getAffineDimExpr(*layer.dims.n, context);
  std::optional<unsigned> channels;
  for (auto [axis, index] : llvm::enumerate(integers.map.getResults()))
    if (index == n)
      channels = axis;
  auto scaleType = dyn_cast_if_present<RankedTensorType>(
      scales.tensor ? scales.tensor.getType() : Type());
  bool perChannel = scaleType && scaleType.getRank() == 1;
  std::string scaledFact = fact.str();
  if (perChannel) {
    if (rank != 2 || (fact != "tensor" && fact != "axis:0" && fact != "axis:1"))
      return {};
    // One output channel: it does not show in the position.
    if (!channels && type.getDimSize(0) != 1 && type.getDimSize(1) != 1)
      return {};
    if (!channels)
      channels = type.getDimSize(0) == 1 ? 0 : 1;
    if (fact == "tensor" && scaleType.getDimSize(0) != 1)
      scaledFact = "axis:" + std::to_string(*channels);
  }
  SmallVector<Value> inputs = {integers.value};
  SmallVector<AffineMap> maps = {builder.getMultiDimIdentityMap(rank)};
  if (scales.tensor) {
    inputs.push_back(scales.tensor);
    maps.push_back(
        perChannel
            ? AffineMap::get(rank, 0, getAffineDimExpr(*channels, context))
            : AffineMap::get(rank, 0, context));
  }
  Type f32 = builder.getF32Type();
  Value init = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, integers.value), f32);
  Value weights = buildElementwise(
      builder, loc, inputs, maps, init,
      [&](OpBuilder &b, Location at, ValueRange args) -> Value {
        Value value = arith::SIToFPOp::create(b, at, f32, args[0]);
        Value scale;
        if (scales.factor != 1 || args.size() == 1)
          scale = floatConstant(b, at, f32, scales.factor);
        if (args.size() > 1)
          scale = scale
                      ? arith::MulFOp::create(b, at, scale, args[1]).getResult()
                      : args[1];
        return arith::MulFOp::create(b, at, value, scale);
      });
  TernDialect::TernaryAttrHelper(weights.getDefiningOp()->getContext())
      .setAttr(weights.getDefiningOp(), builder.getStringAttr(scaledFact));
  return {weights, integers.map};
}
