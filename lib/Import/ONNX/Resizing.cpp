//===- Resizing.cpp - Resize and Upsample ---------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "Indexing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

namespace {
/// How a position of the result is turned into weights of the input's elements.
struct Interpolation {
  enum Kind { Nearest, Linear, Cubic } kind = Nearest;
  StringRef coordinates = "half_pixel";
  StringRef rounding = "round_prefer_floor";
  double cubic = -0.75;
  bool excludesOutside = false;
  bool antialiases = false;
  double extrapolation = 0;

  bool crops() const { return coordinates == "tf_crop_and_resize"; }
};

/// One axis that is resized.
struct Axis {
  int64_t number;
  int64_t in, out;
  double scale;
  double begin = 0, end = 1;
};
} // namespace

static Value number(B &b, double value) {
  return emitConstant(b, b.getF32Type(), value);
}

/// The position in the input of an index of the result.
static Value emitCoordinate(B &b, Value index, const Axis &axis,
                            const Interpolation &how) {
  Value x = arith::SIToFPOp::create(
      b, b.getF32Type(), arith::IndexCastOp::create(b, b.getI64Type(), index));
  auto add = [&](Value v, double c) -> Value {
    return arith::AddFOp::create(b, v, number(b, c));
  };
  auto mul = [&](Value v, double c) -> Value {
    return arith::MulFOp::create(b, v, number(b, c));
  };
  auto div = [&](Value v, double c) -> Value {
    return arith::DivFOp::create(b, v, number(b, c));
  };
  double resized = axis.in * axis.scale;
  if (how.coordinates == "asymmetric")
    return div(x, axis.scale);
  if (how.coordinates == "align_corners")
    return resized == 1
               ? number(b, 0)
               : mul(x, static_cast<double>(axis.in - 1) / (resized - 1));
  if (how.coordinates == "pytorch_half_pixel" && axis.out <= 1)
    return number(b, -0.5);
  if (how.crops()) {
    double last = static_cast<double>(axis.in - 1);
    if (resized == 1)
      return number(b, (0.5 * (axis.end - axis.begin) + axis.begin) * last);
    return add(mul(x, (axis.end - axis.begin) * last / (resized - 1)),
               axis.begin * last);
  }
  if (how.coordinates == "tf_half_pixel_for_nn")
    return div(add(x, 0.5), axis.scale);
  Value half = add(div(add(x, 0.5), axis.scale), -0.5);
  if (how.coordinates == "half_pixel_symmetric") {
    double adjustment = static_cast<double>(axis.out) / resized;
    double center = static_cast<double>(axis.in) / 2;
    return add(half, center * (1 - adjustment));
  }
  return half;
}

static Value emitFloor(B &b, Value x) { return math::FloorOp::create(b, x); }

static Value toIndex(B &b, Value x) {
  return arith::IndexCastOp::create(
      b, b.getIndexType(), arith::FPToSIOp::create(b, b.getI64Type(), x));
}

/// The coordinate rounded as `nearest_mode` says.
static Value emitNearest(B &b, Value x, StringRef mode) {
  if (mode == "floor")
    return emitFloor(b, x);
  if (mode == "ceil")
    return math::CeilOp::create(b, x);
  if (mode == "round_prefer_ceil")
    return emitFloor(b, arith::AddFOp::create(b, x, number(b, 0.5)));
  return math::CeilOp::create(
      b, arith::SubFOp::create(b, x, number(b, 0.5)).getResult());
}

static Value clampIndex(B &b, Value index, int64_t extent) {
  Value low =
      arith::MaxSIOp::create(b, index, arith::ConstantIndexOp::create(b, 0));
  return arith::MinSIOp::create(
      b, low, arith::ConstantIndexOp::create(b, extent - 1).getResult());
}

/// The weight that an element at a distance from the coordinate has; the
/// distance is scaled down where the result is smaller and is to be smooth.
static Value emitKernel(B &b, Value distance, const Interpolation &how) {
  using P = arith::CmpFPredicate;
  Value x = math::AbsFOp::create(b, distance);
  if (how.kind == Interpolation::Linear)
    return arith::MaximumFOp::create(
        b, arith::SubFOp::create(b, number(b, 1), x), number(b, 0));
  // ((a + 2) x - (a + 3)) x^2 + 1 up to 1, ((x - 5) x + 8) a x - 4 a up to 2.
  double a = how.cubic;
  auto fma = [&](Value v, Value w, double c) -> Value {
    return arith::AddFOp::create(b, arith::MulFOp::create(b, v, w),
                                 number(b, c));
  };
  Value square = arith::MulFOp::create(b, x, x);
  Value inner = fma(fma(x, number(b, a + 2), -(a + 3)), square, 1);
  Value outer = arith::MulFOp::create(
      b, fma(fma(arith::AddFOp::create(b, x, number(b, -5)), x, 8), x, -4),
      number(b, a));
  Value isInner = arith::CmpFOp::create(b, P::OLE, x, number(b, 1));
  Value isOuter = arith::CmpFOp::create(b, P::OLT, x, number(b, 2));
  return arith::SelectOp::create(
      b, isInner, inner,
      arith::SelectOp::create(b, isOuter, outer, number(b, 0)));
}

/// Indices along one axis with their weights (null: 1).
static SmallVector<std::pair<Value, Value>>
emitSamples(B &b, Value coordinate, const Axis &axis,
            const Interpolation &how) {
  SmallVector<std::pair<Value, Value>> samples;
  if (how.kind == Interpolation::Nearest) {
    Value nearest = emitNearest(b, coordinate, how.rounding);
    samples.emplace_back(clampIndex(b, toIndex(b, nearest), axis.in), nullptr);
    return samples;
  }
  // Elements from `first` on, around the coordinate.
  double shrink = how.antialiases ? std::min(axis.scale, 1.0) : 1;
  int64_t reach = how.kind == Interpolation::Linear ? 1 : 2;
  auto span =
      static_cast<int64_t>(std::ceil(static_cast<double>(reach) / shrink));
  Value below = emitFloor(b, coordinate);
  Value total;
  for (int64_t i = 1 - span; i <= span; ++i) {
    Value position =
        arith::AddFOp::create(b, below, number(b, static_cast<double>(i)));
    Value distance = arith::MulFOp::create(
        b, arith::SubFOp::create(b, coordinate, position), number(b, shrink));
    Value weight = emitKernel(b, distance, how);
    Value index = toIndex(b, position);
    Value clamped = clampIndex(b, index, axis.in);
    if (how.excludesOutside) {
      Value isInside =
          arith::CmpIOp::create(b, arith::CmpIPredicate::eq, index, clamped);
      weight = arith::SelectOp::create(b, isInside, weight, number(b, 0));
    }
    total =
        total ? arith::AddFOp::create(b, total, weight).getResult() : weight;
    samples.emplace_back(clamped, weight);
  }
  if (how.excludesOutside || how.antialiases)
    for (auto &[index, weight] : samples)
      weight = arith::DivFOp::create(b, weight, total);
  return samples;
}

/// The sum over all combinations of the axes' samples.
static Value emitSum(B &b, Value source, ArrayRef<Axis> axes,
                     ArrayRef<SmallVector<std::pair<Value, Value>>> samples,
                     SmallVectorImpl<Value> &position) {
  if (samples.empty()) {
    Value element = tensor::ExtractOp::create(b, source, position);
    return element;
  }
  Value sum;
  for (auto [index, weight] : samples.front()) {
    position[axes.front().number] = index;
    Value part =
        emitSum(b, source, axes.drop_front(), samples.drop_front(), position);
    if (weight)
      part = arith::MulFOp::create(b, part, weight);
    sum = sum ? arith::AddFOp::create(b, sum, part).getResult() : part;
  }
  return sum;
}

static LogicalResult emitResize(Node &node, Tensor input, ArrayRef<Axis> axes,
                                ArrayRef<Extent> shape,
                                const Interpolation &how) {
  DType type = input.dtype;
  FailureOr<Tensor> operand = input;
  // Weighted sums are computed in f32.
  if (how.kind != Interpolation::Nearest)
    operand = type == DType::F32 ? operand : emitCast(node, input, DType::F32);
  if (failed(operand))
    return failure();
  Value source = node.getValue(*operand);
  FailureOr<Tensor> result =
      node.emitMap({}, shape, operand->dtype, [&](B &b, ValueRange) -> Value {
        SmallVector<Value> position;
        for (size_t i = 0; i < shape.size(); ++i)
          position.push_back(linalg::IndexOp::create(b, i));
        SmallVector<SmallVector<std::pair<Value, Value>>> samples;
        Value isOutside;
        for (const Axis &axis : axes) {
          Value coordinate =
              emitCoordinate(b, position[axis.number], axis, how);
          if (how.crops()) {
            using P = arith::CmpFPredicate;
            Value outside = arith::OrIOp::create(
                b, arith::CmpFOp::create(b, P::OLT, coordinate, number(b, 0)),
                arith::CmpFOp::create(
                    b, P::OGT, coordinate,
                    number(b, static_cast<double>(axis.in - 1))));
            isOutside =
                isOutside
                    ? arith::OrIOp::create(b, isOutside, outside).getResult()
                    : outside;
          }
          samples.push_back(emitSamples(b, coordinate, axis, how));
        }
        Value value = emitSum(b, source, axes, samples, position);
        if (!isOutside)
          return value;
        return arith::SelectOp::create(
            b, isOutside, emitConstant(b, value.getType(), how.extrapolation),
            value);
      });
  if (succeeded(result) && result->dtype != type)
    result = emitCast(node, *result, type);
  return node.setResult(result);
}

static LogicalResult getInterpolation(Node &node, StringRef defaultCoordinates,
                                      Interpolation &how) {
  StringRef mode = node.getString("mode", "nearest");
  if (mode == "nearest")
    how.kind = Interpolation::Nearest;
  else if (mode == "linear" || mode == "bilinear")
    how.kind = Interpolation::Linear;
  else if (mode == "cubic")
    how.kind = Interpolation::Cubic;
  else
    return node.error("attribute 'mode' must be nearest, linear or cubic");
  how.coordinates =
      node.getString("coordinate_transformation_mode", defaultCoordinates);
  static const StringRef known[] = {
      "half_pixel",          "asymmetric",           "align_corners",
      "pytorch_half_pixel",  "half_pixel_symmetric", "tf_crop_and_resize",
      "tf_half_pixel_for_nn"};
  if (!llvm::is_contained(known, how.coordinates))
    return node.error("attribute 'coordinate_transformation_mode' is " +
                      quote(how.coordinates) + ", which is not supported");
  how.rounding = node.getString("nearest_mode", "round_prefer_floor");
  how.cubic = node.getFloat("cubic_coeff_a", -0.75);
  how.excludesOutside = node.getInt("exclude_outside", 0);
  how.antialiases = node.getInt("antialias", 0);
  how.extrapolation = node.getFloat("extrapolation_value", 0);
  if (how.antialiases && how.kind != Interpolation::Nearest)
    how.excludesOutside = true;
  return success();
}

/// The axes with input `scales` or `sizes`, which name those of attribute
/// 'axes' or all.
static LogicalResult importResize(Node &node) {
  Tensor input = node.getInput(0);
  Interpolation how;
  bool isOld = node.getVersion() < 11;
  if (failed(
          getInterpolation(node, isOld ? "asymmetric" : "half_pixel", how)) ||
      failed(node.expectTypes(input, AllTypes)))
    return failure();
  if (isOld)
    how.rounding = "floor";
  int64_t rank = input.getRank();
  SmallVector<int64_t> numbers = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (std::optional<SmallVector<int64_t>> given = node.getInts("axes")) {
    numbers.clear();
    for (int64_t axis : *given) {
      FailureOr<int64_t> normal = node.normalizeAxis(axis, rank);
      if (failed(normal))
        return failure();
      numbers.push_back(*normal);
    }
  }
  StringRef policy = node.getString("keep_aspect_ratio_policy", "stretch");
  unsigned scalesAt = isOld ? 1 : 2;
  std::optional<SmallVector<double>> scales = node.getFloatContents(scalesAt);
  if (scales && scales->empty())
    scales = std::nullopt;
  std::optional<SmallVector<int64_t>> sizes;
  if (!isOld && node.hasInput(3)) {
    FailureOr<SmallVector<int64_t>> given = node.getConstants(3, "sizes");
    if (failed(given))
      return failure();
    if (!given->empty())
      sizes = *given;
  }
  if ((scales ? scales->size() : sizes ? sizes->size() : 0) != numbers.size())
    return node.error("scales or sizes must be known when compiling, one for "
                      "each axis; bind graph inputs with --constant-input");
  std::optional<SmallVector<double>> roi =
      isOld ? std::nullopt : node.getFloatContents(1);
  if (how.crops() && (!roi || roi->size() != 2 * numbers.size()))
    return node.error("the region of interest must be known when compiling");
  Extents shape(input.shape);
  SmallVector<Axis> axes;
  // One scale for all, the least or greatest of those wanted.
  double common = 0;
  if (sizes && policy != "stretch") {
    for (auto [i, number] : llvm::enumerate(numbers)) {
      if (!input.shape[number].getConstant())
        return node.error("the extents of the resized axes must be known; fix "
                          "dynamic dimensions with --dim");
      double ratio = static_cast<double>((*sizes)[i]) /
                     static_cast<double>(*input.shape[number].getConstant());
      bool isFirst = i == 0;
      common = isFirst                  ? ratio
               : policy == "not_larger" ? std::min(common, ratio)
                                        : std::max(common, ratio);
    }
  }
  for (auto [i, number] : llvm::enumerate(numbers)) {
    std::optional<int64_t> in = input.shape[number].getConstant();
    // Axes that stay may be dynamic.
    if (!in && scales && (*scales)[i] == 1 && !how.crops())
      continue;
    if (!in)
      return node.error("the extents of the resized axes must be known; fix "
                        "dynamic dimensions with --dim");
    Axis axis{number, *in, *in, 1};
    if (roi) {
      if (roi->size() == 2 * numbers.size()) {
        axis.begin = (*roi)[i];
        axis.end = (*roi)[i + numbers.size()];
      }
    }
    double span = how.crops() ? axis.end - axis.begin : 1;
    if (scales) {
      axis.scale = (*scales)[i];
      axis.out = static_cast<int64_t>(
          std::floor(static_cast<double>(*in) * span * axis.scale));
    } else if (common != 0) {
      axis.scale = common;
      axis.out = static_cast<int64_t>(
          std::floor(common * static_cast<double>(*in) + 0.5));
    } else {
      axis.out = (*sizes)[i];
      axis.scale = static_cast<double>(axis.out) / static_cast<double>(*in);
    }
    if (!(axis.scale > 0) || axis.out < 0 || axis.out > (int64_t(1) << 31) ||
        (*in == 0 && axis.out != 0))
      return node.error("cannot resize axis " + Twine(number) + " of extent " +
                        Twine(*in) + " to " + Twine(axis.out));
    shape[number] = axis.out;
    if (axis.out != *in || axis.scale != 1 ||
        (how.crops() && (axis.begin != 0 || axis.end != 1)))
      axes.push_back(axis);
  }
  if (axes.empty()) {
    node.setResult(0, input);
    return success();
  }
  if (axes.size() > 3)
    return node.error("more than three axes are resized");
  return emitResize(node, input, axes, shape, how);
}

void tern::onnx_import::addResizingOps(OpTable &ops) {
  ops.onOp("Upsample", 9, 2, importResize);
  ops.onOp("Resize", 10, {1, 4}, importResize);
}
