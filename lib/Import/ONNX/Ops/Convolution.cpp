//===- Convolution.cpp - Conv and ConvTranspose ---------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A convolution without groups is a product of matrices: a row for each window
// of the padded input, [N * windows, C * kernel], times the weight, which is a
// matrix [O, C * kernel]. So whatever is done to linear layers, ternary weights
// among it, is done to convolutions. With groups it is one linalg.generic.
//
//===----------------------------------------------------------------------===//

#include "Convolution.h"
#include "../Model/Importer.h"
#include "LinearAlgebra.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

/// All windows of [N, C, padded...]: [N, windows..., C, kernel...], or
/// [N, windows..., C] for windows of one element.
static FailureOr<Tensor> emitWindows(Node &node, Tensor x,
                                     const Window &window) {
  B &b = node.b;
  int64_t rank = window.getRank();
  // Loops: n, windows, c, kernel; windows of one element have no kernel loops.
  bool isPoint = window.isPoint();
  Extents shape = {x.shape[0]};
  shape.append(window.out);
  shape.push_back(x.shape[1]);
  if (!isPoint)
    shape.append(window.kernel.begin(), window.kernel.end());
  if (failed(node.checkShape(x.dtype, shape)))
    return failure();
  SmallVector<AffineExpr> indices = {b.getAffineDimExpr(0),
                                     b.getAffineDimExpr(rank + 1)};
  if (isPoint)
    for (int64_t i = 0; i < rank; ++i)
      indices.push_back(b.getAffineDimExpr(i + 1));
  else
    indices.append(getWindowIndices(b.getContext(), window, 1, rank + 2));
  int64_t numLoops = shape.size();
  Value source = node.getValue(x);
  Value empty = node.emitEmpty(node.getElementType(x.dtype), shape);
  Value windows =
      tern::buildGeneric(b, b.getLoc(), source,
                         AffineMap::get(numLoops, 0, indices, b.getContext()),
                         empty, b.getMultiDimIdentityMap(numLoops),
                         [](B &, ValueRange args) { return args[0]; });
  return node.makeTensor(x.dtype, shape, windows);
}

/// result[n, g, o, windows] = sum over c, kernel of x[n, g, c, padded] *
/// w[g, o, c, kernel], for x [N, G * C, padded...] and w [G * O, C, kernel...].
static FailureOr<Tensor> emitGroups(Node &node, Tensor x, Tensor w,
                                    int64_t groups, const Window &window) {
  B &b = node.b;
  int64_t rank = window.getRank();
  std::optional<Extent> outPerGroup = Extent::divExact(w.shape[0], groups);
  Extents xShape = {x.shape[0], groups, w.shape[1]};
  xShape.append(x.shape.begin() + 2, x.shape.end());
  Extents wShape = {groups, *outPerGroup};
  wShape.append(w.shape.begin() + 1, w.shape.end());
  FailureOr<Tensor> xs = node.emitReshape(x, xShape);
  FailureOr<Tensor> ws = node.emitReshape(w, wShape);
  if (failed(xs) || failed(ws))
    return failure();
  // Loops: n, g, o, windows, c, kernel.
  unsigned numLoops = 4 + 2 * rank, c = 3 + rank;
  auto dim = [&](unsigned i) { return b.getAffineDimExpr(i); };
  SmallVector<AffineExpr> xIndices = {dim(0), dim(1), dim(c)};
  xIndices.append(getWindowIndices(b.getContext(), window, 3, c + 1));
  SmallVector<AffineExpr> wIndices = {dim(1), dim(2), dim(c)};
  SmallVector<AffineExpr> outIndices = {dim(0), dim(1), dim(2)};
  for (int64_t i = 0; i < rank; ++i) {
    wIndices.push_back(dim(c + 1 + i));
    outIndices.push_back(dim(3 + i));
  }
  SmallVector<AffineMap> maps;
  for (ArrayRef<AffineExpr> indices : {xIndices, wIndices})
    maps.push_back(AffineMap::get(numLoops, 0, indices, b.getContext()));

  Extents shape = {x.shape[0], groups, *outPerGroup};
  shape.append(window.out);
  DType accumulator = getAccumulatorType(x.dtype);
  if (failed(node.checkShape(accumulator, shape)))
    return failure();
  Type type = node.getElementType(accumulator);
  SmallVector<Value> operands = {node.getValue(*xs), node.getValue(*ws)};
  Value zeros = node.emitFill(node.emitScalar(type, 0), shape);
  Value sums = tern::buildGeneric(
      b, b.getLoc(), operands, maps, zeros,
      AffineMap::get(numLoops, 0, outIndices, b.getContext()),
      [](B &b, ValueRange args) {
        return emitProductSum(b, args.drop_back(), args.back());
      });
  FailureOr<Tensor> result =
      node.emitFloatCast(node.makeTensor(accumulator, shape, sums), x.dtype);
  if (failed(result))
    return failure();
  Extents flat = {x.shape[0], w.shape[0]};
  flat.append(window.out);
  return node.emitReshape(*result, flat);
}

static FailureOr<Tensor> emitSum(Node &node, Tensor lhs, Tensor rhs) {
  return node.emitMap({lhs, rhs}, lhs.shape, lhs.dtype,
                      [&](B &b, ValueRange args) -> Value {
                        if (isFloat(lhs.dtype))
                          return arith::AddFOp::create(b, args[0], args[1]);
                        return arith::AddIOp::create(b, args[0], args[1]);
                      });
}

FailureOr<Tensor> tern::onnx_import::emitConvolution(Node &node, Tensor padded,
                                                     Tensor weight,
                                                     std::optional<Tensor> bias,
                                                     int64_t groups,
                                                     const Window &window) {
  int64_t rank = window.getRank();
  if (groups != 1) {
    FailureOr<Tensor> result = emitGroups(node, padded, weight, groups, window);
    if (failed(result) || !bias)
      return result;
    FailureOr<Tensor> column = node.emitUnsqueeze(
        *bias, llvm::to_vector(llvm::seq<int64_t>(1, rank + 1)));
    if (failed(column))
      return failure();
    return emitSum(node, *result, *column);
  }
  FailureOr<Tensor> windows = emitWindows(node, padded, window);
  if (failed(windows))
    return failure();
  std::optional<Extent> rows =
      Extent::product(ArrayRef(windows->shape).take_front(rank + 1));
  std::optional<Extent> columns =
      Extent::product(ArrayRef(windows->shape).drop_front(rank + 1));
  if (!rows || !columns)
    return node.error("the number of windows overflows");
  node.getImporter().noteLinearUse(weight, /*channelAxis=*/0);
  FailureOr<Tensor> matrix = node.emitReshape(*windows, {*rows, *columns});
  FailureOr<Tensor> weights =
      node.emitReshape(weight, {weight.shape[0], *columns});
  if (failed(matrix) || failed(weights))
    return failure();
  FailureOr<Tensor> transposed = node.emitTranspose(*weights, {1, 0});
  if (failed(transposed))
    return failure();
  FailureOr<Tensor> product = node.emitMatmul(*matrix, *transposed);
  if (succeeded(product) && bias)
    product = emitSum(node, *product, *bias);
  if (failed(product))
    return failure();
  // Channels come before positions.
  Extents shape = {padded.shape[0]};
  shape.append(window.out);
  shape.push_back(weight.shape[0]);
  FailureOr<Tensor> result = node.emitReshape(*product, shape);
  if (failed(result))
    return failure();
  SmallVector<int64_t> permutation = {0, rank + 1};
  for (int64_t i = 0; i < rank; ++i)
    permutation.push_back(i + 1);
  return node.emitTranspose(*result, permutation);
}

FailureOr<Extents> tern::onnx_import::getKernelShape(Node &node,
                                                     const Tensor &weight) {
  Extents kernel(ArrayRef(weight.shape).drop_front(2));
  std::optional<SmallVector<int64_t>> given = node.getInts("kernel_shape");
  if (!given)
    return kernel;
  std::string message = "attribute 'kernel_shape' is not that of the weight, " +
                        node.describe(weight.shape);
  if (given->size() != kernel.size())
    return node.error(message);
  for (auto [own, declared] : llvm::zip_equal(kernel, *given)) {
    if (failed(node.require(own, declared, message)))
      return failure();
    own = declared;
  }
  return kernel;
}

LogicalResult tern::onnx_import::checkConvolution(Node &node, const Tensor &x,
                                                  const Tensor &weight,
                                                  const Extent &channels,
                                                  int64_t groups) {
  if (x.getRank() < 3 || x.getRank() != weight.getRank())
    return node.error("input and weight must have one rank of 3 or more, not "
                      "shapes " +
                      node.describe(x.shape) + " and " +
                      node.describe(weight.shape));
  if (groups < 1)
    return node.error("attribute 'group' is " + Twine(groups));
  std::string message = "an input of shape " + node.describe(x.shape) +
                        " has other channels than a weight of shape " +
                        node.describe(weight.shape) + " in " +
                        std::to_string(groups) + " groups";
  if (!Extent::divExact(channels, groups))
    return node.error(message);
  return node.require(x.shape[1], channels, message);
}

static LogicalResult checkBias(Node &node, Tensor &bias,
                               const Extent &channels) {
  FailureOr<Tensor> fitting =
      node.expectShape(bias, {channels},
                       "a bias of shape " + node.describe(bias.shape) +
                           " does not have one element for each of " +
                           node.describe(channels) + " channels");
  if (succeeded(fitting))
    bias = *fitting;
  return fitting;
}

FailureOr<Tensor> tern::onnx_import::emitConv(Node &node, Tensor x, Tensor w,
                                              std::optional<Tensor> bias) {
  int64_t groups = node.getInt("group", 1);
  std::optional<Extent> channels =
      w.getRank() > 1 ? Extent::mul(w.shape[1], groups) : Extent(0);
  if (!channels)
    return node.error("attribute 'group' is " + Twine(groups) +
                      ": the number of channels overflows");
  if (failed(checkConvolution(node, x, w, *channels, groups)))
    return failure();
  if (!Extent::divExact(w.shape[0], groups))
    return node.error("the weight's " + node.describe({w.shape[0]}) +
                      " output channels are no multiple of " + Twine(groups) +
                      " groups");
  if (bias && failed(checkBias(node, *bias, w.shape[0])))
    return failure();
  FailureOr<Extents> kernel = getKernelShape(node, w);
  if (failed(kernel))
    return failure();
  FailureOr<Window> window =
      getWindow(node, ArrayRef(x.shape).drop_front(2), *kernel);
  if (failed(window))
    return failure();
  FailureOr<Tensor> padded = emitPad(
      node, x, *window, node.emitScalar(node.getElementType(x.dtype), 0));
  if (failed(padded))
    return failure();
  return emitConvolution(node, *padded, w, bias, groups, *window);
}

static LogicalResult importConv(Node &node) {
  FailureOr<SmallVector<Tensor>> inputs = node.getSameTyped(Floats);
  if (failed(inputs))
    return failure();
  std::optional<Tensor> bias;
  if (inputs->size() > 2)
    bias = (*inputs)[2];
  return node.setResult(emitConv(node, (*inputs)[0], (*inputs)[1], bias));
}

//===----------------------------------------------------------------------===//
// ConvTranspose
//===----------------------------------------------------------------------===//

/// Zeros between the elements of the spatial axes.
static FailureOr<Tensor> emitSpread(Node &node, Tensor x,
                                    ArrayRef<int64_t> strides) {
  if (llvm::all_of(strides, [](int64_t stride) { return stride == 1; }))
    return x;
  B &b = node.b;
  Extents shape(ArrayRef(x.shape).take_front(2));
  SmallVector<OpFoldResult> offsets(x.getRank(), b.getIndexAttr(0)), sizes;
  SmallVector<OpFoldResult> steps(2, b.getIndexAttr(1));
  for (auto [extent, stride] :
       llvm::zip_equal(ArrayRef(x.shape).drop_front(2), strides)) {
    std::optional<Extent> wide = Extent::mul(extent, stride);
    wide = wide ? Extent::add(*wide, 1 - stride) : std::nullopt;
    if (!wide)
      return node.error("the extent of the result overflows");
    shape.push_back(*wide);
    steps.push_back(b.getIndexAttr(stride));
  }
  if (failed(node.checkShape(x.dtype, shape)))
    return failure();
  for (const Extent &extent : x.shape)
    sizes.push_back(node.getSymbols().getFoldResult(b, extent));
  Value source = node.getValue(x);
  Value zeros =
      node.emitFill(node.emitScalar(node.getElementType(x.dtype), 0), shape);
  // Nothing to insert: out of bounds for MLIR.
  if (llvm::is_contained(x.shape, Extent(0)))
    return node.makeTensor(x.dtype, shape, zeros);
  return node.makeTensor(
      x.dtype, shape,
      tensor::InsertSliceOp::create(b, source, zeros, offsets, sizes, steps));
}

static bool isStatic(ArrayRef<Extent> shape) {
  return llvm::all_of(shape, [](const Extent &e) { return e.getConstant(); });
}

/// [G, C, O, kernel...] with C and O exchanged and the kernel reversed, by an
/// indexing map.
static FailureOr<Tensor> emitReversedStatic(Node &node, Tensor source,
                                            ArrayRef<Extent> shape) {
  B &b = node.b;
  int64_t rank = shape.size();
  SmallVector<AffineExpr> indices = {
      b.getAffineDimExpr(0), b.getAffineDimExpr(2), b.getAffineDimExpr(1)};
  for (int64_t i = 3; i < rank; ++i)
    indices.push_back(*shape[i].getConstant() - 1 - b.getAffineDimExpr(i));
  Value value = node.getValue(source);
  Value empty = node.emitEmpty(node.getElementType(source.dtype), shape);
  Value reversed = tern::buildGeneric(
      b, b.getLoc(), value, AffineMap::get(rank, 0, indices, b.getContext()),
      empty, b.getMultiDimIdentityMap(rank),
      [](B &, ValueRange args) { return args[0]; });
  return node.makeTensor(source.dtype, shape, reversed);
}

/// The same element by element: an indexing map has no unknown constants.
static FailureOr<Tensor> emitReversedDynamic(Node &node, Tensor source,
                                             ArrayRef<Extent> shape) {
  Value value = node.getValue(source);
  SmallVector<Value> lasts;
  for (const Extent &extent : shape.drop_front(3))
    lasts.push_back(arith::SubIOp::create(
        node.b, node.getSymbols().getValue(node.b, extent),
        node.getSymbols().getValue(node.b, Extent(1))));
  return node.emitMap({}, shape, source.dtype, [&](B &b, ValueRange) -> Value {
    SmallVector<Value> position;
    for (int64_t i : {0, 2, 1})
      position.push_back(linalg::IndexOp::create(b, i));
    for (auto [i, last] : llvm::enumerate(lasts))
      position.push_back(arith::SubIOp::create(
          b, last, linalg::IndexOp::create(b, i + 3).getResult()));
    return tensor::ExtractOp::create(b, value, position);
  });
}

/// [G * C, O, kernel...] as the weight [G * O, C, kernel...] of a convolution:
/// with the kernel reversed.
static FailureOr<Tensor> emitReversed(Node &node, Tensor w, int64_t groups) {
  std::optional<Extent> perGroup = Extent::divExact(w.shape[0], groups);
  Extents split = {groups, *perGroup};
  split.append(w.shape.begin() + 1, w.shape.end());
  FailureOr<Tensor> source = node.emitReshape(w, split);
  if (failed(source))
    return failure();
  Extents shape = {groups, w.shape[1], *perGroup};
  shape.append(w.shape.begin() + 2, w.shape.end());
  FailureOr<Tensor> reversed = isStatic(w.shape)
                                   ? emitReversedStatic(node, *source, shape)
                                   : emitReversedDynamic(node, *source, shape);
  if (failed(reversed))
    return failure();
  std::optional<Extent> channels = Extent::mul(w.shape[1], groups);
  if (!channels)
    return node.error("the number of channels overflows");
  Extents flat = {*channels, *perGroup};
  flat.append(w.shape.begin() + 2, w.shape.end());
  return node.emitReshape(*reversed, flat);
}

/// What is cut from the full result at the ends of an axis.
static FailureOr<std::pair<Extent, Extent>>
getCrop(Node &node, const Extent &extent, int64_t i, const Window &window,
        ArrayRef<int64_t> outputPadding,
        const std::optional<SmallVector<int64_t>> &outputShape,
        StringRef autoPad) {
  if (!outputShape && !autoPad.starts_with("SAME"))
    return std::pair(window.low[i], window.high[i]);
  // (extent - 1) * stride + padding + span - wanted.
  Symbols &symbols = node.getSymbols();
  std::optional<Extent> full = Extent::mul(extent, window.strides[i]);
  Extent wanted = outputShape ? Extent((*outputShape)[i]) : *full;
  std::optional<Extent> span = window.getSpan(i);
  full = full && span ? Extent::add(*full, *span) : std::nullopt;
  full = full ? Extent::add(*full, outputPadding[i] - window.strides[i])
              : std::nullopt;
  // What is cut, and what is put at the end where there is less than wanted.
  std::optional<Extent> cut =
      full ? symbols.saturatingSub(node.b, *full, wanted) : std::nullopt;
  std::optional<Extent> missing =
      full ? symbols.saturatingSub(node.b, wanted, *full) : std::nullopt;
  std::optional<Extent> half =
      cut ? symbols.floorDiv(node.b, *cut, 2) : std::nullopt;
  std::optional<Extent> rest = half ? Extent::sub(*cut, *half) : std::nullopt;
  if (!rest || !missing)
    return node.error("cannot tell how much to cut from axis " + Twine(i + 2) +
                      "; fix dynamic dimensions with --dim");
  const Extent &low = autoPad == "SAME_UPPER" ? *half : *rest;
  const Extent &end = autoPad == "SAME_UPPER" ? *rest : *half;
  std::optional<Extent> high = Extent::sub(end, *missing);
  if (!high)
    return node.error("the extent of the result overflows");
  return std::pair(low, *high);
}

/// The transpose of a convolution is one over the input with zeros between its
/// elements and the kernel reversed.
static LogicalResult importConvTranspose(Node &node) {
  FailureOr<SmallVector<Tensor>> inputs = node.getSameTyped(Floats);
  if (failed(inputs))
    return failure();
  Tensor x = (*inputs)[0], w = (*inputs)[1];
  int64_t groups = node.getInt("group", 1);
  if (w.getRank() < 3 ||
      failed(checkConvolution(node, x, w, w.shape[0], groups)))
    return w.getRank() < 3 ? node.error("the weight must have rank 3 or more")
                           : failure();
  int64_t rank = x.getRank() - 2;
  FailureOr<Extents> kernel = getKernelShape(node, w);
  FailureOr<SmallVector<int64_t>> outputPadding =
      getAxisInts(node, "output_padding", rank, 0, 0);
  std::optional<SmallVector<int64_t>> outputShape =
      node.getInts("output_shape");
  StringRef autoPad = node.getString("auto_pad", "NOTSET");
  if (failed(kernel) || failed(outputPadding))
    return failure();
  FailureOr<Window> window =
      getWindow(node, ArrayRef(x.shape).drop_front(2), *kernel,
                /*roundsUp=*/false, /*isTransposed=*/true);
  if (failed(window))
    return failure();
  // It was the batch and the channels too, in some exporters.
  if (outputShape && static_cast<int64_t>(outputShape->size()) == rank + 2)
    outputShape->erase(outputShape->begin(), outputShape->begin() + 2);
  if (outputShape && static_cast<int64_t>(outputShape->size()) != rank)
    return node.error("attribute 'output_shape' has " +
                      Twine(outputShape->size()) + " elements, not " +
                      Twine(rank));

  FailureOr<Tensor> spread = emitSpread(node, x, window->strides);
  if (failed(spread))
    return failure();
  Symbols &symbols = node.getSymbols();
  Window slides = *window;
  slides.strides.assign(rank, 1);
  slides.out.clear();
  Tensor operand = *spread;
  SmallVector<OpFoldResult> offsets(2, node.b.getIndexAttr(0));
  Extents cropped(ArrayRef(operand.shape).take_front(2));
  bool isCropped = false;
  for (int64_t i = 0; i < rank; ++i) {
    auto crop = getCrop(node, x.shape[i + 2], i, *window, *outputPadding,
                        outputShape, autoPad);
    if (failed(crop))
      return failure();
    // How far the kernel reaches beyond the ends, and what is cut off more than
    // that: from the input itself.
    std::optional<Extent> span = slides.getSpan(i);
    std::optional<Extent> reach = span ? Extent::sub(*span, 1) : std::nullopt;
    std::optional<Extent> reachHigh =
        reach ? Extent::add(*reach, (*outputPadding)[i]) : std::nullopt;
    if (!reachHigh)
      return node.error("the extent of the result overflows");
    auto before = symbols.saturatingSub(node.b, *reach, crop->first);
    auto after = symbols.saturatingSub(node.b, *reachHigh, crop->second);
    auto cutLow = symbols.saturatingSub(node.b, crop->first, *reach);
    auto cutHigh = symbols.saturatingSub(node.b, crop->second, *reachHigh);
    if (!before || !after || !cutLow || !cutHigh)
      return node.error("the extent of the result overflows");
    std::optional<Extent> cut = Extent::add(*cutLow, *cutHigh);
    std::optional<Extent> rest =
        cut ? Extent::sub(operand.shape[i + 2], *cut) : std::nullopt;
    std::optional<Extent> out = rest ? Extent::add(*rest, *before) : rest;
    out = out ? Extent::add(*out, *after) : out;
    out = out ? Extent::sub(*out, *reach) : out;
    if (!out)
      return node.error("the extent of the result overflows");
    isCropped |= *cut != Extent(0);
    offsets.push_back(symbols.getFoldResult(node.b, *cutLow));
    cropped.push_back(*rest);
    slides.low[i] = *before;
    slides.high[i] = *after;
    slides.out.push_back(*out);
  }
  if (failed(node.checkShape(x.dtype, slides.out)) ||
      failed(node.checkShape(x.dtype, cropped)))
    return failure();
  if (isCropped) {
    SmallVector<OpFoldResult> sizes,
        strides(operand.getRank(), node.b.getIndexAttr(1));
    for (const Extent &extent : cropped)
      sizes.push_back(node.getSymbols().getFoldResult(node.b, extent));
    operand =
        node.makeTensor(x.dtype, cropped,
                        tensor::ExtractSliceOp::create(
                            node.b, node.getTensorType(x.dtype, cropped),
                            node.getValue(operand), offsets, sizes, strides));
  }
  FailureOr<Tensor> padded = emitPad(
      node, operand, slides, node.emitScalar(node.getElementType(x.dtype), 0));
  FailureOr<Tensor> reversed = emitReversed(node, w, groups);
  if (failed(padded) || failed(reversed))
    return failure();
  std::optional<Tensor> bias;
  if (inputs->size() > 2) {
    bias = (*inputs)[2];
    if (failed(checkBias(node, *bias, reversed->shape[0])))
      return failure();
  }
  return node.setResult(
      emitConvolution(node, *padded, *reversed, bias, groups, slides));
}

void tern::onnx_import::addConvolutionOps(OpTable &ops) {
  ops.onOp("Conv", 1, {2, 3}, importConv);
  ops.onOp("ConvTranspose", 1, {2, 3}, importConvTranspose);
}
