//===- Reductions.cpp - ReduceX, Softmax ----------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include <limits>

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

template <typename Op>
static FailureOr<Tensor> mapUnary(Node &node, FailureOr<Tensor> operand) {
  if (failed(operand))
    return failure();
  return node.emitMap(
      {*operand}, operand->dtype,
      [](B &b, ValueRange args) -> Value { return Op::create(b, args[0]); });
}

template <typename Op>
static FailureOr<Tensor> mapBinary(Node &node, FailureOr<Tensor> lhs,
                                   FailureOr<Tensor> rhs) {
  if (failed(lhs) || failed(rhs))
    return failure();
  return node.emitMap({*lhs, *rhs}, lhs->dtype,
                      [](B &b, ValueRange args) -> Value {
                        return Op::create(b, args[0], args[1]);
                      });
}

/// A sum whose operand may not have been made.
static FailureOr<Tensor> sum(Node &node, FailureOr<Tensor> operand,
                             ArrayRef<int64_t> axes) {
  if (failed(operand))
    return failure();
  return node.emitSum(*operand, axes);
}

static FailureOr<Tensor> unsqueeze(Node &node, FailureOr<Tensor> operand,
                                   ArrayRef<int64_t> axes) {
  if (failed(operand))
    return failure();
  return node.emitUnsqueeze(*operand, axes);
}

static FailureOr<Tensor> square(Node &node, Tensor x) {
  if (isFloat(x.dtype))
    return mapBinary<arith::MulFOp>(node, x, x);
  return mapBinary<arith::MulIOp>(node, x, x);
}

static FailureOr<Tensor> absolute(Node &node, Tensor x) {
  if (isFloat(x.dtype))
    return mapUnary<math::AbsFOp>(node, x);
  if (isUnsigned(x.dtype))
    return x;
  return mapUnary<math::AbsIOp>(node, x);
}

//===----------------------------------------------------------------------===//
// ReduceX
//===----------------------------------------------------------------------===//

using Reduction = FailureOr<Tensor> (*)(Node &, Tensor, ArrayRef<int64_t>);

/// `axes` became an operand at opset `axesSince`.
static void addReduction(OpTable &ops, StringRef name, int64_t axesSince,
                         unsigned types, Reduction reduce) {
  ops.onOp(name, 1, {1, 2}, [=](Node &node) -> LogicalResult {
    Tensor input = node.getInput(0);
    bool keepsDims = node.getFlag("keepdims", true);
    bool isNoop = false;
    SmallVector<int64_t> axes;
    if (node.getVersion() < axesSince) {
      if (node.hasInput(1))
        return node.error("axes are an attribute before opset " +
                          Twine(axesSince));
      axes = node.getInts("axes").value_or(SmallVector<int64_t>());
    } else {
      isNoop = node.getFlag("noop_with_empty_axes", false);
      if (node.hasInput(1)) {
        FailureOr<SmallVector<int64_t>> values = node.getConstants(1, "axes");
        if (failed(values))
          return failure();
        axes = *values;
      }
    }
    if (failed(node.expectTypes(input, types)))
      return failure();
    FailureOr<SmallVector<int64_t>> normal =
        node.normalizeAxes(axes, input.getRank());
    if (failed(normal))
      return failure();
    axes = *normal;
    if (axes.empty() && !isNoop)
      axes = llvm::to_vector(llvm::seq<int64_t>(0, input.getRank()));
    FailureOr<Tensor> result = reduce(node, input, axes);
    if (succeeded(result) && keepsDims)
      result = node.emitUnsqueeze(*result, axes);
    return node.setResult(result);
  });
}

/// Floats below f32 are reduced as f32, and the result rounded once: squares
/// and products leave their range early, and sums stick.
template <Reduction reduce>
static FailureOr<Tensor> reduceWide(Node &node, Tensor x,
                                    ArrayRef<int64_t> axes) {
  if (!isFloat(x.dtype))
    return reduce(node, x, axes);
  FailureOr<Tensor> wide = node.emitFloatCast(x, getAccumulatorType(x.dtype));
  if (succeeded(wide))
    wide = reduce(node, *wide, axes);
  if (failed(wide))
    return failure();
  return node.emitFloatCast(*wide, x.dtype);
}

/// Integers are reduced as f64, and the result truncated.
template <Reduction reduce>
static FailureOr<Tensor> reduceAsFloat(Node &node, Tensor x,
                                       ArrayRef<int64_t> axes) {
  if (isFloat(x.dtype))
    return reduceWide<reduce>(node, x, axes);
  FailureOr<Tensor> wide = emitCast(node, x, DType::F64);
  if (succeeded(wide))
    wide = reduce(node, *wide, axes);
  if (failed(wide))
    return failure();
  return emitCast(node, *wide, x.dtype);
}

/// All elements of a shape, or of what was computed from one, in one.
static std::optional<Tensor> foldReduction(
    Node &node, const Tensor &x, ArrayRef<int64_t> axes,
    function_ref<std::optional<Extent>(const Extent &, const Extent &)> fold) {
  if (!x.contents || x.contents->empty() || isFloat(x.dtype) ||
      axes.size() != x.shape.size())
    return std::nullopt;
  std::optional<Extent> all = x.contents->front();
  for (const Extent &next : ArrayRef(*x.contents).drop_front())
    all = all ? fold(*all, next) : std::nullopt;
  if (!all || !fitsType(*all, x.dtype))
    return std::nullopt;
  Tensor result = node.makeTensor(x.dtype, {}, nullptr);
  result.contents = {*all};
  return result;
}

static FailureOr<Tensor> reduceSum(Node &node, Tensor x,
                                   ArrayRef<int64_t> axes) {
  if (std::optional<Tensor> all = foldReduction(node, x, axes, Extent::add))
    return *all;
  return node.emitSum(x, axes);
}

static FailureOr<Tensor> reduceMean(Node &node, Tensor x,
                                    ArrayRef<int64_t> axes) {
  return node.emitMean(x, axes);
}

/// False is less than true.
template <bool isMax>
static FailureOr<Tensor> reduceExtreme(Node &node, Tensor x,
                                       ArrayRef<int64_t> axes) {
  auto fold = [&](const Extent &a, const Extent &b) {
    Symbols &symbols = node.getSymbols();
    return isMax ? symbols.max(node.b, a, b) : symbols.min(node.b, a, b);
  };
  if (std::optional<Tensor> all = foldReduction(node, x, axes, fold))
    return *all;
  if (x.dtype == DType::Bool)
    return node.emitReduce(x, axes,
                           node.emitScalar(node.b.getI1Type(), isMax ? 0 : 1),
                           [](B &b, ValueRange args) -> Value {
                             if (isMax)
                               return arith::OrIOp::create(b, args[1], args[0]);
                             return arith::AndIOp::create(b, args[1], args[0]);
                           });
  return isMax ? node.emitMax(x, axes) : emitMin(node, x, axes);
}

FailureOr<Tensor> tern::onnx_import::emitMin(Node &node, Tensor x,
                                             ArrayRef<int64_t> axes) {
  Type type = node.getElementType(x.dtype);
  unsigned width = getBitWidth(x.dtype);
  Value init;
  if (isFloat(x.dtype))
    init = node.emitScalar(type, std::numeric_limits<double>::infinity());
  else
    init = arith::ConstantOp::create(
        node.b,
        node.b.getIntegerAttr(type, isUnsigned(x.dtype)
                                        ? APInt::getMaxValue(width)
                                        : APInt::getSignedMaxValue(width)));
  return node.emitReduce(x, axes, init, [&](B &b, ValueRange args) {
    return emitMinimum(b, args[1], args[0], x.dtype);
  });
}

static FailureOr<Tensor> reduceProd(Node &node, Tensor x,
                                    ArrayRef<int64_t> axes) {
  if (std::optional<Tensor> all = foldReduction(node, x, axes, Extent::mul))
    return *all;
  Value one = node.emitScalar(node.getElementType(x.dtype), 1);
  return node.emitReduce(x, axes, one, [&](B &b, ValueRange args) {
    return emitOfKind<arith::MulFOp, arith::MulIOp>(b, args[1], args[0],
                                                    x.dtype);
  });
}

/// A product rounds as often as it has factors, whatever their order, and parts
/// of it may leave the range that the whole stays in: those of f32 are in f64.
static FailureOr<Tensor> reduceWideProd(Node &node, Tensor x,
                                        ArrayRef<int64_t> axes) {
  if (x.dtype != DType::F32)
    return reduceWide<reduceProd>(node, x, axes);
  FailureOr<Tensor> wide = node.emitFloatCast(x, DType::F64);
  if (succeeded(wide))
    wide = reduceProd(node, *wide, axes);
  if (failed(wide))
    return failure();
  return node.emitFloatCast(*wide, DType::F32);
}

static FailureOr<Tensor> reduceL1(Node &node, Tensor x,
                                  ArrayRef<int64_t> axes) {
  return sum(node, absolute(node, x), axes);
}

static FailureOr<Tensor> reduceSumSquare(Node &node, Tensor x,
                                         ArrayRef<int64_t> axes) {
  return sum(node, square(node, x), axes);
}

/// The root is not taken of zero, where it has no derivative: that of the norm
/// of zeros is 0.
static FailureOr<Tensor> reduceL2(Node &node, Tensor x,
                                  ArrayRef<int64_t> axes) {
  FailureOr<Tensor> squares = reduceSumSquare(node, x, axes);
  if (failed(squares))
    return failure();
  return node.emitMap(
      {*squares}, squares->dtype, [](B &b, ValueRange args) -> Value {
        Type type = args[0].getType();
        Value isZero = arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ,
                                             args[0], emitConstant(b, type, 0));
        Value positive = arith::SelectOp::create(
            b, isZero, emitConstant(b, type, 1), args[0]);
        Value root = math::SqrtOp::create(b, positive);
        return arith::SelectOp::create(b, isZero, args[0], root);
      });
}

static FailureOr<Tensor> reduceLogSum(Node &node, Tensor x,
                                      ArrayRef<int64_t> axes) {
  return mapUnary<math::LogOp>(node, node.emitSum(x, axes));
}

/// The maximum, to be subtracted from x and to cancel: the result does not
/// depend on it, and differentiation need not follow it.
static FailureOr<Tensor> emitShift(Node &node, Tensor x,
                                   ArrayRef<int64_t> axes) {
  FailureOr<Tensor> max = node.emitMax(x, axes);
  if (succeeded(max))
    if (auto op = node.getValue(*max).getDefiningOp<linalg::LinalgOp>())
      tern::TernDialect::DetachedAttrHelper(op->getContext())
          .setAttr(op, node.b.getUnitAttr());
  return max;
}

/// With the maximum taken out, unless that is infinite: inf - inf is NaN.
static FailureOr<Tensor> reduceLogSumExp(Node &node, Tensor x,
                                         ArrayRef<int64_t> axes) {
  FailureOr<Tensor> max = emitShift(node, x, axes);
  if (failed(max))
    return failure();
  FailureOr<Tensor> shift =
      node.emitMap({*max}, x.dtype, [&](B &b, ValueRange args) -> Value {
        Value magnitude = math::AbsFOp::create(b, args[0]);
        Type type = magnitude.getType();
        Value isInfinite = arith::CmpFOp::create(
            b, arith::CmpFPredicate::OEQ, magnitude,
            emitConstant(b, type, std::numeric_limits<double>::infinity()));
        return arith::SelectOp::create(b, isInfinite, emitConstant(b, type, 0),
                                       args[0]);
      });
  FailureOr<Tensor> shifted =
      mapBinary<arith::SubFOp>(node, x, unsqueeze(node, shift, axes));
  FailureOr<Tensor> total =
      sum(node, mapUnary<math::ExpOp>(node, shifted), axes);
  return mapBinary<arith::AddFOp>(node, mapUnary<math::LogOp>(node, total),
                                  shift);
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// The axes that a softmax goes over: before opset 13 all from `axis` on, since
/// then the one.
static FailureOr<SmallVector<int64_t>> getSoftmaxAxes(Node &node,
                                                      int64_t rank) {
  bool flattens = node.getVersion() < 13;
  int64_t axis = node.getInt("axis", flattens ? 1 : -1);
  if (flattens && axis == rank) // The flattened matrix has one column.
    return SmallVector<int64_t>();
  FailureOr<int64_t> first = node.normalizeAxis(axis, rank);
  if (failed(first))
    return failure();
  return llvm::to_vector(
      llvm::seq<int64_t>(*first, flattens ? rank : *first + 1));
}

FailureOr<Tensor> tern::onnx_import::emitSoftmax(Node &node, Tensor x,
                                                 ArrayRef<int64_t> axes) {
  FailureOr<Tensor> max = unsqueeze(node, emitShift(node, x, axes), axes);
  FailureOr<Tensor> exp =
      mapUnary<math::ExpOp>(node, mapBinary<arith::SubFOp>(node, x, max));
  return mapBinary<arith::DivFOp>(node, exp,
                                  unsqueeze(node, sum(node, exp, axes), axes));
}

/// exp(x - max) / sum; its logarithm is x - max - log(sum).
static LogicalResult importSoftmax(Node &node, bool isLog) {
  Tensor input = node.getInput(0);
  FailureOr<SmallVector<int64_t>> axes = getSoftmaxAxes(node, input.getRank());
  if (failed(axes) || failed(node.expectTypes(input, Floats)))
    return failure();
  DType type = input.dtype;
  FailureOr<Tensor> x = node.emitFloatCast(input, getAccumulatorType(type));
  if (failed(x))
    return failure();
  FailureOr<Tensor> result;
  if (isLog) {
    FailureOr<Tensor> max = unsqueeze(node, emitShift(node, *x, *axes), *axes);
    FailureOr<Tensor> shifted = mapBinary<arith::SubFOp>(node, *x, max);
    FailureOr<Tensor> total =
        sum(node, mapUnary<math::ExpOp>(node, shifted), *axes);
    result = mapBinary<arith::SubFOp>(
        node, shifted,
        unsqueeze(node, mapUnary<math::LogOp>(node, total), *axes));
  } else {
    result = emitSoftmax(node, *x, *axes);
  }
  if (failed(result))
    return failure();
  return node.setResult(node.emitFloatCast(*result, type));
}

void tern::onnx_import::addReductionOps(OpTable &ops) {
  addReduction(ops, "ReduceSum", 13, Numbers, reduceSum);
  addReduction(ops, "ReduceMean", 18, Numbers, reduceAsFloat<reduceMean>);
  addReduction(ops, "ReduceMax", 18, AllTypes, reduceExtreme</*isMax=*/true>);
  addReduction(ops, "ReduceMin", 18, AllTypes, reduceExtreme</*isMax=*/false>);
  addReduction(ops, "ReduceProd", 18, Numbers, reduceWideProd);
  addReduction(ops, "ReduceL1", 18, Numbers, reduceWide<reduceL1>);
  addReduction(ops, "ReduceL2", 18, Numbers, reduceAsFloat<reduceL2>);
  addReduction(ops, "ReduceLogSum", 18, Numbers, reduceAsFloat<reduceLogSum>);
  addReduction(ops, "ReduceLogSumExp", 18, Numbers,
               reduceAsFloat<reduceLogSumExp>);
  addReduction(ops, "ReduceSumSquare", 18, Numbers,
               reduceWide<reduceSumSquare>);
  ops.onOp("Softmax", 1, 1,
           [](Node &node) { return importSoftmax(node, /*isLog=*/false); });
  ops.onOp("LogSoftmax", 1, 1,
           [](Node &node) { return importSoftmax(node, /*isLog=*/true); });
}
