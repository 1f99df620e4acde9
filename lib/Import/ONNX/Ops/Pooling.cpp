//===- Pooling.cpp - MaxPool, AveragePool, LpPool, LRN --------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Pooling.h"
#include "Elementwise.h"
#include "Windows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <limits>

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

/// Folds each window of [N, C, padded...] by a body over elements and
/// accumulators, which start from `inits`. Between the two it gets the window's
/// elements of `pooled`, which have the result's shape. What has no other
/// operand to take the window's extents from takes them from an empty tensor.
static SmallVector<Value>
emitPool(Node &node, Tensor padded, const Window &window, ValueRange inits,
         function_ref<SmallVector<Value>(B &, ValueRange)> body,
         ValueRange pooled = {}) {
  B &b = node.b;
  int64_t rank = window.getRank(), numLoops = 2 + 2 * rank;
  SmallVector<AffineExpr> indices = {b.getAffineDimExpr(0),
                                     b.getAffineDimExpr(1)};
  indices.append(getWindowIndices(b.getContext(), window, 2, rank + 2));
  AffineMap identity = b.getMultiDimIdentityMap(numLoops);
  SmallVector<AffineMap> maps = {
      AffineMap::get(numLoops, 0, indices, b.getContext()),
      identity.getMinorSubMap(rank)};
  SmallVector<utils::IteratorType> iterators(numLoops,
                                             utils::IteratorType::parallel);
  for (int64_t i = rank + 2; i < numLoops; ++i)
    iterators[i] = utils::IteratorType::reduction;
  Extents shape(ArrayRef(padded.shape).take_front(2));
  shape.append(window.out);
  Value source = node.getValue(padded);
  Value extents =
      node.emitEmpty(node.getElementType(padded.dtype), window.kernel);
  SmallVector<Value> inputs = {source, extents}, filled;
  llvm::append_range(inputs, pooled);
  for (Value init : inits)
    filled.push_back(node.emitFill(init, shape));
  maps.append(pooled.size() + inits.size(), identity.getMajorSubMap(rank + 2));
  auto generic = linalg::GenericOp::create(
      b, TypeRange(ValueRange(filled)), inputs, filled, maps, iterators,
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        B b(loc, builder);
        SmallVector<Value> operands = {args[0]};
        operands.append(args.begin() + 2, args.end());
        linalg::YieldOp::create(b, body(b, operands));
      });
  return SmallVector<Value>(generic.getResults());
}

/// The window of a pooling node whose input may have these types.
static FailureOr<Window> getPoolWindow(Node &node, const Tensor &input,
                                       unsigned types) {
  if (failed(node.expectTypes(input, types)))
    return failure();
  if (input.getRank() < 3)
    return node.error("the input must have rank 3 or more, not shape " +
                      node.describe(input.shape));
  std::optional<SmallVector<int64_t>> kernel = node.getInts("kernel_shape");
  int64_t rank = input.getRank() - 2;
  if (!kernel || static_cast<int64_t>(kernel->size()) != rank)
    return node.error("attribute 'kernel_shape' must have " + Twine(rank) +
                      " elements");
  bool roundsUp = node.getFlag("ceil_mode", false);
  FailureOr<Window> window =
      getWindow(node, ArrayRef(input.shape).drop_front(2),
                Extents(kernel->begin(), kernel->end()), roundsUp);
  if (failed(window))
    return failure();
  Extents shape(ArrayRef(input.shape).take_front(2));
  shape.append(window->out);
  if (failed(node.checkShape(input.dtype, shape)))
    return failure();
  return window;
}

static Extents getPooledShape(const Tensor &input, const Window &window) {
  Extents shape(ArrayRef(input.shape).take_front(2));
  shape.append(window.out);
  return shape;
}

//===----------------------------------------------------------------------===//
// MaxPool
//===----------------------------------------------------------------------===//

/// The least value of a type.
static Value emitLeast(Node &node, DType dtype) {
  Type type = node.getElementType(dtype);
  if (isFloat(dtype))
    return node.emitScalar(type, -std::numeric_limits<double>::infinity());
  unsigned width = getBitWidth(dtype);
  return arith::ConstantOp::create(
      node.b, node.b.getIntegerAttr(
                  type, isUnsigned(dtype) ? APInt::getZero(width)
                                          : APInt::getSignedMinValue(width)));
}

/// Where in the input, its dimensions being one, the current element of a
/// window stands; and whether it does at all, or in the padding.
static std::pair<Value, Value>
emitLocation(Node &node, B &b, const Tensor &input, const Window &window,
             ArrayRef<Value> extents, ArrayRef<Value> lows, bool columnMajor) {
  int64_t rank = window.getRank();
  Value isInside = arith::ConstantIntOp::create(b, 1, 1);
  SmallVector<Value> positions = {linalg::IndexOp::create(b, 0),
                                  linalg::IndexOp::create(b, 1)};
  for (int64_t i = 0; i < rank; ++i) {
    Value start = arith::MulIOp::create(
        b, linalg::IndexOp::create(b, i + 2),
        arith::ConstantIndexOp::create(b, window.strides[i]).getResult());
    Value offset = arith::MulIOp::create(
        b, linalg::IndexOp::create(b, i + 2 + rank),
        arith::ConstantIndexOp::create(b, window.dilations[i]).getResult());
    Value position = arith::SubIOp::create(
        b, arith::AddIOp::create(b, start, offset), lows[i]);
    // Negative ones are very large.
    Value fits = arith::CmpIOp::create(b, arith::CmpIPredicate::ult, position,
                                       extents[i + 2]);
    isInside = arith::AndIOp::create(b, isInside, fits);
    positions.push_back(position);
  }
  SmallVector<int64_t> order = llvm::to_vector(llvm::seq<int64_t>(0, rank + 2));
  if (columnMajor)
    std::reverse(order.begin() + 2, order.end());
  Value linear = positions[0];
  for (int64_t axis : ArrayRef(order).drop_front())
    linear = arith::AddIOp::create(
        b, arith::MulIOp::create(b, linear, extents[axis]), positions[axis]);
  return {arith::IndexCastOp::create(b, b.getI64Type(), linear), isInside};
}

/// Where the maxima are: the first element of a window that equals its maximum,
/// or that is NaN.
static Tensor emitMaxIndices(Node &node, const Tensor &input, Tensor padded,
                             Value maxima, const Window &window,
                             bool columnMajor) {
  Type i64 = node.b.getI64Type();
  SmallVector<Value> extents, lows;
  for (const Extent &extent : input.shape)
    extents.push_back(node.getSymbols().getValue(node.b, extent));
  for (const Extent &low : window.low)
    lows.push_back(node.getSymbols().getValue(node.b, low));
  SmallVector<Value> results = emitPool(
      node, padded, window, node.emitScalar(i64, -1),
      [&](B &b, ValueRange args) -> SmallVector<Value> {
        auto [location, isInside] =
            emitLocation(node, b, input, window, extents, lows, columnMajor);
        Value isMaximum;
        if (isFloat(input.dtype))
          isMaximum = arith::OrIOp::create(
              b,
              arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, args[0],
                                    args[1]),
              arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, args[0],
                                    args[0]));
        else
          isMaximum = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                            args[0], args[1]);
        Value isFirst = arith::CmpIOp::create(b, arith::CmpIPredicate::slt,
                                              args[2], emitConstant(b, i64, 0));
        Value isFound = arith::AndIOp::create(
            b, isInside, arith::AndIOp::create(b, isMaximum, isFirst));
        return {arith::SelectOp::create(b, isFound, location, args[2])};
      },
      maxima);
  return node.makeTensor(DType::I64, getPooledShape(input, window), results[0]);
}

static LogicalResult importMaxPool(Node &node) {
  Tensor input = node.getInput(0);
  bool columnMajor = node.getFlag("storage_order", false);
  FailureOr<Window> window = getPoolWindow(node, input, Numbers);
  if (failed(window))
    return failure();
  FailureOr<Tensor> padded =
      emitPad(node, input, *window, emitLeast(node, input.dtype));
  if (failed(padded))
    return failure();
  SmallVector<Value> results =
      emitPool(node, *padded, *window, emitLeast(node, input.dtype),
               [&](B &b, ValueRange args) -> SmallVector<Value> {
                 return {emitMaximum(b, args[1], args[0], input.dtype)};
               });
  node.setResult(0, node.makeTensor(input.dtype, getPooledShape(input, *window),
                                    results[0]));
  // In loops of their own, for the maxima to have a gradient.
  if (node.hasResult(1))
    node.setResult(1, emitMaxIndices(node, input, *padded, results[0], *window,
                                     columnMajor));
  return success();
}

//===----------------------------------------------------------------------===//
// AveragePool, LpPool
//===----------------------------------------------------------------------===//

/// The sum of each window of a float tensor, padded with zeros.
static FailureOr<Tensor> emitWindowSum(Node &node, Tensor x,
                                       const Window &window) {
  Value zero = node.emitScalar(node.getElementType(x.dtype), 0);
  FailureOr<Tensor> padded = emitPad(node, x, window, zero);
  if (failed(padded))
    return failure();
  SmallVector<Value> results =
      emitPool(node, *padded, window, zero,
               [&](B &b, ValueRange args) -> SmallVector<Value> {
                 return {arith::AddFOp::create(b, args[1], args[0])};
               });
  return node.makeTensor(x.dtype, getPooledShape(x, window), results[0]);
}

/// How many of the window's elements along an axis are before `bound`, for the
/// window that starts at `start`.
static Value emitCountBefore(B &b, Value bound, Value start, int64_t kernel,
                             int64_t dilation) {
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value distance =
      arith::MaxSIOp::create(b, arith::SubIOp::create(b, bound, start), zero);
  if (dilation != 1) {
    Value more = arith::ConstantIndexOp::create(b, dilation - 1);
    distance = arith::DivUIOp::create(
        b, arith::AddIOp::create(b, distance, more),
        arith::ConstantIndexOp::create(b, dilation).getResult());
  }
  return arith::MinSIOp::create(
      b, distance, arith::ConstantIndexOp::create(b, kernel).getResult());
}

FailureOr<Tensor> tern::onnx_import::emitAveragePool(Node &node,
                                                     const Tensor &input) {
  bool countsPads = node.getFlag("count_include_pad", false);
  FailureOr<Window> window = getPoolWindow(node, input, Floats);
  if (failed(window))
    return failure();
  DType accumulator = getAccumulatorType(input.dtype);
  FailureOr<Tensor> wide = node.emitFloatCast(input, accumulator);
  if (failed(wide))
    return failure();
  FailureOr<Tensor> sum = emitWindowSum(node, *wide, *window);
  if (failed(sum))
    return failure();

  // The part of each padded axis whose elements count.
  int64_t rank = window->getRank();
  SmallVector<Value> begins(rank), ends(rank);
  int64_t count = 1;
  for (int64_t i = 0; i < rank; ++i) {
    bool isPadded =
        !window->low[i].isConstant(0) || !window->high[i].isConstant(0);
    if ((!isPadded || countsPads) && window->beyond[i].isConstant(0)) {
      count *= *window->kernel[i].getConstant(); // All of them.
      continue;
    }
    std::optional<Extent> end = Extent::add(input.shape[i + 2], window->low[i]);
    if (countsPads && end)
      end = Extent::add(*end, window->high[i]);
    if (!end)
      return node.error("the extent of the padded tensor overflows");
    begins[i] = node.getSymbols().getValue(node.b, countsPads ? Extent(0)
                                                              : window->low[i]);
    ends[i] = node.getSymbols().getValue(node.b, *end);
  }
  Type type = node.getElementType(accumulator);
  FailureOr<Tensor> mean =
      node.emitMap({*sum}, accumulator, [&](B &b, ValueRange args) -> Value {
        Value product;
        for (int64_t i = 0; i < rank; ++i) {
          if (!begins[i])
            continue;
          int64_t kernel = *window->kernel[i].getConstant();
          Value start = arith::MulIOp::create(
              b, linalg::IndexOp::create(b, i + 2),
              arith::ConstantIndexOp::create(b, window->strides[i])
                  .getResult());
          Value counted = arith::SubIOp::create(
              b,
              emitCountBefore(b, ends[i], start, kernel, window->dilations[i]),
              emitCountBefore(b, begins[i], start, kernel,
                              window->dilations[i]));
          product =
              product ? arith::MulIOp::create(b, product, counted) : counted;
        }
        Value divisor = emitConstant(b, type, count);
        if (product) {
          // A window of nothing has the sum 0.
          product = arith::MaxSIOp::create(
              b, product, arith::ConstantIndexOp::create(b, 1).getResult());
          Value number = arith::IndexCastOp::create(b, b.getI64Type(), product);
          divisor = arith::MulFOp::create(
              b, arith::SIToFPOp::create(b, type, number), divisor);
        }
        return arith::DivFOp::create(b, args[0], divisor);
      });
  if (failed(mean))
    return failure();
  return node.emitFloatCast(*mean, input.dtype);
}

/// |x|^p or its inverse, x^(1/p) for x that is not negative.
static FailureOr<Tensor> emitPower(Node &node, Tensor x, double p,
                                   bool isInverse) {
  return node.emitMap({x}, x.dtype, [&](B &b, ValueRange args) -> Value {
    if (p == 1)
      return isInverse ? args[0] : math::AbsFOp::create(b, args[0]).getResult();
    if (p == 2 && isInverse)
      return math::SqrtOp::create(b, args[0]);
    if (p == 2)
      return arith::MulFOp::create(b, args[0], args[0]);
    Value base =
        isInverse ? args[0] : math::AbsFOp::create(b, args[0]).getResult();
    return math::PowFOp::create(
        b, base, emitConstant(b, base.getType(), isInverse ? 1 / p : p));
  });
}

/// `p`, which was a float in the first version.
static FailureOr<double> getNorm(Node &node) {
  double p = node.getVersion() < 2 ? node.getFloat("p", 2)
                                   : static_cast<double>(node.getInt("p", 2));
  if (!(p > 0))
    return node.error("attribute 'p' must be positive");
  return p;
}

FailureOr<Tensor> tern::onnx_import::emitGlobalPool(
    Node &node, const Tensor &x,
    FailureOr<Tensor> (Node::*reduce)(Tensor, ArrayRef<int64_t>)) {
  SmallVector<int64_t> axes =
      llvm::to_vector(llvm::seq<int64_t>(2, x.getRank()));
  FailureOr<Tensor> result = (node.*reduce)(x, axes);
  if (failed(result))
    return failure();
  return node.emitUnsqueeze(*result, axes);
}

/// The p-norm of each window, or of all of the axes from the third on.
static LogicalResult importLpPool(Node &node, bool isGlobal) {
  Tensor input = node.getInput(0);
  FailureOr<double> p = getNorm(node);
  if (failed(p) || failed(node.expectTypes(input, Floats)))
    return failure();
  if (isGlobal && input.getRank() < 3)
    return node.error("the input must have rank 3 or more, not shape " +
                      node.describe(input.shape));
  FailureOr<Tensor> powers =
      node.emitFloatCast(input, getAccumulatorType(input.dtype));
  if (succeeded(powers))
    powers = emitPower(node, *powers, *p, /*isInverse=*/false);
  if (failed(powers))
    return failure();
  FailureOr<Tensor> sum = failure();
  if (isGlobal) {
    sum = emitGlobalPool(node, *powers, &Node::emitSum);
  } else {
    FailureOr<Window> window = getPoolWindow(node, input, Floats);
    if (failed(window))
      return failure();
    sum = emitWindowSum(node, *powers, *window);
  }
  if (succeeded(sum))
    sum = emitPower(node, *sum, *p, /*isInverse=*/true);
  if (failed(sum))
    return failure();
  return node.setResult(node.emitFloatCast(*sum, input.dtype));
}

//===----------------------------------------------------------------------===//
// GlobalX
//===----------------------------------------------------------------------===//

static LogicalResult importGlobalPool(Node &node, bool isMax) {
  Tensor input = node.getInput(0);
  if (failed(node.expectTypes(input, Floats)))
    return failure();
  if (input.getRank() < 3)
    return node.error("the input must have rank 3 or more, not shape " +
                      node.describe(input.shape));
  return node.setResult(
      emitGlobalPool(node, input, isMax ? &Node::emitMax : &Node::emitMean));
}

/// x / (bias + alpha / size * sum of squares of `size` adjacent channels)^beta.
static LogicalResult importLRN(Node &node) {
  Tensor x = node.getInput(0);
  double alpha = node.getFloat("alpha", 1e-4),
         beta = node.getFloat("beta", 0.75);
  double bias = node.getFloat("bias", 1);
  int64_t size = node.getInt("size", 0);
  if (failed(node.expectTypes(x, Floats)))
    return failure();
  if (x.getRank() < 3 || size < 1 || size > (1 << 20))
    return node.error(size < 1 || size > (1 << 20)
                          ? "attribute 'size' is " + Twine(size)
                          : Twine("the input must have rank 3 or more"));
  // Channels as the first of two spatial axes.
  std::optional<Extent> rest = Extent::product(ArrayRef(x.shape).drop_front(2));
  if (!rest)
    return node.error("the number of elements overflows");
  DType accumulator = getAccumulatorType(x.dtype);
  FailureOr<Tensor> wide = node.emitFloatCast(x, accumulator);
  if (succeeded(wide))
    wide = node.emitReshape(*wide, {x.shape[0], Extent(1), x.shape[1], *rest});
  if (failed(wide))
    return failure();
  FailureOr<Tensor> squares = emitPower(node, *wide, 2, /*isInverse=*/false);
  if (failed(squares))
    return failure();
  Window window;
  window.kernel = {size, 1};
  window.strides = window.dilations = {1, 1};
  window.low = {(size - 1) / 2, 0};
  window.high = {size / 2, 0};
  window.beyond = {0, 0};
  window.out = {x.shape[1], *rest};
  FailureOr<Tensor> sum = emitWindowSum(node, *squares, window);
  if (failed(sum))
    return failure();
  FailureOr<Tensor> y = node.emitMap(
      {*wide, *sum}, accumulator, [&](B &b, ValueRange args) -> Value {
        Type type = args[0].getType();
        Value scaled = arith::MulFOp::create(
            b, args[1], emitConstant(b, type, alpha / size));
        Value base =
            arith::AddFOp::create(b, scaled, emitConstant(b, type, bias));
        Value power =
            math::PowFOp::create(b, base, emitConstant(b, type, beta));
        return arith::DivFOp::create(b, args[0], power);
      });
  if (failed(y) || failed(y = node.emitReshape(*y, x.shape)))
    return failure();
  return node.setResult(node.emitFloatCast(*y, x.dtype));
}

void tern::onnx_import::addPoolingOps(OpTable &ops) {
  ops.onOp("MaxPool", 1, 1, importMaxPool);
  ops.onOp("AveragePool", 1, 1, [](Node &node) {
    return node.setResult(emitAveragePool(node, node.getInput(0)));
  });
  ops.onOp("LpPool", 1, 1,
           [](Node &node) { return importLpPool(node, /*isGlobal=*/false); });
  ops.onOp("GlobalLpPool", 1, 1,
           [](Node &node) { return importLpPool(node, /*isGlobal=*/true); });
  ops.onOp("LRN", 1, 1, importLRN);
  ops.onOp("GlobalAveragePool", 1, 1,
           [](Node &node) { return importGlobalPool(node, /*isMax=*/false); });
  ops.onOp("GlobalMaxPool", 1, 1,
           [](Node &node) { return importGlobalPool(node, /*isMax=*/true); });
}
