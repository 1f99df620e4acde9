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
#include "mlir/IR/Matchers.h"
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

/// One axis that is resized, and the position in the input of an index of the
/// result: (index + half) / scale, or times a factor, plus the addends.
struct Axis {
  int64_t number;
  Extent in, out;
  double begin = 0, end = 1;
  /// Of the result, if it does not depend on extents.
  std::optional<double> scale;

  // Scalars that are computed ahead, in f32.
  bool addsHalf = false, divides = false;
  Value factor, last;
  SmallVector<Value, 2> addends;
  /// Where the result has one element, its position is another.
  Value isFixed, fixed;
};

/// Arithmetic in f64 on extents, ahead of the elements; folded where they are
/// known.
class Scalars {
public:
  explicit Scalars(Node &node) : node(node), b(node.b) {}

  Value get(double value) { return emitConstant(b, b.getF64Type(), value); }
  Value get(const Extent &extent) {
    return node.emitExtentAsFloat(extent, b.getF64Type());
  }
  Value add(Value x, Value y) { return b.createOrFold<arith::AddFOp>(x, y); }
  Value sub(Value x, Value y) { return b.createOrFold<arith::SubFOp>(x, y); }
  Value mul(Value x, Value y) { return b.createOrFold<arith::MulFOp>(x, y); }
  Value div(Value x, Value y) { return b.createOrFold<arith::DivFOp>(x, y); }
  Value is(arith::CmpFPredicate predicate, Value x, Value y) {
    return b.createOrFold<arith::CmpFOp>(predicate, x, y);
  }
  Value narrow(Value x) {
    return b.createOrFold<arith::TruncFOp>(b.getF32Type(), x);
  }

private:
  Node &node;
  B &b;
};
} // namespace

static Value number(B &b, double value) {
  return emitConstant(b, b.getF32Type(), value);
}

/// Computes the scalars of an axis.
static void prepareAxis(Node &node, Axis &axis, const Interpolation &how) {
  using P = arith::CmpFPredicate;
  Scalars s(node);
  Value one = s.get(1.0), in = s.get(axis.in), out = s.get(axis.out);
  Value scale = axis.scale ? s.get(*axis.scale) : s.div(out, in);
  Value resized = s.mul(in, scale), last = s.sub(in, one);
  axis.last = s.narrow(last);
  axis.factor = s.narrow(scale);
  StringRef mode = how.coordinates;
  if (mode == "align_corners" || how.crops()) {
    Value range =
        how.crops() ? s.mul(s.get(axis.end - axis.begin), last) : last;
    axis.factor = s.narrow(s.div(range, s.sub(resized, one)));
    axis.isFixed = s.is(P::OEQ, resized, one);
    axis.fixed = number(node.b, 0);
    if (how.crops()) {
      axis.addends.push_back(s.narrow(s.mul(s.get(axis.begin), last)));
      axis.fixed = s.narrow(
          s.mul(s.get(0.5 * (axis.end - axis.begin) + axis.begin), last));
    }
    return;
  }
  axis.divides = true;
  if (mode == "asymmetric")
    return;
  axis.addsHalf = true;
  if (mode == "tf_half_pixel_for_nn")
    return;
  axis.addends.push_back(number(node.b, -0.5));
  if (mode == "pytorch_half_pixel") {
    axis.isFixed = s.is(P::OLE, out, one);
    axis.fixed = number(node.b, -0.5);
  }
  if (mode == "half_pixel_symmetric") {
    Value center = s.div(in, s.get(2.0));
    axis.addends.push_back(
        s.narrow(s.mul(center, s.sub(one, s.div(out, resized)))));
  }
}

/// The position in the input of an index of the result.
static Value emitCoordinate(B &b, Value index, const Axis &axis) {
  Value x = arith::SIToFPOp::create(
      b, b.getF32Type(), arith::IndexCastOp::create(b, b.getI64Type(), index));
  if (axis.addsHalf)
    x = arith::AddFOp::create(b, x, number(b, 0.5));
  x = axis.divides ? arith::DivFOp::create(b, x, axis.factor).getResult()
                   : arith::MulFOp::create(b, x, axis.factor).getResult();
  for (Value addend : axis.addends)
    x = arith::AddFOp::create(b, x, addend);
  if (!axis.isFixed || matchPattern(axis.isFixed, m_Zero()))
    return x;
  return b.createOrFold<arith::SelectOp>(axis.isFixed, axis.fixed, x);
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

static Value clampIndex(B &b, Value index, Value extent) {
  Value low =
      arith::MaxSIOp::create(b, index, arith::ConstantIndexOp::create(b, 0));
  return arith::MinSIOp::create(
      b, low,
      b.createOrFold<arith::SubIOp>(
          extent, arith::ConstantIndexOp::create(b, 1).getResult()));
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
emitSamples(B &b, Value coordinate, const Axis &axis, Value extent,
            const Interpolation &how) {
  SmallVector<std::pair<Value, Value>> samples;
  if (how.kind == Interpolation::Nearest) {
    Value nearest = emitNearest(b, coordinate, how.rounding);
    samples.emplace_back(clampIndex(b, toIndex(b, nearest), extent), nullptr);
    return samples;
  }
  // Elements from `first` on, around the coordinate.
  double shrink = how.antialiases ? std::min(*axis.scale, 1.0) : 1;
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
    Value clamped = clampIndex(b, index, extent);
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

static LogicalResult emitResize(Node &node, const Tensor &input,
                                MutableArrayRef<Axis> axes,
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
  SmallVector<Value> extents;
  for (Axis &axis : axes) {
    prepareAxis(node, axis, how);
    extents.push_back(node.getSymbols().getValue(node.b, axis.in));
  }
  FailureOr<Tensor> result =
      node.emitMap({}, shape, operand->dtype, [&](B &b, ValueRange) -> Value {
        SmallVector<Value> position;
        for (size_t i = 0; i < shape.size(); ++i)
          position.push_back(linalg::IndexOp::create(b, i));
        SmallVector<SmallVector<std::pair<Value, Value>>> samples;
        Value isOutside;
        for (auto [axis, extent] : llvm::zip_equal(axes, extents)) {
          Value coordinate = emitCoordinate(b, position[axis.number], axis);
          if (how.crops()) {
            using P = arith::CmpFPredicate;
            Value outside = arith::OrIOp::create(
                b, arith::CmpFOp::create(b, P::OLT, coordinate, number(b, 0)),
                arith::CmpFOp::create(b, P::OGT, coordinate, axis.last));
            isOutside =
                isOutside
                    ? arith::OrIOp::create(b, isOutside, outside).getResult()
                    : outside;
          }
          samples.push_back(emitSamples(b, coordinate, axis, extent, how));
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
  how.excludesOutside = node.getFlag("exclude_outside", false);
  how.antialiases = node.getFlag("antialias", false);
  how.extrapolation = node.getFloat("extrapolation_value", 0);
  return success();
}

/// floor(extent * factor + offset); none if that is too large.
static std::optional<Extent> getScaled(Node &node, const Extent &extent,
                                       double factor, double offset) {
  if (!(factor > 0) || !(factor < (1 << 20)))
    return std::nullopt;
  if (std::optional<int64_t> value = extent.getConstant())
    return *value > (int64_t(1) << 40)
               ? std::nullopt
               : std::optional<Extent>(static_cast<int64_t>(std::floor(
                     static_cast<double>(*value) * factor + offset)));
  auto isWhole = [](double x) { return std::floor(x) == x && x < (1 << 20); };
  if (offset == 0 && isWhole(factor))
    return Extent::mul(extent, static_cast<int64_t>(factor));
  if (offset == 0 && isWhole(1 / factor))
    return node.getSymbols().floorDiv(node.b, extent,
                                      static_cast<int64_t>(1 / factor));
  B &b = node.b;
  SmallString<32> name("resized by ");
  APFloat(factor).toString(name);
  return node.getSymbols().compute(
      name, {extent}, Symbols::Range::nonNegative(), [&]() -> Value {
        Scalars s(node);
        Value wide = s.add(s.mul(s.get(extent), s.get(factor)), s.get(offset));
        return arith::IndexCastOp::create(
            b, b.getIndexType(),
            arith::FPToSIOp::create(b, b.getI64Type(), wide));
      });
}

namespace {
/// What a node says of the axes: scales or sizes, one for each of `numbers`.
struct Request {
  SmallVector<int64_t> numbers;
  std::optional<SmallVector<double>> scales;
  std::optional<ArrayRef<Extent>> sizes;
  StringRef policy;
  /// Where the region of interest begins on each axis, then where it ends.
  std::optional<SmallVector<double>> roi;
};
} // namespace

/// The axes of attribute 'axes', or all.
static FailureOr<SmallVector<int64_t>> readAxes(Node &node, int64_t rank) {
  std::optional<SmallVector<int64_t>> given = node.getInts("axes");
  if (!given)
    return llvm::to_vector(llvm::seq<int64_t>(0, rank));
  return node.normalizeAxes(*given, rank, /*sorts=*/false);
}

static LogicalResult readRequest(Node &node, int64_t rank,
                                 const Interpolation &how, Request &request) {
  bool isOld = node.getVersion() < 11;
  FailureOr<SmallVector<int64_t>> numbers = readAxes(node, rank);
  if (failed(numbers))
    return failure();
  request.numbers = *numbers;
  for (unsigned i = 1; i < node.getNumInputs(); ++i)
    if (node.hasInput(i) && node.getInput(i).getRank() != 1)
      return node.error("scales, sizes and the region of interest must be "
                        "vectors, not of shape " +
                        node.describe(node.getInput(i).shape));
  StringRef policy = node.getString("keep_aspect_ratio_policy", "stretch");
  if (policy != "stretch" && policy != "not_larger" && policy != "not_smaller")
    return node.error("attribute 'keep_aspect_ratio_policy' must be stretch, "
                      "not_larger or not_smaller, not " +
                      quote(policy));
  request.policy = policy;
  unsigned scalesAt = isOld ? 1 : 2;
  std::optional<SmallVector<double>> &scales = request.scales;
  scales = node.getFloatContents(scalesAt);
  if (scales && scales->empty())
    scales = std::nullopt;
  std::optional<ArrayRef<Extent>> &sizes = request.sizes;
  if (!isOld && node.hasInput(3))
    sizes = node.getContents(3);
  if (sizes && sizes->empty())
    sizes = std::nullopt;
  if (scales && sizes)
    return node.error("both scales and sizes are given");
  unsigned sizesAt = !isOld && node.hasInput(3) ? 3 : scalesAt;
  if (!scales && !sizes)
    return node.requireKnown(sizesAt, "scales or sizes");
  size_t count = scales ? scales->size() : sizes->size();
  if (count != numbers->size())
    return node.error("there are " + Twine(count) + " scales or sizes for " +
                      Twine(numbers->size()) + " axes");
  if (!isOld)
    request.roi = node.getFloatContents(1);
  if (how.crops() &&
      (!request.roi || request.roi->size() != 2 * numbers->size()))
    return node.requireKnown(1, "the region of interest");
  return success();
}

/// One scale for all axes, the least or greatest of those wanted; none if each
/// has its own.
static FailureOr<std::optional<double>>
getCommonScale(Node &node, const Tensor &input, const Request &request) {
  std::optional<double> common;
  if (!request.sizes || request.policy == "stretch")
    return common;
  for (auto [number, size] : llvm::zip_equal(request.numbers, *request.sizes)) {
    std::optional<int64_t> in = input.shape[number].getConstant(),
                           out = size.getConstant();
    if (!in || !out)
      return node.error("the extents of the resized axes must be known; fix "
                        "dynamic dimensions with --dim");
    double ratio = static_cast<double>(*out) / static_cast<double>(*in);
    common = !common                          ? ratio
             : request.policy == "not_larger" ? std::min(*common, ratio)
                                              : std::max(*common, ratio);
  }
  return common;
}

/// Axis number `i` of those of the request.
static FailureOr<Axis> getAxis(Node &node, const Tensor &input,
                               const Request &request, size_t i,
                               std::optional<double> common) {
  size_t count = request.numbers.size();
  Axis axis;
  axis.number = request.numbers[i];
  axis.in = axis.out = input.shape[axis.number];
  if (request.roi && request.roi->size() == 2 * count) {
    axis.begin = (*request.roi)[i];
    axis.end = (*request.roi)[i + count];
  }
  if (request.scales || common) {
    axis.scale = request.scales ? (*request.scales)[i] : *common;
    // The region that is cropped changes nothing about the extent.
    std::optional<Extent> out =
        getScaled(node, axis.in, *axis.scale, common ? 0.5 : 0);
    if (!out)
      return node.error("cannot resize axis " + Twine(axis.number) +
                        " of extent " + node.describe(axis.in) + " by " +
                        std::to_string(*axis.scale));
    axis.out = *out;
    return axis;
  }
  axis.out = (*request.sizes)[i];
  std::optional<int64_t> in = axis.in.getConstant(),
                         out = axis.out.getConstant();
  if (in && out)
    axis.scale = static_cast<double>(*out) / static_cast<double>(*in);
  return axis;
}

/// Whether an axis is resized at all; reports what cannot be.
static FailureOr<bool> checkAxis(Node &node, const Axis &axis,
                                 const Interpolation &how) {
  std::string message = "cannot resize axis " + std::to_string(axis.number) +
                        " of extent " + node.describe(axis.in) + " to " +
                        node.describe(axis.out);
  std::optional<int64_t> in = axis.in.getConstant(),
                         out = axis.out.getConstant();
  if ((axis.scale && !(*axis.scale > 0)) || (out && *out < 0) ||
      (out && *out > (int64_t(1) << 31)) || (in == 0 && out != 0))
    return node.error(message);
  bool isKept = axis.out == axis.in && axis.scale.value_or(1) == 1;
  if (isKept && (!how.crops() || (axis.begin == 0 && axis.end == 1)))
    return false;
  if (how.antialiases && how.kind != Interpolation::Nearest && !axis.scale)
    return node.error("the scales must be known to antialias; fix dynamic "
                      "dimensions with --dim");
  // There is something to read.
  if (!in &&
      failed(node.check(
          arith::CmpIOp::create(node.b, arith::CmpIPredicate::ne,
                                node.getSymbols().getValue(node.b, axis.in),
                                node.getSymbols().getValue(node.b, Extent(0))),
          message)))
    return failure();
  return true;
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
  Request request;
  if (failed(readRequest(node, input.getRank(), how, request)))
    return failure();
  FailureOr<std::optional<double>> common =
      getCommonScale(node, input, request);
  if (failed(common))
    return failure();
  Extents shape(input.shape);
  SmallVector<Axis> axes;
  for (size_t i = 0; i < request.numbers.size(); ++i) {
    FailureOr<Axis> axis = getAxis(node, input, request, i, *common);
    if (failed(axis))
      return failure();
    FailureOr<bool> isResized = checkAxis(node, *axis, how);
    if (failed(isResized))
      return failure();
    shape[axis->number] = axis->out;
    if (*isResized)
      axes.push_back(*axis);
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
