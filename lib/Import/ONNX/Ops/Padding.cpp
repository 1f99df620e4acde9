//===- Padding.cpp - Pad --------------------------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "Indexing.h"
#include "Windows.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

namespace {
/// How much is added to each axis at either end; negative is cut off.
struct Pads {
  Extents low, high;
};
} // namespace

/// Pads are an attribute before opset 11, an operand since; they may name the
/// axes since opset 18.
static FailureOr<Pads> getPads(Node &node, int64_t rank) {
  Extents values;
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  if (node.getVersion() < 11) {
    std::optional<SmallVector<int64_t>> given =
        node.getInts(node.getVersion() < 2 ? "paddings" : "pads");
    if (!given)
      return node.error("attribute 'pads' is missing");
    values.assign(given->begin(), given->end());
  } else {
    std::optional<ArrayRef<Extent>> contents = node.getContents(1);
    if (!contents)
      return node.requireKnown(1, "pads");
    values.assign(contents->begin(), contents->end());
    if (node.hasInput(3)) {
      FailureOr<SmallVector<int64_t>> given = node.getConstants(3, "axes");
      if (failed(given))
        return failure();
      given = node.normalizeAxes(*given, rank, /*sorts=*/false);
      if (failed(given))
        return failure();
      axes = *given;
    }
  }
  if (values.size() != 2 * axes.size())
    return node.error("there are " + Twine(values.size()) + " pads for " +
                      Twine(axes.size()) + " axes");
  Pads pads{Extents(rank), Extents(rank)};
  for (auto [i, axis] : llvm::enumerate(axes)) {
    pads.low[axis] = values[i];
    pads.high[axis] = values[i + axes.size()];
  }
  return pads;
}

/// Cuts off what negative pads say, and makes these 0. Where they say more than
/// there is, the rest is taken from what is added at the other end.
static FailureOr<Tensor> emitCrop(Node &node, Tensor x, Pads &pads) {
  B &b = node.b;
  Symbols &symbols = node.getSymbols();
  SmallVector<Span> ranges = getFullRanges(x.shape);
  bool isCut = false;
  for (auto [range, low, high] : llvm::zip_equal(ranges, pads.low, pads.high)) {
    using Maybe = std::optional<Extent>;
    const Extent extent = range.size;
    Maybe total = Extent::add(extent, low);
    total = total ? Extent::add(*total, high) : std::nullopt;
    // At either end: what is cut, what is added, and what is left of the tensor
    // or (negative) of what the other end adds.
    auto split = [&](const Extent &pad, Maybe &cut, Maybe &added, Maybe &left) {
      cut = symbols.saturatingSub(b, 0, pad);
      added = cut ? Extent::add(pad, *cut) : std::nullopt;
      left = cut ? Extent::sub(extent, *cut) : std::nullopt;
      left = left ? symbols.min(b, *left, 0) : std::nullopt;
    };
    Maybe cutLow, cutHigh, addedLow, addedHigh, leftLow, leftHigh;
    split(low, cutLow, addedLow, leftLow);
    split(high, cutHigh, addedHigh, leftHigh);
    Maybe cut =
        cutLow && cutHigh ? Extent::add(*cutLow, *cutHigh) : std::nullopt;
    Maybe rest = cut ? symbols.saturatingSub(b, extent, *cut) : cut;
    Maybe newLow =
        addedLow && leftHigh ? Extent::add(*addedLow, *leftHigh) : std::nullopt;
    Maybe newHigh =
        addedHigh && leftLow ? Extent::add(*addedHigh, *leftLow) : std::nullopt;
    Maybe begin = rest ? symbols.min(b, *cutLow, extent) : std::nullopt;
    if (!total || !rest || !begin || !newLow || !newHigh)
      return node.error("the extent of the result overflows");
    if (failed(node.requireNonNegative(
            *total, "negative pads cut off more than there is")))
      return failure();
    isCut |= !cut->isConstant(0);
    range = {*begin, *rest, 1};
    low = *newLow;
    high = *newHigh;
  }
  return isCut ? emitSlice(node, x, ranges) : FailureOr<Tensor>(x);
}

/// The remainder of a division by a positive number, not negative.
static Value emitModulo(B &b, Value x, Value y) {
  Value remainder = arith::RemSIOp::create(b, x, y);
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value isNegative =
      arith::CmpIOp::create(b, arith::CmpIPredicate::slt, remainder, zero);
  Value wrapped = arith::AddIOp::create(b, remainder, y);
  return arith::SelectOp::create(b, isNegative, wrapped, remainder);
}

/// The index that an index beyond the ends, or within, stands for.
static Value emitPaddedIndex(B &b, Value index, Value extent, StringRef mode) {
  Value zero = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value last = arith::SubIOp::create(b, extent, one);
  if (mode == "edge")
    return arith::MaxSIOp::create(b, arith::MinSIOp::create(b, index, last),
                                  zero);
  if (mode == "wrap")
    return emitModulo(b, index, arith::MaxSIOp::create(b, extent, one));
  // To and fro between the first and the last.
  Value period = arith::AddIOp::create(b, last, last);
  Value position = emitModulo(b, index, arith::MaxSIOp::create(b, period, one));
  return arith::MinSIOp::create(b, position,
                                arith::SubIOp::create(b, period, position));
}

/// Pads with elements of the tensor itself.
static FailureOr<Tensor> emitRepeated(Node &node, Tensor x, const Pads &pads,
                                      StringRef mode) {
  Extents shape;
  SmallVector<Value> lows, extents;
  for (auto [extent, low, high] :
       llvm::zip_equal(x.shape, pads.low, pads.high)) {
    std::optional<Extent> sum = Extent::add(extent, low);
    sum = sum ? Extent::add(*sum, high) : std::nullopt;
    if (!sum)
      return node.error("the extent of the result overflows");
    if (extent.isConstant(0) && !sum->isConstant(0))
      return node.error("there are no elements to pad with");
    shape.push_back(*sum);
    bool isPadded = *sum != extent;
    // Without elements, nothing is added: min(sum, 1) <= extent.
    std::optional<Extent> left = node.getSymbols().min(node.b, *sum, 1);
    left = left ? Extent::sub(extent, *left) : std::nullopt;
    if (!left)
      return node.error("the extent of the result overflows");
    // Not known, it is checked before a run.
    if (isPadded && !extent.getConstant() &&
        failed(node.requireNonNegative(*left,
                                       "there are no elements to pad with")))
      return failure();
    lows.push_back(isPadded ? node.getSymbols().getValue(node.b, low)
                            : Value());
    extents.push_back(isPadded ? node.getSymbols().getValue(node.b, extent)
                               : Value());
  }
  Value source = node.getValue(x);
  return node.emitMap({}, shape, x.dtype, [&](B &b, ValueRange) -> Value {
    SmallVector<Value> position;
    for (auto [i, low, extent] : llvm::enumerate(lows, extents)) {
      Value index = linalg::IndexOp::create(b, i);
      if (low)
        index = emitPaddedIndex(b, arith::SubIOp::create(b, index, low), extent,
                                mode);
      position.push_back(index);
    }
    return tensor::ExtractOp::create(b, source, position);
  });
}

static LogicalResult importPad(Node &node) {
  Tensor input = node.getInput(0);
  StringRef mode = node.getString("mode", "constant");
  FailureOr<Pads> pads = getPads(node, input.getRank());
  if (failed(pads))
    return failure();
  if (mode != "constant" && mode != "reflect" && mode != "edge" &&
      mode != "wrap")
    return node.error("attribute 'mode' is " + quote(mode) +
                      "; it must be constant, reflect, edge or wrap");
  // The value that is padded with.
  Tensor value = node.makeTensor(input.dtype, {}, nullptr);
  if (node.getVersion() < 11) {
    double number = node.getFloat("value", 0);
    if (failed(node.expectTypes(input, Floats)))
      return failure();
    value = node.makeConstant(input.dtype, number);
  } else if (node.hasInput(2)) {
    FailureOr<Tensor> scalar = node.emitReshape(node.getInput(2), {});
    if (failed(scalar))
      return failure();
    value = *scalar;
    if (value.dtype != input.dtype)
      return node.error("inputs have different element types");
  }
  bool hasValue = value.constant || value.contents || value.value ||
                  !value.parameter.empty();
  FailureOr<Tensor> cropped = emitCrop(node, input, *pads);
  if (failed(cropped))
    return failure();
  if (mode != "constant")
    return node.setResult(emitRepeated(node, *cropped, *pads, mode));
  Value scalar = hasValue
                     ? tensor::ExtractOp::create(node.b, node.getValue(value),
                                                 ValueRange())
                           .getResult()
                     : node.emitScalar(node.getElementType(input.dtype), 0);
  return node.setResult(emitPad(node, *cropped, pads->low, pads->high, scalar));
}

void tern::onnx_import::addPaddingOps(OpTable &ops) {
  ops.onOp("Pad", 1, {1, 4}, importPad);
}
