//===- GridSample.cpp - The operator GridSample ---------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// GridSample: first the position of each sample along each axis, once for all
// channels; then, for each channel, the elements around it.
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "Indexing.h"
#include "Sampling.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;
using P = arith::CmpFPredicate;

namespace {
enum class Mode { Nearest, Linear, Cubic };
enum class Edges { Zeros, Border, Reflection };

/// Arithmetic of scalars of a float type.
struct Math {
  B &b;
  Type type;

  Value number(double value) { return emitConstant(b, type, value); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b, x, y); }
  Value div(Value x, Value y) { return arith::DivFOp::create(b, x, y); }
  Value select(Value condition, Value x, Value y) {
    return arith::SelectOp::create(b, condition, x, y);
  }
  Value compare(P predicate, Value x, Value y) {
    return arith::CmpFOp::create(b, predicate, x, y);
  }
  /// A NaN becomes `low`.
  Value clamp(Value x, Value low, Value high) {
    return arith::MinNumFOp::create(
        b, arith::MaxNumFOp::create(b, x, low).getResult(), high);
  }
};

/// How far the elements of an axis reach: from 0 to `last`, and the bounds that
/// positions are reflected at.
struct Axis {
  Value last, low, high;
};
} // namespace

static Axis getAxis(Math m, Value extent, bool alignsCorners) {
  Value one = m.number(1);
  Axis axis;
  axis.last = m.sub(extent, one);
  axis.low = m.number(alignsCorners ? 0 : -0.5);
  axis.high = alignsCorners ? axis.last : m.add(axis.last, m.number(0.5));
  return axis;
}

/// Positions beyond the bounds, reflected as often as it takes.
static Value emitReflected(Math m, Value x, const Axis &axis) {
  Value zero = m.number(0), two = m.number(2);
  Value range = m.sub(axis.high, axis.low);
  // One element, corners aligned: there is no other position.
  Value isPoint = m.compare(P::OLE, range, zero);
  Value safe = m.select(isPoint, m.number(1), range);
  Value isBelow = m.compare(P::OLT, x, axis.low);
  Value isAbove = m.compare(P::OGT, x, axis.high);
  Value distance = m.select(isBelow, m.sub(axis.low, x), m.sub(x, axis.high));
  Value times = math::FloorOp::create(m.b, m.div(distance, safe));
  Value rest = m.sub(distance, m.mul(times, safe));
  Value half = m.div(times, two);
  Value isEven =
      m.compare(P::OEQ, half, math::FloorOp::create(m.b, half).getResult());
  // An even number of times it comes back from the bound it went beyond.
  Value fromLow =
      arith::CmpIOp::create(m.b, arith::CmpIPredicate::eq, isEven, isBelow);
  Value reflected =
      m.select(fromLow, m.add(axis.low, rest), m.sub(axis.high, rest));
  Value isOut = arith::OrIOp::create(m.b, isBelow, isAbove);
  reflected = m.select(isPoint, axis.low, reflected);
  return m.select(isOut, reflected, x);
}

/// The position in an axis of a coordinate from -1 to 1.
static Value emitPosition(Math m, Value coordinate, Value extent, Mode mode,
                          Edges edges, bool alignsCorners) {
  Value one = m.number(1), two = m.number(2);
  Axis axis = getAxis(m, extent, alignsCorners);
  Value shifted = m.add(coordinate, one);
  Value x = alignsCorners ? m.mul(m.div(shifted, two), axis.last)
                          : m.div(m.sub(m.mul(shifted, extent), one), two);
  if (mode == Mode::Nearest)
    x = math::RoundEvenOp::create(m.b, x);
  if (mode != Mode::Cubic && edges == Edges::Border)
    x = m.clamp(x, m.number(0), axis.last);
  if (mode != Mode::Cubic && edges == Edges::Reflection)
    x = emitReflected(m, x, axis);
  // What is farther away than this is as far away as that.
  if (mode != Mode::Cubic || edges != Edges::Reflection)
    return m.clamp(x, m.number(-4), m.add(axis.last, m.number(4)));
  double most = 1e9;
  return m.clamp(x, m.number(-most), m.number(most));
}

/// Weights of the four elements around, of which the second is `t` before the
/// position: R. Keys, "Cubic convolution interpolation for digital image
/// processing", 1981, with a = -0.75.
static SmallVector<Value, 4> emitCubicWeights(Math m, Value t) {
  double a = -0.75;
  auto far = [&](Value x) { // ((a x - 5 a) x + 8 a) x - 4 a
    Value y = m.sub(m.mul(m.number(a), x), m.number(5 * a));
    y = m.add(m.mul(y, x), m.number(8 * a));
    return m.sub(m.mul(y, x), m.number(4 * a));
  };
  auto near = [&](Value x) { // ((a + 2) x - (a + 3)) x x + 1
    Value y = m.sub(m.mul(m.number(a + 2), x), m.number(a + 3));
    return m.add(m.mul(m.mul(y, x), x), m.number(1));
  };
  Value one = m.number(1), rest = m.sub(one, t);
  return {far(m.add(t, one)), near(t), near(rest), far(m.add(rest, one))};
}

namespace {
/// Reads elements of one channel.
struct Sampler {
  Math m;
  Value source;
  Value batch, channel;
  ArrayRef<Value> extents; // As index, of the axes that are sampled.
  Edges edges;
  bool alignsCorners;

  /// The element at integral positions, by `edges` where there is none.
  Value get(ArrayRef<Value> positions);
};
} // namespace

Value Sampler::get(ArrayRef<Value> positions) {
  B &b = m.b;
  SmallVector<Value> index = {batch, channel};
  Value isInside = emitConstant(b, b.getI1Type(), 1);
  for (auto [position, extent] : llvm::zip_equal(positions, extents)) {
    Value x = position;
    Value count = arith::UIToFPOp::create(
        b, m.type,
        arith::IndexCastOp::create(b, b.getI64Type(), extent).getResult());
    Axis axis = getAxis(m, count, alignsCorners);
    if (edges == Edges::Reflection)
      x = emitReflected(m, x, axis);
    Value safe = m.clamp(x, m.number(0), axis.last);
    if (edges == Edges::Zeros)
      isInside = arith::AndIOp::create(b, isInside, m.compare(P::OEQ, safe, x));
    Value integer = arith::FPToSIOp::create(b, b.getI64Type(), safe);
    Value at = arith::IndexCastOp::create(b, b.getIndexType(), integer);
    index.push_back(emitSafeIndex(b, at, extent));
  }
  Value element = tensor::ExtractOp::create(b, source, index);
  if (edges != Edges::Zeros)
    return element;
  return arith::SelectOp::create(b, isInside, element,
                                 emitConstant(b, element.getType(), 0));
}

/// The weighted sum of the elements of an axis after another. `steps`,
/// `weights` of each axis.
static Value emitSum(Sampler &sampler,
                     ArrayRef<SmallVector<Value, 4>> positions,
                     ArrayRef<SmallVector<Value, 4>> weights,
                     SmallVectorImpl<Value> &chosen, Type type) {
  size_t axis = chosen.size();
  Math m = sampler.m;
  if (axis == positions.size()) {
    Value element = sampler.get(chosen);
    if (element.getType() == type)
      return element;
    return arith::ExtFOp::create(m.b, type, element);
  }
  Value sum;
  for (auto [position, weight] :
       llvm::zip_equal(positions[axis], weights[axis])) {
    chosen.push_back(position);
    Value part = emitSum(sampler, positions, weights, chosen, type);
    chosen.pop_back();
    Value factor = weight;
    if (factor.getType() != type)
      factor = type.getIntOrFloatBitWidth() >
                       factor.getType().getIntOrFloatBitWidth()
                   ? arith::ExtFOp::create(m.b, type, factor).getResult()
                   : arith::TruncFOp::create(m.b, type, factor).getResult();
    part = arith::MulFOp::create(m.b, factor, part);
    sum = sum ? arith::AddFOp::create(m.b, sum, part).getResult() : part;
  }
  return sum;
}

static FailureOr<Mode> getMode(Node &node, int64_t rank) {
  bool isOld = node.getVersion() < 20;
  StringRef name = node.getString("mode", isOld ? "bilinear" : "linear");
  if (name == "nearest")
    return Mode::Nearest;
  if (name == (isOld ? "bilinear" : "linear"))
    return Mode::Linear;
  if (name != (isOld ? "bicubic" : "cubic"))
    return node.error("attribute 'mode' is " + quote(name));
  if (rank != 2)
    return node.error("cubic interpolation needs an input of rank 4");
  return Mode::Cubic;
}

static FailureOr<Edges> getEdges(Node &node) {
  StringRef name = node.getString("padding_mode", "zeros");
  if (name == "zeros")
    return Edges::Zeros;
  if (name == "border")
    return Edges::Border;
  if (name == "reflection")
    return Edges::Reflection;
  return node.error("attribute 'padding_mode' is " + quote(name));
}

/// Samples [N, C, outputs...] of X [N, C, axes...] at the positions that the
/// grid [N, outputs..., number of axes] gives, the last axis first.
static LogicalResult importGridSample(Node &node) {
  Tensor x = node.getInput(0), grid = node.getInput(1);
  int64_t rank = x.getRank() - 2;
  bool alignsCorners = node.getFlag("align_corners", false);
  if (failed(node.expectTypes(x, Floats)) ||
      failed(node.expectTypes(grid, Floats)))
    return failure();
  if (rank < 1 || grid.getRank() != x.getRank() ||
      (node.getVersion() < 20 && rank != 2))
    return node.error("the input has shape " + node.describe(x.shape) +
                      ", the grid " + node.describe(grid.shape) +
                      "; they must have rank 4" +
                      (node.getVersion() < 20 ? "" : ", or one rank"));
  FailureOr<Mode> mode = getMode(node, rank);
  FailureOr<Edges> edges = getEdges(node);
  if (failed(mode) || failed(edges))
    return failure();
  Extents wanted = grid.shape;
  wanted[0] = x.shape[0];
  wanted.back() = rank;
  FailureOr<Tensor> fitting = node.expectShape(
      grid, wanted,
      "a grid of shape " + node.describe(grid.shape) +
          " does not fit an input of shape " + node.describe(x.shape));
  if (failed(fitting))
    return failure();
  for (int64_t i = 0; i < rank; ++i)
    if (x.shape[i + 2].isConstant(0))
      return node.error("cannot sample an input of shape " +
                        node.describe(x.shape));

  // Positions [N, 1, outputs...] of each axis.
  Extents places(ArrayRef(wanted).drop_back());
  DType wide = getAccumulatorType(grid.dtype);
  Type type = node.getElementType(wide);
  Value source = node.getValue(*fitting);
  SmallVector<Tensor> positions;
  for (int64_t axis = 0; axis < rank; ++axis) {
    Value extent = node.emitExtentAsFloat(x.shape[axis + 2], type);
    FailureOr<Tensor> position =
        node.emitMap({}, places, wide, [&](B &b, ValueRange) -> Value {
          SmallVector<Value> index;
          for (int64_t i = 0; i <= rank; ++i)
            index.push_back(linalg::IndexOp::create(b, i));
          index.push_back(arith::ConstantIndexOp::create(b, rank - 1 - axis));
          Value coordinate = tensor::ExtractOp::create(b, source, index);
          if (coordinate.getType() != type)
            coordinate = arith::ExtFOp::create(b, type, coordinate);
          return emitPosition({b, type}, coordinate, extent, *mode, *edges,
                              alignsCorners);
        });
    if (succeeded(position))
      position = node.emitUnsqueeze(*position, {1});
    if (failed(position))
      return failure();
    positions.push_back(*position);
  }

  Extents shape = {x.shape[0], x.shape[1]};
  shape.append(places.begin() + 1, places.end());
  SmallVector<Value> extents =
      getExtentValues(node, ArrayRef(x.shape).drop_front(2));
  DType sumType = getAccumulatorType(x.dtype);
  Value image = node.getValue(x);
  FailureOr<Tensor> result = node.emitMap(
      positions, shape, sumType, [&](B &b, ValueRange args) -> Value {
        Math m{b, type};
        Sampler sampler{m,
                        image,
                        linalg::IndexOp::create(b, 0),
                        linalg::IndexOp::create(b, 1),
                        extents,
                        *edges,
                        alignsCorners};
        SmallVector<SmallVector<Value, 4>> steps, weights;
        for (Value position : args) {
          Value one = m.number(1);
          if (*mode == Mode::Nearest) {
            steps.push_back({position});
            weights.push_back({one});
            continue;
          }
          Value first = math::FloorOp::create(b, position);
          Value t = m.sub(position, first);
          Value second = m.add(first, one);
          if (*mode == Mode::Linear) {
            steps.push_back({first, second});
            weights.push_back({m.sub(second, position), t});
            continue;
          }
          steps.push_back(
              {m.sub(first, one), first, second, m.add(second, one)});
          weights.push_back(emitCubicWeights(m, t));
        }
        SmallVector<Value> chosen;
        return emitSum(sampler, steps, weights, chosen,
                       node.getElementType(sumType));
      });
  if (failed(result))
    return failure();
  return node.setResult(node.emitFloatCast(*result, x.dtype));
}

void tern::onnx_import::addGridSampleOps(OpTable &ops) {
  ops.onOp("GridSample", 16, 2, importGridSample);
}
