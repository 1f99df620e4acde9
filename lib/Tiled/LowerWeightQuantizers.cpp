//===- LowerWeightQuantizers.cpp - Ternarizing to linalg ------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whatever shares a scale, the weights are viewed as [A, G, E]: A x G granules
// of E elements. A tensor is [1, 1, N*K], rows are [N, 1, K], groups are
// [N, ceil(K/g), g] with the last group filled up by zeros that do not count.
//
//===----------------------------------------------------------------------===//

#include "QuantizerLowering.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/PatternMatch.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"
#include "tern/Dialect/Tern/Utils/Padding.h"

using namespace mlir;
using namespace tern;

namespace {

class WeightQuantizerLowering {
public:
  WeightQuantizerLowering(PatternRewriter &b, QuantizeWeightsOp op)
      : b(b), loc(op.getLoc()), op(op), quantizer(op.getQuantizer()),
        f32(getElementTypeOrSelf(op.getWeight())) {}

  void lower();

private:
  using Body = function_ref<Value(OpBuilder &, Location, ValueRange)>;

  /// The weights as granules; sets `matrix`, `granules` and `perGranule`.
  Value view();
  /// Folds elements of each granule into `init`; `body` gets the element, the
  /// accumulator.
  Value reduce(Value elements, TypedAttr init, Body body);
  /// An elementwise function of values per granule.
  Value map(ValueRange inputs, Type type, Body body);
  /// Elements of a granule, as i64; fewer in a last group that is cut short.
  Value count();
  Value absMean(Value elements);
  Value absMax(Value elements);
  Value absMedian(Value elements);
  Value scales(Value elements);
  Value codes(Value elements, Value scale);

  Value indexToI64(OpBuilder &nested, Location at, Value value) {
    return arith::IndexCastOp::create(nested, at, nested.getI64Type(), value);
  }

  PatternRewriter &b;
  Location loc;
  QuantizeWeightsOp op;
  WeightQuantizerAttr quantizer;
  Type f32;
  OpFoldResult n, k;
  /// [N, K] padded to whole groups; [A, G, E]; [A, G].
  SmallVector<OpFoldResult> matrix, granules, perGranule;
};
} // namespace

static RankedTensorType typeOf(ArrayRef<OpFoldResult> sizes, Type element) {
  SmallVector<int64_t> shape;
  SmallVector<Value> dynamic;
  dispatchIndexOpFoldResults(sizes, dynamic, shape);
  return RankedTensorType::get(shape, element);
}

Value WeightQuantizerLowering::view() {
  Value w = op.getWeight();
  n = tensor::getMixedSize(b, loc, w, 0);
  k = tensor::getMixedSize(b, loc, w, 1);
  matrix = {n, k};
  OpFoldResult one = b.getIndexAttr(1);
  AffineExpr s0 = b.getAffineSymbolExpr(0), s1 = b.getAffineSymbolExpr(1);
  switch (quantizer.getGranularity()) {
  case Granularity::Tensor: {
    granules = {one, one, applyFolded(b, loc, s0 * s1, {n, k})};
    Value flat = tensor::CollapseShapeOp::create(
        b, loc, w, SmallVector<ReassociationIndices>{{0, 1}});
    w = tensor::ExpandShapeOp::create(
        b, loc, typeOf(granules, f32), flat,
        SmallVector<ReassociationIndices>{{0, 1, 2}}, granules);
    break;
  }
  case Granularity::Row:
    granules = {n, one, k};
    w = tensor::ExpandShapeOp::create(
        b, loc, typeOf(granules, f32), w,
        SmallVector<ReassociationIndices>{{0, 1}, {2}}, granules);
    break;
  case Granularity::Group: {
    int64_t group = quantizer.getGroupSize();
    w = padColumns(b, loc, w, group);
    matrix[1] = tensor::getMixedSize(b, loc, w, 1);
    granules = {n, applyFolded(b, loc, s0.ceilDiv(group), {k}),
                b.getIndexAttr(group)};
    w = tensor::ExpandShapeOp::create(
        b, loc, typeOf(granules, f32), w,
        SmallVector<ReassociationIndices>{{0}, {1, 2}}, granules);
    break;
  }
  }
  perGranule = {granules[0], granules[1]};
  return w;
}

Value WeightQuantizerLowering::reduce(Value elements, TypedAttr init,
                                      Body body) {
  Value start = buildFilled(b, loc, perGranule, init);
  AffineMap identity = b.getMultiDimIdentityMap(3);
  SmallVector<utils::IteratorType> loops(3, utils::IteratorType::parallel);
  loops.back() = utils::IteratorType::reduction;
  return linalg::GenericOp::create(
             b, loc, start.getType(), elements, start,
             {identity, identity.dropResult(2)}, loops,
             [&](OpBuilder &nested, Location at, ValueRange args) {
               linalg::YieldOp::create(nested, at, body(nested, at, args));
             })
      .getResult(0);
}

Value WeightQuantizerLowering::map(ValueRange inputs, Type type, Body body) {
  Value init = tensor::EmptyOp::create(b, loc, perGranule, type);
  SmallVector<AffineMap> maps(inputs.size(), b.getMultiDimIdentityMap(2));
  return buildElementwise(b, loc, inputs, maps, init, body);
}

Value WeightQuantizerLowering::count() {
  Value extent = getValueOrCreateConstantIndexOp(b, loc, granules[2]);
  Value width = getValueOrCreateConstantIndexOp(b, loc, k);
  bool grouped = quantizer.getGranularity() == Granularity::Group;
  return map({}, b.getI64Type(),
             [&](OpBuilder &nested, Location at, ValueRange) {
               Value result = extent;
               if (grouped) {
                 Value g = linalg::IndexOp::create(nested, at, 1);
                 Value first = arith::MulIOp::create(nested, at, g, extent);
                 Value left = arith::SubIOp::create(nested, at, width, first);
                 result = arith::MinSIOp::create(nested, at, extent, left);
               }
               return indexToI64(nested, at, result);
             });
}

Value WeightQuantizerLowering::absMean(Value elements) {
  // In f64 the order of the sum hardly shows in the rounded mean, and it is
  // fixed all the same.
  Type f64 = b.getF64Type();
  Value sum =
      reduce(elements, b.getF64FloatAttr(0.0),
             [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
               Value a = math::AbsFOp::create(nested, at, args[0]);
               a = arith::ExtFOp::create(nested, at, f64, a);
               return arith::AddFOp::create(nested, at, args[1], a);
             });
  return map({sum, count()}, f32,
             [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
               Value divisor =
                   arith::SIToFPOp::create(nested, at, f64, args[1]);
               Value mean = arith::DivFOp::create(nested, at, args[0], divisor);
               return arith::TruncFOp::create(nested, at, f32, mean);
             });
}

Value WeightQuantizerLowering::absMax(Value elements) {
  return reduce(elements, b.getFloatAttr(f32, 0.0),
                [](OpBuilder &nested, Location at, ValueRange args) -> Value {
                  Value a = math::AbsFOp::create(nested, at, args[0]);
                  return arith::MaximumFOp::create(nested, at, args[1], a);
                });
}

Value WeightQuantizerLowering::absMedian(Value elements) {
  // The bits of non-negative floats are ordered as they are. Find those of the
  // lower median from the highest on: a bit is set if fewer than `rank`
  // elements are below the number that has it. Filling zeros count as below.
  Type i32 = b.getI32Type(), i64 = b.getI64Type();
  Value counts = count();
  Value extent = getValueOrCreateConstantIndexOp(b, loc, granules[2]);
  Value rank =
      map(counts, i64,
          [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
            Value one = arith::ConstantOp::create(nested, at,
                                                  nested.getI64IntegerAttr(1));
            Value half = arith::SubIOp::create(nested, at, args[0], one);
            half = arith::ShRUIOp::create(nested, at, half, one);
            half = arith::AddIOp::create(nested, at, half, one);
            Value filling = arith::SubIOp::create(
                nested, at, indexToI64(nested, at, extent), args[0]);
            return arith::AddIOp::create(nested, at, half, filling);
          });
  Value start = buildFilled(b, loc, perGranule, b.getI32IntegerAttr(0));
  Value zero = arith::ConstantIndexOp::create(b, loc, 0);
  Value bits = arith::ConstantIndexOp::create(b, loc, 31);
  Value one = arith::ConstantIndexOp::create(b, loc, 1);
  auto loop = scf::ForOp::create(b, loc, zero, bits, one, start);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value last = arith::ConstantIndexOp::create(b, loc, 30);
    Value bit = arith::SubIOp::create(b, loc, last, loop.getInductionVar());
    bit = arith::IndexCastOp::create(b, loc, i32, bit);
    Value mask = arith::ShLIOp::create(
        b, loc, arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(1)), bit);
    Value candidate =
        map(loop.getRegionIterArg(0), i32,
            [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
              return arith::OrIOp::create(nested, at, args[0], mask);
            });
    Value below = buildFilled(b, loc, perGranule, b.getI64IntegerAttr(0));
    AffineMap identity = b.getMultiDimIdentityMap(3);
    AffineMap outer = identity.dropResult(2);
    SmallVector<utils::IteratorType> loops(3, utils::IteratorType::parallel);
    loops.back() = utils::IteratorType::reduction;
    below = linalg::GenericOp::create(
                b, loc, below.getType(), ValueRange{elements, candidate}, below,
                {identity, outer, outer}, loops,
                [&](OpBuilder &nested, Location at, ValueRange args) {
                  Value a = math::AbsFOp::create(nested, at, args[0]);
                  a = arith::BitcastOp::create(nested, at, i32, a);
                  Value less = arith::CmpIOp::create(
                      nested, at, arith::CmpIPredicate::ult, a, args[1]);
                  less = arith::ExtUIOp::create(nested, at, i64, less);
                  Value sum = arith::AddIOp::create(nested, at, args[2], less);
                  linalg::YieldOp::create(nested, at, sum);
                })
                .getResult(0);
    // In place: a loop must carry its value in one buffer.
    Value next = loop.getRegionIterArg(0);
    loops.assign(2, utils::IteratorType::parallel);
    next = linalg::GenericOp::create(
               b, loc, next.getType(), ValueRange{candidate, below, rank}, next,
               SmallVector<AffineMap>(4, b.getMultiDimIdentityMap(2)), loops,
               [&](OpBuilder &nested, Location at, ValueRange args) {
                 Value take = arith::CmpIOp::create(
                     nested, at, arith::CmpIPredicate::slt, args[1], args[2]);
                 Value bits = arith::SelectOp::create(nested, at, take, args[0],
                                                      args[3]);
                 linalg::YieldOp::create(nested, at, bits);
               })
               .getResult(0);
    scf::YieldOp::create(b, loc, next);
  }
  return map(loop.getResult(0), f32,
             [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
               return arith::BitcastOp::create(nested, at, f32, args[0]);
             });
}

Value WeightQuantizerLowering::scales(Value elements) {
  Value statistic;
  switch (quantizer.getStatistic()) {
  case Statistic::AbsMean:
    statistic = absMean(elements);
    break;
  case Statistic::AbsMedian:
    statistic = absMedian(elements);
    break;
  case Statistic::AbsMax:
    statistic = absMax(elements);
    break;
  case Statistic::Learned: {
    statistic = op.getAlpha();
    int64_t rank = cast<RankedTensorType>(statistic.getType()).getRank();
    SmallVector<ReassociationIndices> reassociation;
    if (rank == 1)
      reassociation = {{0, 1}};
    if (rank < 2)
      statistic =
          tensor::ExpandShapeOp::create(b, loc, typeOf(perGranule, f32),
                                        statistic, reassociation, perGranule);
    break;
  }
  }
  double eps = quantizer.getEps().convertToDouble();
  bool add = quantizer.getEpsMode() == EpsMode::Add;
  return map(statistic, f32,
             [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
               Value bound = floatConstant(nested, at, f32, eps);
               if (add)
                 return arith::AddFOp::create(nested, at, args[0], bound);
               return arith::MaximumFOp::create(nested, at, args[0], bound);
             });
}

Value WeightQuantizerLowering::codes(Value elements, Value scale) {
  // What the elements are compared with, once per granule.
  double threshold = quantizer.getThreshold().convertToDouble();
  Rule rule = quantizer.getRule();
  Value bound = map(
      scale, f32,
      [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
        switch (rule) {
        case Rule::RoundClip:
          return arith::DivFOp::create(
              nested, at, floatConstant(nested, at, f32, 1.0), args[0]);
        case Rule::Threshold:
          return arith::MulFOp::create(
              nested, at, floatConstant(nested, at, f32, threshold), args[0]);
        case Rule::StrictThreshold:
          return floatConstant(nested, at, f32, threshold);
        }
        llvm_unreachable("all rules are handled");
      });
  AffineMap identity = b.getMultiDimIdentityMap(3);
  Type i8 = b.getI8Type();
  Value init = tensor::EmptyOp::create(b, loc, granules, i8);
  return buildElementwise(
      b, loc, {elements, bound}, {identity, identity.dropResult(2)}, init,
      [&](OpBuilder &nested, Location at, ValueRange args) -> Value {
        Value w = args[0], limit = args[1];
        if (rule == Rule::RoundClip) {
          Value v = arith::MulFOp::create(nested, at, w, limit);
          v = buildRound(nested, at, quantizer.getRound(), v);
          return buildClampToInt8(nested, at, v, -1.0, 1.0);
        }
        bool strict = rule == Rule::StrictThreshold;
        auto above = [&](Value v) -> Value {
          Value hit = arith::CmpFOp::create(nested, at,
                                            strict ? arith::CmpFPredicate::OGT
                                                   : arith::CmpFPredicate::OGE,
                                            v, limit);
          // A threshold of zero is reached by zeros, whose sign is zero.
          Value zero = floatConstant(nested, at, f32, 0.0);
          Value positive = arith::CmpFOp::create(
              nested, at, arith::CmpFPredicate::OGT, v, zero);
          hit = arith::AndIOp::create(nested, at, hit, positive);
          return arith::ExtUIOp::create(nested, at, i8, hit);
        };
        Value minus = arith::NegFOp::create(nested, at, w);
        return arith::SubIOp::create(nested, at, above(w), above(minus));
      });
}

void WeightQuantizerLowering::lower() {
  Value elements = view();
  Value scale = scales(elements);
  Value result = codes(elements, scale);

  Type i8 = b.getI8Type();
  switch (quantizer.getGranularity()) {
  case Granularity::Tensor: {
    Value flat = tensor::CollapseShapeOp::create(
        b, loc, result, SmallVector<ReassociationIndices>{{0, 1, 2}});
    result = tensor::ExpandShapeOp::create(
        b, loc, typeOf(matrix, i8), flat,
        SmallVector<ReassociationIndices>{{0, 1}}, matrix);
    scale = tensor::CollapseShapeOp::create(
        b, loc, scale, SmallVector<ReassociationIndices>{});
    break;
  }
  case Granularity::Row:
    result = tensor::CollapseShapeOp::create(
        b, loc, result, SmallVector<ReassociationIndices>{{0, 1}, {2}});
    scale = tensor::CollapseShapeOp::create(
        b, loc, scale, SmallVector<ReassociationIndices>{{0, 1}});
    break;
  case Granularity::Group: {
    result = tensor::CollapseShapeOp::create(
        b, loc, result, SmallVector<ReassociationIndices>{{0}, {1, 2}});
    if (matrix[1] != k) {
      SmallVector<OpFoldResult> zero(2, b.getIndexAttr(0));
      SmallVector<OpFoldResult> one(2, b.getIndexAttr(1));
      result = tensor::ExtractSliceOp::create(
          b, loc, result, zero, ArrayRef<OpFoldResult>{n, k}, one);
    }
    break;
  }
  }
  b.replaceOp(op, {castTo(b, loc, result, op.getCodes().getType()),
                   castTo(b, loc, scale, op.getScale().getType())});
}

namespace {
struct LowerQuantizeWeights : OpRewritePattern<QuantizeWeightsOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(QuantizeWeightsOp op,
                                PatternRewriter &b) const override {
    WeightQuantizerLowering(b, op).lower();
    return success();
  }
};
} // namespace

void tern::populateLowerWeightQuantizersPatterns(RewritePatternSet &patterns) {
  patterns.add<LowerQuantizeWeights>(patterns.getContext());
}
