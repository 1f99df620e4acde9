//===- Normalization.cpp - Layer, RMS and batch normalization -------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Normalization.h"
#include "../Model/Importer.h"
#include "Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include <array>

using namespace mlir;
using namespace tern;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

/// The same as `combine`, where rhs is known to broadcast to lhs.
template <typename Op>
static FailureOr<Tensor> combineTo(Node &node, FailureOr<Tensor> lhs,
                                   Tensor rhs) {
  if (failed(lhs))
    return failure();
  return node.emitMap({*lhs, rhs}, lhs->shape, lhs->dtype,
                      [](B &b, ValueRange args) -> Value {
                        return Op::create(b, args[0], args[1]);
                      });
}

/// sqrt(x + epsilon).
static FailureOr<Tensor> emitDeviation(Node &node, FailureOr<Tensor> variance,
                                       double epsilon) {
  if (failed(variance))
    return failure();
  FailureOr<Tensor> sum = combine<arith::AddFOp>(
      node, variance, node.makeConstant(variance->dtype, epsilon));
  if (failed(sum))
    return failure();
  return node.emitMap({*sum}, sum->dtype, [](B &b, ValueRange args) -> Value {
    return math::SqrtOp::create(b, args[0]);
  });
}

/// The mean over the axes, which stay with extent 1.
static FailureOr<Tensor> emitKeptMean(Node &node, FailureOr<Tensor> x,
                                      ArrayRef<int64_t> axes) {
  if (succeeded(x))
    x = node.emitMean(*x, axes);
  if (succeeded(x))
    x = node.emitUnsqueeze(*x, axes);
  return x;
}

/// The mean to subtract from x, summed in f64: where x is far from zero, all
/// that is left of it is what the mean is off by.
static FailureOr<Tensor> emitCenter(Node &node, FailureOr<Tensor> x,
                                    ArrayRef<int64_t> axes) {
  if (failed(x))
    return failure();
  FailureOr<Tensor> mean =
      emitKeptMean(node, node.emitFloatCast(*x, DType::F64), axes);
  if (failed(mean))
    return failure();
  return node.emitFloatCast(*mean, x->dtype);
}

FailureOr<LayerNorm>
tern::onnx_import::emitLayerNorm(Node &node, const Tensor &input,
                                 const Tensor &scale,
                                 const std::optional<Tensor> &bias,
                                 int64_t axis, double epsilon, bool isRms) {
  if (failed(node.expectTypes(input, Floats)))
    return failure();
  if (scale.dtype != input.dtype || (bias && bias->dtype != input.dtype))
    return node.error("inputs have different element types");
  StringRef message = "the scale or bias does not broadcast to the input";
  if (failed(node.requireBroadcast(scale.shape, input.shape, message)) ||
      (bias &&
       failed(node.requireBroadcast(bias->shape, input.shape, message))))
    return failure();
  SmallVector<int64_t> axes =
      llvm::to_vector(llvm::seq<int64_t>(axis, input.getRank()));
  DType type = input.dtype;
  FailureOr<Tensor> d = node.emitFloatCast(input, getAccumulatorType(type));
  FailureOr<Tensor> mean = d;
  if (!isRms) {
    mean = emitCenter(node, d, axes);
    d = combine<arith::SubFOp>(node, d, mean);
  }
  FailureOr<Tensor> variance =
      emitKeptMean(node, combine<arith::MulFOp>(node, d, d), axes);
  FailureOr<Tensor> deviation = emitDeviation(node, variance, epsilon);
  FailureOr<Tensor> y = combine<arith::DivFOp>(node, d, deviation);
  if (failed(y) || failed(y = node.emitFloatCast(*y, type)))
    return failure();
  y = combineTo<arith::MulFOp>(node, y, scale);
  if (bias)
    y = combineTo<arith::AddFOp>(node, y, *bias);
  if (failed(y))
    return failure();
  return LayerNorm{*y, *mean, *deviation};
}

static LogicalResult importLayerNorm(Node &node, bool isRms) {
  Tensor input = node.getInput(0);
  double epsilon = node.getFloat("epsilon", 1e-5f);
  int64_t stash = node.getInt("stash_type", 1);
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", -1), input.getRank());
  if (failed(axis) || failed(node.expectTypes(input, Floats)))
    return failure();
  if (stash != 1)
    return node.error("stash_type must be 1, that is float");
  std::optional<Tensor> bias;
  if (node.hasInput(2))
    bias = node.getInput(2);
  FailureOr<LayerNorm> norm =
      emitLayerNorm(node, input, node.getInput(1), bias, *axis, epsilon, isRms);
  if (failed(norm))
    return failure();
  node.setResult(0, norm->y);
  FailureOr<Tensor> mean = norm->mean, deviation = norm->deviation;
  // The statistics are floats, even of doubles.
  if (!isRms && node.hasResult(1)) {
    mean = node.emitFloatCast(*mean, DType::F32);
    if (failed(mean))
      return failure();
    node.setResult(1, *mean);
  }
  if (!isRms && node.hasResult(2)) {
    FailureOr<Tensor> inverse = combine<arith::DivFOp>(
        node, node.makeConstant(deviation->dtype, 1), deviation);
    if (succeeded(inverse))
      inverse = node.emitFloatCast(*inverse, DType::F32);
    if (failed(inverse))
      return failure();
    node.setResult(2, *inverse);
  }
  return success();
}

/// x as an f64.
static Value widen(B &b, Value x) {
  return x.getType().isF64() ? x : arith::ExtFOp::create(b, b.getF64Type(), x);
}

/// A vector along axis 1 of tensors of that rank.
static FailureOr<Tensor> alignVector(Node &node, FailureOr<Tensor> vector,
                                     int64_t rank) {
  if (failed(vector))
    return failure();
  return node.emitUnsqueeze(*vector,
                            llvm::to_vector(llvm::seq<int64_t>(1, rank - 1)));
}

/// The mean over all axes but 1, as f64.
static FailureOr<Tensor> emitChannelMean(Node &node, Tensor x) {
  SmallVector<int64_t> axes = {0};
  llvm::append_range(axes, llvm::seq<int64_t>(2, x.getRank()));
  Extents reduced;
  for (int64_t axis : axes)
    reduced.push_back(x.shape[axis]);
  std::optional<Extent> count = Extent::product(reduced);
  if (!count)
    return node.error("the number of elements overflows");
  Type f64 = node.b.getF64Type();
  FailureOr<Tensor> sum = node.emitReduce(
      x, axes, node.emitScalar(f64, 0), [](B &b, ValueRange args) -> Value {
        return arith::AddFOp::create(b, args[1], widen(b, args[0]));
      });
  if (failed(sum))
    return failure();
  sum->dtype = DType::F64;
  Value divisor = node.emitExtentAsFloat(*count, f64);
  return node.emitMap({*sum}, DType::F64, [&](B &b, ValueRange args) -> Value {
    return arith::DivFOp::create(b, args[0], divisor);
  });
}

/// The mean and the variance (of the population) of each channel, as f64: sums
/// over a batch and an image are long, in the gradients too.
static FailureOr<std::array<Tensor, 2>> emitBatchStatistics(Node &node,
                                                            Tensor x) {
  FailureOr<Tensor> mean = emitChannelMean(node, x);
  // The derivative of the variance by what is subtracted is -2 mean(x - mean),
  // that is 0.
  FailureOr<Tensor> center = emitChannelMean(node, x);
  if (failed(mean) || failed(center))
    return failure();
  if (auto op = node.getValue(*center).getDefiningOp<linalg::LinalgOp>())
    TernDialect::DetachedAttrHelper(op->getContext())
        .setAttr(op, node.b.getUnitAttr());
  FailureOr<Tensor> aligned = alignVector(node, center, x.getRank());
  if (failed(aligned))
    return failure();
  FailureOr<Tensor> squares = node.emitMap(
      {x, *aligned}, x.shape, DType::F64, [](B &b, ValueRange args) -> Value {
        Value d = arith::SubFOp::create(b, widen(b, args[0]), args[1]);
        return arith::MulFOp::create(b, d, d);
      });
  if (failed(squares))
    return failure();
  FailureOr<Tensor> variance = emitChannelMean(node, *squares);
  if (failed(variance))
    return failure();
  return std::array<Tensor, 2>{*mean, *variance};
}

/// (x - mean) / sqrt(variance + epsilon) * scale + bias by f64 statistics.
static FailureOr<Tensor> normalizeBatch(Node &node, Tensor x,
                                        const std::array<Tensor, 2> &batch,
                                        double epsilon, Tensor scale,
                                        Tensor bias) {
  int64_t rank = x.getRank();
  FailureOr<Tensor> gain = node.emitMap(
      {scale, batch[1]}, DType::F64, [&](B &b, ValueRange args) -> Value {
        Value sum = arith::AddFOp::create(
            b, args[1], emitConstant(b, args[1].getType(), epsilon));
        return arith::DivFOp::create(b, widen(b, args[0]),
                                     math::SqrtOp::create(b, sum));
      });
  gain = alignVector(node, gain, rank);
  FailureOr<Tensor> mean = alignVector(node, batch[0], rank);
  FailureOr<Tensor> shift =
      alignVector(node, node.emitFloatCast(bias, DType::F64), rank);
  if (failed(gain) || failed(mean) || failed(shift))
    return failure();
  Type type = node.getElementType(x.dtype);
  return node.emitMap(
      {x, *mean, *gain, *shift}, x.shape, x.dtype,
      [&](B &b, ValueRange args) -> Value {
        Value d = arith::SubFOp::create(b, widen(b, args[0]), args[1]);
        Value scaled = arith::MulFOp::create(b, d, args[2]);
        Value y = arith::AddFOp::create(b, scaled, args[3]);
        return type.isF64() ? y : arith::TruncFOp::create(b, type, y);
      });
}

/// running * momentum + now * (1 - momentum).
static FailureOr<Tensor> emitRunning(Node &node, Tensor running, Tensor now,
                                     double momentum) {
  return node.emitMap(
      {running, now}, running.dtype, [&](B &b, ValueRange args) -> Value {
        Type type = args[0].getType();
        Value kept =
            arith::MulFOp::create(b, args[0], emitConstant(b, type, momentum));
        Value added = arith::MulFOp::create(
            b, args[1], emitConstant(b, type, 1 - momentum));
        return arith::AddFOp::create(b, kept, added);
      });
}

/// Whether the running mean and variance of a node in training mode are state
/// of the model, as frameworks have it: parameters, and nobody reads what they
/// become. A step of training then normalizes by the batch's and updates them,
/// elsewhere they are used. Else the node normalizes by the batch's always, as
/// the standard says.
static bool keepsStatistics(Node &node, ArrayRef<Tensor> running) {
  for (const Tensor &statistic : running)
    if (statistic.parameter.empty())
      return false;
  for (unsigned i = 1; i < node.getNumResults(); ++i)
    if (node.hasResult(i) &&
        node.getImporter().isUsed(node.getProto().output(static_cast<int>(i))))
      return false;
  return true;
}

/// Updates the running mean and variance, which are results, too.
static LogicalResult updateStatistics(Node &node, ArrayRef<Tensor> running,
                                      ArrayRef<Tensor> batch, double momentum,
                                      bool isState) {
  Importer &importer = node.getImporter();
  for (auto [i, old, wide] : llvm::enumerate(running, batch)) {
    FailureOr<Tensor> now = node.emitFloatCast(wide, old.dtype);
    if (failed(now))
      return failure();
    FailureOr<Tensor> updated = emitRunning(
        node, isState ? importer.getUpdated(old) : old, *now, momentum);
    if (failed(updated))
      return failure();
    node.setResult(i + 1, *updated);
    node.setResult(i + 3, *now);
    if (isState)
      importer.update(node.b, old, *updated);
  }
  return success();
}

/// y = (x - mean) / sqrt(var + epsilon) * scale + bias, each per channel
/// (axis 1).
static LogicalResult importBatchNorm(Node &node) {
  Tensor input = node.getInput(0);
  double epsilon = node.getFloat("epsilon", 1e-5f);
  double momentum = node.getFloat("momentum", 0.9f);
  bool isTraining =
      node.getVersion() >= 14 && node.getFlag("training_mode", false);
  if (node.getVersion() < 7 && !node.getFlag("is_test", false))
    return node.error("training mode is not supported");
  // Before opset 14 further outputs said so.
  for (unsigned i = 1; i < node.getNumResults(); ++i)
    isTraining |= node.getVersion() < 14 && node.hasResult(i);
  if (!node.getFlag("spatial", true))
    return node.error("attribute 'spatial' must be 1");
  if (failed(node.expectTypes(input, Floats)))
    return failure();
  if (input.getRank() < 2)
    return node.error("the input must have rank 2 or more");
  SmallVector<Tensor, 4> vectors;
  for (unsigned i = 1; i < 5; ++i) {
    const Tensor &vector = node.getInput(i);
    if (vector.dtype != input.dtype)
      return node.error("inputs have different element types");
    FailureOr<Tensor> perChannel = node.expectShape(
        vector, {input.shape[1]},
        "input " + Twine(i) + " has shape " + node.describe(vector.shape) +
            "; it must have one element per channel");
    if (failed(perChannel))
      return failure();
    vectors.push_back(*perChannel);
  }
  ArrayRef<Tensor> running = ArrayRef(vectors).drop_front(2);
  for (const Tensor &statistic : running)
    if (!statistic.parameter.empty())
      node.getImporter().noteBuffer(statistic);
  std::optional<Tensor> trained;
  if (isTraining) {
    bool isState = keepsStatistics(node, running);
    auto batch = emitBatchStatistics(node, input);
    if (failed(batch) ||
        failed(updateStatistics(node, running, *batch, momentum, isState)))
      return failure();
    FailureOr<Tensor> y =
        normalizeBatch(node, input, *batch, epsilon, vectors[0], vectors[1]);
    if (!isState || failed(y))
      return node.setResult(y);
    trained = *y;
  }
  SmallVector<FailureOr<Tensor>> aligned;
  for (const Tensor &vector : vectors)
    aligned.push_back(alignVector(node, vector, input.getRank()));
  FailureOr<Tensor> centered = combine<arith::SubFOp>(node, input, aligned[2]);
  FailureOr<Tensor> deviation = emitDeviation(node, aligned[3], epsilon);
  FailureOr<Tensor> y = combine<arith::DivFOp>(node, centered, deviation);
  y = combine<arith::MulFOp>(node, y, aligned[0]);
  y = combine<arith::AddFOp>(node, y, aligned[1]);
  if (!trained || failed(y))
    return node.setResult(y);
  node.setResult(
      0, node.makeTensor(input.dtype, input.shape,
                         InTrainingOp::create(node.b, node.getValue(*trained),
                                              node.getValue(*y))));
  return success();
}

/// x - mean(x) over the axes, in f32 for narrower types; the result has that
/// type.
static FailureOr<Tensor> emitCentered(Node &node, const Tensor &x,
                                      ArrayRef<int64_t> axes) {
  FailureOr<Tensor> wide = node.emitFloatCast(x, getAccumulatorType(x.dtype));
  return combine<arith::SubFOp>(node, wide, emitCenter(node, wide, axes));
}

/// d / sqrt(mean(d * d) + epsilon) over the axes, for d = x - mean(x).
static FailureOr<Tensor> emitNormalized(Node &node, const Tensor &x,
                                        ArrayRef<int64_t> axes,
                                        double epsilon) {
  FailureOr<Tensor> d = emitCentered(node, x, axes);
  FailureOr<Tensor> variance =
      emitKeptMean(node, combine<arith::MulFOp>(node, d, d), axes);
  return combine<arith::DivFOp>(node, d,
                                emitDeviation(node, variance, epsilon));
}

/// A vector along axis 1 of a tensor of that rank, in a given float type.
static FailureOr<Tensor> alignChannels(Node &node, Tensor vector, int64_t rank,
                                       DType type) {
  FailureOr<Tensor> wide = node.emitFloatCast(vector, type);
  if (failed(wide))
    return failure();
  return node.emitUnsqueeze(*wide,
                            llvm::to_vector(llvm::seq<int64_t>(1, rank - 1)));
}

/// Normalizes each sample's channels in groups of adjacent ones; scale and bias
/// are per channel, or per group before opset 21.
static LogicalResult importGroupedNorm(Node &node, bool isInstance) {
  Tensor x = node.getInput(0);
  double epsilon = node.getFloat("epsilon", 1e-5f);
  if (!isInstance && node.getInt("stash_type", 1) != 1)
    return node.error("stash_type must be 1, that is float");
  if (failed(node.expectTypes(x, Floats)))
    return failure();
  if (x.getRank() < 2)
    return node.error("the input must have rank 2 or more");
  const Extent &channels = x.shape[1];
  Extent groups = isInstance ? channels : node.getInt("num_groups", 0);
  std::optional<Extent> perGroup =
      groups.isConstant(0) ? std::nullopt : Extent::divExact(channels, groups);
  if (!perGroup && !groups.isConstant(0) && !channels.getConstant())
    perGroup = node.getSymbols().floorDiv(node.b, channels, groups);
  if (!perGroup)
    return node.error("the channels do not make " + node.describe({groups}) +
                      " groups");
  bool isPerGroup = !isInstance && node.getVersion() < 21;
  SmallVector<Tensor, 2> vectors;
  for (unsigned i : {1, 2}) {
    Tensor &vector = node.getInput(i);
    if (vector.dtype != x.dtype)
      return node.error("inputs have different element types");
    FailureOr<Tensor> checked = node.expectShape(
        vector, {isPerGroup ? groups : channels},
        "input " + Twine(i) + " has shape " + node.describe(vector.shape) +
            ", not " + node.describe({isPerGroup ? groups : channels}));
    if (failed(checked))
      return failure();
    vectors.push_back(*checked);
  }
  Extents split = {x.shape[0], groups, *perGroup};
  split.append(x.shape.begin() + 2, x.shape.end());
  FailureOr<Tensor> parts = node.emitReshape(x, split);
  if (failed(parts))
    return failure();
  FailureOr<Tensor> y = emitNormalized(
      node, *parts, llvm::to_vector(llvm::seq<int64_t>(2, parts->getRank())),
      epsilon);
  if (succeeded(y) && !isPerGroup)
    y = node.emitReshape(*y, x.shape);
  if (failed(y))
    return failure();
  y = combine<arith::MulFOp>(
      node, y, alignChannels(node, vectors[0], y->getRank(), y->dtype));
  if (failed(y))
    return failure();
  y = combine<arith::AddFOp>(
      node, y, alignChannels(node, vectors[1], y->getRank(), y->dtype));
  if (failed(y) || failed(y = node.emitReshape(*y, x.shape)))
    return failure();
  return node.setResult(node.emitFloatCast(*y, x.dtype));
}

static LogicalResult importMeanVarianceNorm(Node &node) {
  Tensor x = node.getInput(0);
  FailureOr<SmallVector<int64_t>> axes = node.normalizeAxes(
      node.getInts("axes").value_or(SmallVector<int64_t>{0, 2, 3}),
      x.getRank());
  if (failed(axes) || failed(node.expectTypes(x, Floats)))
    return failure();
  FailureOr<Tensor> d = emitCentered(node, x, *axes);
  FailureOr<Tensor> variance =
      emitKeptMean(node, combine<arith::MulFOp>(node, d, d), *axes);
  if (failed(variance))
    return failure();
  // Other normalizations add epsilon to the variance.
  FailureOr<Tensor> deviation = node.emitMap(
      {*variance}, variance->dtype, [](B &b, ValueRange args) -> Value {
        Value root = math::SqrtOp::create(b, args[0]);
        return arith::AddFOp::create(b, root,
                                     emitConstant(b, root.getType(), 1e-9));
      });
  FailureOr<Tensor> y = combine<arith::DivFOp>(node, d, deviation);
  if (failed(y))
    return failure();
  return node.setResult(node.emitFloatCast(*y, x.dtype));
}

/// x divided by its norm along an axis, the sum of magnitudes or the root of
/// the sum of squares; 0 where that is 0.
static LogicalResult importLpNormalization(Node &node) {
  Tensor input = node.getInput(0);
  int64_t p = node.getInt("p", 2);
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", -1), input.getRank());
  if (failed(node.expectTypes(input, Floats)) || failed(axis))
    return failure();
  if (p != 1 && p != 2)
    return node.error("attribute 'p' is " + Twine(p) + "; it must be 1 or 2");
  FailureOr<Tensor> x =
      node.emitFloatCast(input, getAccumulatorType(input.dtype));
  if (failed(x))
    return failure();
  FailureOr<Tensor> powers =
      node.emitMap({*x}, x->dtype, [&](B &b, ValueRange args) -> Value {
        if (p == 1)
          return math::AbsFOp::create(b, args[0]);
        return arith::MulFOp::create(b, args[0], args[0]);
      });
  FailureOr<Tensor> sum =
      succeeded(powers) ? node.emitSum(*powers, {*axis}) : powers;
  if (succeeded(sum))
    sum = node.emitUnsqueeze(*sum, {*axis});
  if (failed(sum))
    return failure();
  FailureOr<Tensor> y =
      node.emitMap({*x, *sum}, x->dtype, [&](B &b, ValueRange args) -> Value {
        Type type = args[0].getType();
        Value zero = emitConstant(b, type, 0);
        Value isZero =
            arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, args[1], zero);
        Value norm = arith::SelectOp::create(b, isZero,
                                             emitConstant(b, type, 1), args[1]);
        if (p == 2)
          norm = math::SqrtOp::create(b, norm);
        return arith::SelectOp::create(b, isZero, zero,
                                       arith::DivFOp::create(b, args[0], norm));
      });
  if (failed(y))
    return failure();
  return node.setResult(node.emitFloatCast(*y, input.dtype));
}

void tern::onnx_import::addNormalizationOps(OpTable &ops) {
  ops.onOp("LayerNormalization", 17, {2, 3},
           [](Node &node) { return importLayerNorm(node, /*isRms=*/false); });
  ops.onOp("RMSNormalization", 23, 2,
           [](Node &node) { return importLayerNorm(node, /*isRms=*/true); });
  ops.onOp("BatchNormalization", 1, 5, importBatchNorm);
  ops.onOp("InstanceNormalization", 6, 3,
           [](Node &node) { return importGroupedNorm(node, true); });
  ops.onOp("GroupNormalization", 18, 3,
           [](Node &node) { return importGroupedNorm(node, false); });
  ops.onOp("LpNormalization", 1, 1, importLpNormalization);
  ops.onOp("MeanVarianceNormalization", 9, 1, importMeanVarianceNorm);
}
