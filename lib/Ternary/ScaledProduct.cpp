//===- ScaledProduct.cpp - Follow a product to its scales -----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ScaledProduct.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"

using namespace mlir;
using namespace tern;

Monomial tern::getScaleOfResult(const LinearLayer &layer, Monomial scale) {
  for (auto &[base, power] : scale.bases)
    base.map = base.map.compose(layer.getLoopsOfResult());
  return scale;
}

/// Takes factors out of a product. Whether they all were there.
static bool take(Monomial &product, const Monomial &factors) {
  for (const auto &[base, power] : factors.bases) {
    auto *found = llvm::find_if(product.bases, [&, wanted = base](auto &given) {
      return isSame(given.first, wanted);
    });
    if (found == product.bases.end() || found->second != power)
      return false;
    product.bases.erase(found);
  }
  product.factor /= factors.factor;
  if (isClose(product.factor, 1))
    product.factor = 1;
  return true;
}

std::optional<ScaledProduct> tern::findScaledProduct(Value product,
                                                     const Monomial &scales) {
  Value value = product;
  while (value.hasOneUse()) {
    auto user = dyn_cast<linalg::LinalgOp>(*value.user_begin());
    if (!user || user->getNumResults() != 1 ||
        user->getResult(0).getType() != product.getType())
      return std::nullopt;
    value = user->getResult(0);
    Element element = Element::get(value);
    Operation *computation = getComputation(element);
    if (!isa_and_nonnull<arith::MulFOp, arith::DivFOp>(computation) ||
        computation->getParentOp() != user)
      return std::nullopt;
    // What is left when the product and the scales are taken out.
    Monomial rest = getMonomial(element);
    Monomial own;
    own.bases.emplace_back(Element::get(product), 1);
    if (!take(rest, own))
      return std::nullopt;
    if (take(rest, scales))
      return ScaledProduct{product, value, rest};
  }
  return std::nullopt;
}

/// The tensor that holds a factor of the product's elements, without dimensions
/// of extent 1 that do not follow the position, and the map to it. Null if the
/// factor is no such tensor.
static std::pair<Element, SmallVector<int64_t>> findOperand(Element factor) {
  for (Element tensor : getTensors(factor)) {
    auto type = cast<RankedTensorType>(tensor.value.getType());
    SmallVector<int64_t> kept;
    bool isProjection = true;
    for (auto [i, index] : llvm::enumerate(tensor.map.getResults())) {
      if (type.getDimSize(i) == 1)
        continue;
      isProjection &= isa<AffineDimExpr>(index);
      kept.push_back(i);
    }
    if (isProjection && type.getElementType().isF32())
      return {tensor, kept};
  }
  return {};
}

bool tern::canApplyRest(const ScaledProduct &scaled) {
  return llvm::all_of(scaled.rest.bases, [](auto &base) {
    return findOperand(base.first).first.value != nullptr;
  });
}

Value tern::applyRest(OpBuilder &builder, const ScaledProduct &scaled) {
  const Monomial &rest = scaled.rest;
  if (rest.bases.empty() && rest.factor == 1)
    return scaled.scaled;
  Operation *last = scaled.scaled.getDefiningOp();
  Location loc = last->getLoc();
  MLIRContext *context = builder.getContext();
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(last);
  auto type = cast<RankedTensorType>(scaled.product.getType());
  unsigned rank = type.getRank();
  SmallVector<Value> inputs = {scaled.product};
  SmallVector<AffineMap> maps = {builder.getMultiDimIdentityMap(rank)};
  for (const auto &[base, power] : rest.bases) {
    auto [tensor, kept] = findOperand(base);
    Value operand = tensor.value;
    auto whole = cast<RankedTensorType>(operand.getType());
    SmallVector<AffineExpr> indices;
    SmallVector<int64_t> shape;
    for (int64_t i : kept) {
      indices.push_back(tensor.map.getResult(i));
      shape.push_back(whole.getDimSize(i));
    }
    if (static_cast<int64_t>(kept.size()) != whole.getRank())
      operand = tensor::createCanonicalRankReducingExtractSliceOp(
          builder, loc, operand,
          RankedTensorType::get(shape, whole.getElementType()));
    inputs.push_back(operand);
    maps.push_back(AffineMap::get(rank, 0, indices, context));
  }
  Value init = tensor::EmptyOp::create(
      builder, loc, tensor::getMixedSizes(builder, loc, scaled.product),
      type.getElementType());
  Value result = buildElementwise(
      builder, loc, inputs, maps, init,
      [&](OpBuilder &b, Location at, ValueRange args) {
        Value value = args[0];
        if (rest.factor != 1)
          value = arith::MulFOp::create(
              b, at, value,
              floatConstant(b, at, type.getElementType(), rest.factor));
        for (auto [base, factor] :
             llvm::zip_equal(rest.bases, args.drop_front()))
          for (int i = 0; i < std::abs(base.second); ++i) {
            if (base.second > 0)
              value = arith::MulFOp::create(b, at, value, factor);
            else
              value = arith::DivFOp::create(b, at, value, factor);
          }
        return value;
      });
  Value(scaled.scaled).replaceAllUsesWith(result);
  return scaled.product;
}
