//===- Windows.cpp - Windows that slide over spatial axes -----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Windows.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <limits>

using namespace mlir;
using namespace tern::onnx_import;

/// Extents of windows and pads are at most so large, lest arithmetic with them
/// overflow.
static constexpr int64_t maxWindow = std::numeric_limits<int32_t>::max();

bool Window::isPoint() const {
  return llvm::all_of(kernel,
                      [](const Extent &e) { return e.isConstant(1); }) &&
         llvm::all_of(strides, [](int64_t value) { return value == 1; });
}

std::optional<Extent> Window::getSpan(int64_t i) const {
  std::optional<Extent> span = Extent::mul(kernel[i], dilations[i]);
  return span ? Extent::add(*span, 1 - dilations[i]) : std::nullopt;
}

FailureOr<SmallVector<int64_t>>
tern::onnx_import::getAxisInts(Node &node, StringRef name, int64_t count,
                               int64_t defaultValue, int64_t least) {
  SmallVector<int64_t> values =
      node.getInts(name).value_or(SmallVector<int64_t>(count, defaultValue));
  if (static_cast<int64_t>(values.size()) != count)
    return node.error("attribute " + quote(name) + " has " +
                      Twine(values.size()) + " elements, not " + Twine(count));
  for (int64_t value : values)
    if (value < least || value > maxWindow)
      return node.error("attribute " + quote(name) + " contains " +
                        Twine(value));
  return values;
}

/// The number of windows and the padding along one axis.
static bool placeAxis(Node &node, Window &window, int64_t i,
                      const Extent &extent, StringRef autoPad, bool roundsUp) {
  Symbols &symbols = node.getSymbols();
  int64_t stride = window.strides[i];
  std::optional<Extent> span = window.getSpan(i);
  std::optional<Extent> overlap =
      span ? Extent::sub(*span, stride) : std::nullopt;
  if (!overlap)
    return false;
  if (autoPad.starts_with("SAME")) {
    // As many windows as there would be of one element.
    std::optional<Extent> rounded = Extent::add(extent, stride - 1);
    std::optional<Extent> out =
        rounded ? symbols.floorDiv(node.b, *rounded, stride) : std::nullopt;
    std::optional<Extent> read = out ? Extent::mul(*out, stride) : std::nullopt;
    read = read ? Extent::add(*read, *overlap) : std::nullopt;
    std::optional<Extent> total =
        read ? symbols.saturatingSub(node.b, *read, extent) : std::nullopt;
    std::optional<Extent> half =
        total ? symbols.floorDiv(node.b, *total, 2) : std::nullopt;
    std::optional<Extent> rest =
        half ? Extent::sub(*total, *half) : std::nullopt;
    if (!rest)
      return false;
    window.out.push_back(*out);
    window.low[i] = autoPad == "SAME_UPPER" ? *half : *rest;
    window.high[i] = autoPad == "SAME_UPPER" ? *rest : *half;
    window.beyond.push_back(0);
    return true;
  }
  // floor((padded - span) / stride) + 1, written so that nothing is negative.
  std::optional<Extent> padded = Extent::add(extent, window.low[i]);
  padded = padded ? Extent::add(*padded, window.high[i]) : std::nullopt;
  std::optional<Extent> reach =
      padded ? Extent::add(*padded, roundsUp ? 2 * stride - 1 : stride)
             : std::nullopt;
  reach = reach ? symbols.saturatingSub(node.b, *reach, *span) : std::nullopt;
  std::optional<Extent> out =
      reach ? symbols.floorDiv(node.b, *reach, stride) : std::nullopt;
  if (!out)
    return false;
  window.beyond.push_back(0);
  if (roundsUp) {
    // No window starts in the padding at the high end.
    std::optional<Extent> starts = Extent::add(extent, window.low[i]);
    starts = starts ? Extent::add(*starts, stride - 1) : std::nullopt;
    starts = starts ? symbols.floorDiv(node.b, *starts, stride) : std::nullopt;
    if (!starts)
      return false;
    out = symbols.min(node.b, *out, *starts);
    if (!out)
      return false;
    std::optional<Extent> read = Extent::mul(*out, stride);
    read = read ? Extent::add(*read, *overlap) : std::nullopt;
    read = read ? symbols.saturatingSub(node.b, *read, *padded) : std::nullopt;
    if (!read)
      return false;
    window.beyond.back() = *read;
  }
  window.out.push_back(*out);
  return true;
}

FailureOr<Window> tern::onnx_import::getWindow(Node &node,
                                               ArrayRef<Extent> spatial,
                                               ArrayRef<Extent> kernel,
                                               bool roundsUp,
                                               bool isTransposed) {
  int64_t rank = spatial.size();
  Window window;
  window.kernel.assign(kernel.begin(), kernel.end());
  for (const Extent &extent : kernel)
    if (std::optional<int64_t> value = extent.getConstant();
        value && (*value < 1 || *value > maxWindow))
      return node.error("the window has extent " + Twine(*value));
  FailureOr<SmallVector<int64_t>> strides =
      getAxisInts(node, "strides", rank, 1, 1);
  FailureOr<SmallVector<int64_t>> dilations =
      getAxisInts(node, "dilations", rank, 1, 1);
  FailureOr<SmallVector<int64_t>> pads =
      getAxisInts(node, "pads", 2 * rank, 0, 0);
  if (failed(strides) || failed(dilations) || failed(pads))
    return failure();
  window.strides = *strides;
  window.dilations = *dilations;
  StringRef autoPad = node.getString("auto_pad", "NOTSET");
  if (autoPad != "NOTSET" && autoPad != "VALID" && autoPad != "SAME_UPPER" &&
      autoPad != "SAME_LOWER")
    return node.error("attribute 'auto_pad' must be NOTSET, VALID, SAME_UPPER "
                      "or SAME_LOWER, not " +
                      quote(autoPad));
  if (autoPad != "NOTSET" && llvm::any_of(*pads, [](int64_t p) { return p; }))
    return node.error("attributes 'pads' and 'auto_pad' contradict each other");
  window.low.assign(pads->begin(), pads->begin() + rank);
  window.high.assign(pads->begin() + rank, pads->end());
  for (auto [i, extent] : llvm::enumerate(spatial)) {
    if (!placeAxis(node, window, i, extent, autoPad, roundsUp))
      return node.error("cannot tell how many windows there are along axis " +
                        Twine(i + 2) + "; fix dynamic dimensions with --dim");
    if (!isTransposed && window.out.back().isConstant(0))
      return node.error("no window fits in the input along axis " +
                        Twine(i + 2));
  }
  return window;
}

FailureOr<Tensor> tern::onnx_import::emitPad(Node &node, Tensor x,
                                             ArrayRef<Extent> low,
                                             ArrayRef<Extent> high,
                                             Value value) {
  auto isZero = [](const Extent &extent) { return extent.isConstant(0); };
  if (llvm::all_of(low, isZero) && llvm::all_of(high, isZero))
    return x;
  Extents shape;
  SmallVector<OpFoldResult> before, after;
  for (auto [extent, l, h] : llvm::zip_equal(x.shape, low, high)) {
    std::optional<Extent> sum = Extent::add(extent, l);
    sum = sum ? Extent::add(*sum, h) : std::nullopt;
    if (!sum)
      return node.error("the extent of the padded tensor overflows");
    shape.push_back(*sum);
    before.push_back(node.getSymbols().getFoldResult(node.b, l));
    after.push_back(node.getSymbols().getFoldResult(node.b, h));
  }
  if (failed(node.checkShape(x.dtype, shape)))
    return failure();
  // Nothing to copy, perhaps to the end: out of bounds for MLIR.
  if (llvm::is_contained(x.shape, Extent(0)))
    return node.makeTensor(x.dtype, shape, node.emitFill(value, shape));
  Value source = node.getValue(x);
  Value padded = tensor::PadOp::create(
      node.b, node.getTensorType(x.dtype, shape), source, before, after, value);
  return node.makeTensor(x.dtype, shape, padded);
}

FailureOr<Tensor> tern::onnx_import::emitPad(Node &node, Tensor x,
                                             const Window &window,
                                             Value value) {
  Extents low(2), high(2);
  for (int64_t i = 0; i < window.getRank(); ++i) {
    low.push_back(window.low[i]);
    std::optional<Extent> end = Extent::add(window.high[i], window.beyond[i]);
    if (!end)
      return node.error("the extent of the padded tensor overflows");
    high.push_back(*end);
  }
  return emitPad(node, x, low, high, value);
}

SmallVector<AffineExpr>
tern::onnx_import::getWindowIndices(MLIRContext *context, const Window &window,
                                    unsigned positions, unsigned offsets) {
  SmallVector<AffineExpr> indices;
  for (int64_t i = 0; i < window.getRank(); ++i)
    indices.push_back(
        getAffineDimExpr(positions + i, context) * window.strides[i] +
        getAffineDimExpr(offsets + i, context) * window.dilations[i]);
  return indices;
}
