//===- Slicing.cpp - Concat, Split, Slice, Gather -------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Model/Importer.h"
#include "Indexing.h"
#include "Node.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <limits>

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

//===----------------------------------------------------------------------===//
// Parts of tensors
//===----------------------------------------------------------------------===//

SmallVector<Span> tern::onnx_import::getFullRanges(ArrayRef<Extent> shape) {
  return llvm::map_to_vector(
      shape, [](const Extent &extent) { return Span{0, extent, 1}; });
}

FailureOr<Tensor> tern::onnx_import::emitSlice(Node &node, Tensor operand,
                                               ArrayRef<Span> ranges) {
  Extents shape;
  SmallVector<OpFoldResult> offsets, sizes, strides;
  B &b = node.b;
  bool goesBack = false;
  for (const Span &range : ranges) {
    shape.push_back(range.size);
    offsets.push_back(node.getSymbols().getFoldResult(b, range.start));
    sizes.push_back(node.getSymbols().getFoldResult(b, range.size));
    strides.push_back(b.getIndexAttr(range.step));
    goesBack |= range.step < 0;
  }
  if (failed(node.checkShape(operand.dtype, shape)))
    return failure();
  // Part of a shape.
  if (llvm::all_of(ranges, [](const Span &range) {
        return range.start.getConstant() && range.size.getConstant();
      }))
    if (std::optional<Tensor> part = node.pickElements(
            operand, shape, [&](SmallVectorImpl<int64_t> &position) {
              for (auto [i, range] : llvm::zip_equal(position, ranges))
                i = *range.start.getConstant() + i * range.step;
            }))
      return *part;
  // An empty slice may start at the end, which is out of bounds for MLIR.
  if (llvm::is_contained(shape, Extent(0)))
    return node.makeTensor(
        operand.dtype, shape,
        node.emitEmpty(node.getElementType(operand.dtype), shape));
  Value source = node.getValue(operand);
  if (!goesBack) {
    Value slice = tensor::ExtractSliceOp::create(
        b, node.getTensorType(operand.dtype, shape), source, offsets, sizes,
        strides);
    return node.makeTensor(operand.dtype, shape, slice);
  }
  // Element by element.
  SmallVector<Value> starts;
  for (const Span &range : ranges)
    starts.push_back(node.getSymbols().getValue(b, range.start));
  return node.emitMap({}, shape, operand.dtype, [&](B &b, ValueRange) -> Value {
    SmallVector<Value> indices;
    for (auto [i, range] : llvm::enumerate(ranges)) {
      Value index = linalg::IndexOp::create(b, i);
      Value step = arith::ConstantIndexOp::create(b, range.step);
      Value distance = arith::MulIOp::create(b, index, step);
      indices.push_back(arith::AddIOp::create(b, starts[i], distance));
    }
    return tensor::ExtractOp::create(b, source, indices);
  });
}

FailureOr<Tensor> tern::onnx_import::emitConcat(Node &node,
                                                ArrayRef<Tensor> operands,
                                                int64_t axis) {
  SmallVector<Tensor> inputs(operands);
  const Tensor &first = inputs.front();
  for (const Tensor &input : inputs)
    if (input.dtype != first.dtype || input.getRank() <= axis)
      return node.error("tensors of shapes " + node.describe(first.shape) +
                        " and " + node.describe(input.shape) +
                        " cannot be joined at axis " + Twine(axis) +
                        (input.dtype != first.dtype
                             ? ": they have different element types"
                             : ""));
  Extents shape(first.shape);
  shape[axis] = 0;
  // Floats beside those that are computed from extents.
  bool isKnown = llvm::any_of(
      inputs, [](const Tensor &input) { return input.contents.has_value(); });
  SmallVector<Extent> offsets;
  for (Tensor &input : inputs) {
    Extents wanted(first.shape);
    if (input.getRank() == first.getRank())
      wanted[axis] = input.shape[axis];
    FailureOr<Tensor> part = node.expectShape(
        input, wanted,
        "shapes " + node.describe(first.shape) + " and " +
            node.describe(input.shape) + " differ beside axis " + Twine(axis));
    if (failed(part))
      return failure();
    input = *part;
    offsets.push_back(shape[axis]);
    std::optional<Extent> next = Extent::add(shape[axis], input.shape[axis]);
    if (!next)
      return node.error("the extent of the result overflows");
    shape[axis] = *next;
    if (isKnown && !input.contents)
      input.contents = node.getElements(input);
    isKnown &= input.contents.has_value();
  }
  if (failed(node.checkShape(first.dtype, shape)))
    return failure();
  Tensor result = node.makeTensor(first.dtype, shape, nullptr);
  std::optional<Extent> count = Extent::product(shape);
  if (isKnown && count && count->getConstant() &&
      *count->getConstant() <= maxContents) {
    // Row by row of what lies before the axis.
    std::optional<Extent> rows =
        Extent::product(ArrayRef(shape).take_front(axis));
    result.contents.emplace();
    for (int64_t row = 0, end = *rows->getConstant(); row < end; ++row)
      for (const Tensor &input : inputs) {
        size_t length = input.contents->size() / end;
        result.contents->append(input.contents->begin() + row * length,
                                input.contents->begin() + (row + 1) * length);
      }
    return result;
  }
  B &b = node.b;
  result.value = node.emitEmpty(node.getElementType(first.dtype), shape);
  for (auto [input, offset] : llvm::zip_equal(inputs, offsets)) {
    // Nothing to insert, perhaps at the end: out of bounds for MLIR.
    if (llvm::is_contained(input.shape, Extent(0)))
      continue;
    SmallVector<OpFoldResult> starts(shape.size(), b.getIndexAttr(0));
    SmallVector<OpFoldResult> strides(shape.size(), b.getIndexAttr(1));
    SmallVector<OpFoldResult> sizes;
    starts[axis] = node.getSymbols().getFoldResult(b, offset);
    for (const Extent &extent : input.shape)
      sizes.push_back(node.getSymbols().getFoldResult(b, extent));
    result.value = tensor::InsertSliceOp::create(
        b, node.getValue(input), result.value, starts, sizes, strides);
  }
  return result;
}

static LogicalResult importConcat(Node &node) {
  FailureOr<SmallVector<Tensor>> inputs = node.getSameTyped(AllTypes);
  if (failed(inputs))
    return failure();
  if (node.getVersion() >= 4 && !node.hasAttribute("axis"))
    return node.error("attribute 'axis' is missing");
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", node.getVersion() < 4 ? 1 : 0),
                         inputs->front().getRank());
  if (failed(axis))
    return failure();
  return node.setResult(emitConcat(node, *inputs, *axis));
}

/// Parts of one tensor that stay views of it. Bufferization compares each with
/// each; of more, this many at a time are views of a copy.
static constexpr size_t maxViews = 256;

static FailureOr<Tensor> emitCopy(Node &node, FailureOr<Tensor> operand) {
  if (failed(operand))
    return failure();
  Value empty =
      node.emitEmpty(node.getElementType(operand->dtype), operand->shape);
  Value copy = linalg::CopyOp::create(node.b, node.getValue(*operand), empty)
                   .getResult(0);
  return node.makeTensor(operand->dtype, operand->shape, copy);
}

static LogicalResult importSplit(Node &node) {
  Tensor input = node.getInput(0);
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", 0), input.getRank());
  if (failed(axis))
    return failure();
  const Extent &whole = input.shape[*axis];
  int64_t count = node.getNumResults();
  SmallVector<Extent> parts;
  bool isGiven = node.hasInput(1);
  if (isGiven) {
    std::optional<ArrayRef<Extent>> values = node.getContents(1);
    if (!values)
      return node.requireKnown(1, "sizes");
    parts.assign(values->begin(), values->end());
  } else if (node.getVersion() < 13) {
    if (std::optional<SmallVector<int64_t>> values = node.getInts("split")) {
      parts.assign(values->begin(), values->end());
      isGiven = true;
    }
  }
  if (isGiven && node.hasAttribute("num_outputs"))
    return node.error("both sizes and attribute 'num_outputs' are given");
  if (int64_t declared = node.getInt("num_outputs", count); declared != count)
    return node.error("num_outputs is " + Twine(declared) +
                      ", but the node has " + Twine(count) + " outputs");
  Symbols &symbols = node.getSymbols();
  if (isGiven) {
    std::string message = "the sizes do not add up to " + node.describe(whole);
    std::optional<Extent> sum = Extent(0);
    for (const Extent &size : parts) {
      if (failed(node.requireNonNegative(
              size, "a size, " + node.describe(size) + ", is negative")))
        return failure();
      sum = sum ? Extent::add(*sum, size) : std::nullopt;
    }
    if (static_cast<int64_t>(parts.size()) != count)
      return node.error("there are " + Twine(parts.size()) + " sizes for " +
                        Twine(count) + " outputs");
    if (!sum)
      return node.error(message);
    if (failed(node.require(whole, *sum, message)))
      return failure();
  } else { // Equal parts; only the last may be smaller.
    std::optional<Extent> rounded = Extent::add(whole, count - 1), rest = whole;
    std::optional<Extent> part =
        rounded ? symbols.floorDiv(node.b, *rounded, count) : std::nullopt;
    for (int64_t i = 0; part && rest && i < count; ++i) {
      std::optional<Extent> size =
          i + 1 < count ? symbols.min(node.b, *rest, *part) : rest;
      if (!size)
        break;
      parts.push_back(*size);
      rest = Extent::sub(*rest, *size);
    }
    if (static_cast<int64_t>(parts.size()) != count)
      return node.error("cannot tell what the parts are; fix dynamic "
                        "dimensions with --dim");
  }
  // Where each part begins.
  SmallVector<Extent> starts = {Extent(0)};
  for (const Extent &size : parts) {
    std::optional<Extent> end = Extent::add(starts.back(), size);
    if (!end)
      return node.error("the extent of a result overflows");
    starts.push_back(*end);
  }
  auto take = [&](const Tensor &source, const Extent &origin, size_t first,
                  size_t last) -> FailureOr<Tensor> {
    std::optional<Extent> start = Extent::sub(starts[first], origin);
    std::optional<Extent> size = Extent::sub(starts[last], starts[first]);
    if (!start || !size)
      return node.error("the extent of a result overflows");
    SmallVector<Span> ranges = getFullRanges(source.shape);
    ranges[*axis] = {*start, *size, 1};
    return emitSlice(node, source, ranges);
  };
  Tensor source = input;
  Extent origin = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts.size() > maxViews && i % maxViews == 0 && !input.contents) {
      size_t last = std::min(i + maxViews, parts.size());
      FailureOr<Tensor> group = emitCopy(node, take(input, Extent(0), i, last));
      if (failed(group))
        return failure();
      source = *group;
      origin = starts[i];
    }
    if (!node.hasResult(i))
      continue;
    FailureOr<Tensor> part = take(source, origin, i, i + 1);
    if (failed(part))
      return failure();
    node.setResult(i, *part);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Slice
//===----------------------------------------------------------------------===//

/// Starts, ends, axes and steps: attributes before opset 10, operands since.
struct SliceOperands {
  Extents starts, ends;
  SmallVector<int64_t> axes, steps;
};

static FailureOr<SliceOperands> getSliceOperands(Node &node) {
  SliceOperands result;
  std::optional<SmallVector<int64_t>> axes;
  if (node.getVersion() < 10) {
    std::optional<SmallVector<int64_t>> starts = node.getInts("starts");
    std::optional<SmallVector<int64_t>> ends = node.getInts("ends");
    if (!starts || !ends)
      return node.error("attributes 'starts' and 'ends' are missing");
    result.starts.assign(starts->begin(), starts->end());
    result.ends.assign(ends->begin(), ends->end());
    axes = node.getInts("axes");
  } else {
    for (unsigned i : {1, 2}) {
      if (!node.hasInput(i))
        return node.error("required input " + Twine(i) + " is missing");
      std::optional<ArrayRef<Extent>> contents = node.getContents(i);
      if (!contents)
        return node.requireKnown(i, "starts and ends");
      (i == 1 ? result.starts : result.ends)
          .assign(contents->begin(), contents->end());
    }
    if (node.hasInput(3)) {
      FailureOr<SmallVector<int64_t>> values = node.getConstants(3, "axes");
      if (failed(values))
        return failure();
      axes = *values;
    }
    if (node.hasInput(4)) {
      FailureOr<SmallVector<int64_t>> values = node.getConstants(4, "steps");
      if (failed(values))
        return failure();
      result.steps = *values;
    }
  }
  size_t count = result.starts.size();
  result.axes = axes ? *axes : llvm::to_vector(llvm::seq<int64_t>(0, count));
  if (result.steps.empty())
    result.steps.assign(count, 1);
  if (result.ends.size() != count || result.axes.size() != count ||
      result.steps.size() != count)
    return node.error("starts, ends, axes and steps differ in number");
  return result;
}

// Exporters write "to the end" as one of these.
static bool isHuge(const Extent &extent) {
  std::optional<int64_t> value = extent.getConstant();
  return value && *value >= std::numeric_limits<int32_t>::max();
}
static bool isHugeNegative(const Extent &extent) {
  std::optional<int64_t> value = extent.getConstant();
  return value && *value <= -std::numeric_limits<int32_t>::max();
}

/// A bound of a slice of positions [0, extent), counted from the end if it is
/// negative; then plus `offset`, which is 0 or 1, and clamped to [0, extent].
/// So that nothing is negative, slices that go back are given by what comes
/// next after their bounds: offset 1.
static std::optional<Extent> clampBound(Node &node, const Extent &bound,
                                        const Extent &extent, int64_t offset) {
  B &b = node.b;
  Symbols &symbols = node.getSymbols();
  if (isHuge(bound))
    return extent;
  if (isHugeNegative(bound))
    return Extent(0);
  std::optional<Extent> next = Extent::add(bound, offset);
  std::optional<Extent> wrapped =
      next ? Extent::add(*next, extent) : std::nullopt;
  if (!wrapped)
    return std::nullopt;
  if (symbols.isNonNegative(bound))
    return symbols.min(b, *next, extent);
  if (symbols.getRange(bound).max < 0)
    return symbols.max(b, *wrapped, 0);
  // Such as seq - 1 of seq, meant to be in bounds, and the start where it is
  // not: extent - rest is negative only where extent is less than rest, and
  // 2 * extent - rest is not positive there for a rest of at most 2.
  if (std::optional<Extent> rest = Extent::sub(extent, *next))
    if (std::optional<int64_t> value = rest->getConstant();
        value && *value >= 0 && *value + 2 * offset <= 2)
      return symbols.saturatingSub(b, extent, *value);
  Symbols::Range range{0, symbols.getRange(extent).max};
  return symbols.compute(
      "bound", {*next, extent, offset}, range,
      [&]() -> Value {
        Value zero = symbols.getValue(b, Extent(0));
        Value size = symbols.getValue(b, extent);
        Value isNegative = arith::CmpIOp::create(
            b, arith::CmpIPredicate::slt, symbols.getValue(b, bound), zero);
        Value position = arith::SelectOp::create(b, isNegative,
                                                 symbols.getValue(b, *wrapped),
                                                 symbols.getValue(b, *next));
        Value low = arith::MaxSIOp::create(b, position, zero);
        return arith::MinSIOp::create(b, low, size);
      },
      {extent});
}

static std::optional<Span> getRange(Node &node, const Extent &start,
                                    const Extent &end, int64_t step,
                                    const Extent &extent) {
  B &b = node.b;
  Symbols &symbols = node.getSymbols();
  bool goesBack = step < 0;
  std::optional<Extent> first = clampBound(node, start, extent, goesBack);
  std::optional<Extent> last = clampBound(node, end, extent, goesBack);
  // The start is never before the first element, if there is one.
  if (first && goesBack)
    first = symbols.max(b, *first, 1);
  if (first && goesBack)
    first = symbols.min(b, *first, extent);
  if (!first || !last)
    return std::nullopt;
  std::optional<Extent> size = goesBack
                                   ? symbols.saturatingSub(b, *first, *last)
                                   : symbols.saturatingSub(b, *last, *first);
  if (!size)
    return std::nullopt;
  // Such a step leaves one element of a slice of any size.
  constexpr int64_t greatest = int64_t(1) << 40;
  if (step < -greatest || step > greatest || symbols.getRange(*size).max <= 1) {
    size = symbols.min(b, *size, 1);
    step = goesBack ? -1 : 1;
  } else if (int64_t stride = goesBack ? -step : step; stride != 1) {
    size = Extent::add(*size, stride - 1);
    size = size ? symbols.floorDiv(b, *size, stride) : std::nullopt;
  }
  std::optional<Extent> position = Extent::sub(*first, goesBack);
  if (!size || !position)
    return std::nullopt;
  if (size->isConstant(0) || (size->isConstant(1) && goesBack))
    step = 1;
  return Span{size->isConstant(0) ? Extent(0) : *position, *size, step};
}

static LogicalResult importSlice(Node &node) {
  Tensor input = node.getInput(0);
  FailureOr<SliceOperands> operands = getSliceOperands(node);
  if (failed(operands))
    return failure();
  SmallVector<Span> ranges = getFullRanges(input.shape);
  llvm::SmallDenseSet<int64_t> seen;
  for (size_t i = 0; i < operands->axes.size(); ++i) {
    FailureOr<int64_t> axis =
        node.normalizeAxis(operands->axes[i], input.getRank());
    if (failed(axis))
      return failure();
    if (!seen.insert(*axis).second)
      return node.error("axis " + Twine(*axis) + " stands twice");
    if (operands->steps[i] == 0)
      return node.error("a step is 0");
    std::optional<Span> range =
        getRange(node, operands->starts[i], operands->ends[i],
                 operands->steps[i], input.shape[*axis]);
    if (!range)
      return node.error("cannot tell what the slice of axis " + Twine(*axis) +
                        " is; fix dynamic dimensions with --dim");
    ranges[*axis] = *range;
  }
  return node.setResult(emitSlice(node, input, ranges));
}

//===----------------------------------------------------------------------===//
// Gather
//===----------------------------------------------------------------------===//

/// Elements of a shape, picked by known indices.
static std::optional<Tensor> foldGather(Node &node, const Tensor &data,
                                        const Tensor &indices, int64_t axis,
                                        ArrayRef<Extent> shape) {
  if (!data.contents || !indices.contents)
    return std::nullopt;
  int64_t count = *data.shape[axis].getConstant();
  for (const Extent &extent : *indices.contents) {
    std::optional<int64_t> index = extent.getConstant();
    if (!index || *index < -count || *index >= count)
      return std::nullopt;
  }
  return node.pickElements(
      data, shape, [&](SmallVectorImpl<int64_t> &position) {
        int64_t at = 0;
        for (auto [i, extent] : llvm::enumerate(indices.shape))
          at = at * *extent.getConstant() + position[axis + i];
        int64_t index = *(*indices.contents)[at].getConstant();
        auto *first = position.begin() + axis;
        position.erase(first, first + indices.getRank());
        position.insert(position.begin() + axis,
                        index < 0 ? index + count : index);
      });
}

static LogicalResult importGather(Node &node) {
  Tensor data = node.getInput(0), indices = node.getInput(1);
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", 0), data.getRank());
  if (failed(axis))
    return failure();
  if (indices.dtype != DType::I64 && indices.dtype != DType::I32)
    return node.error("indices must be i32 or i64");
  const Extent &extent = data.shape[*axis];
  Extents shape(ArrayRef(data.shape).take_front(*axis));
  shape.append(indices.shape.begin(), indices.shape.end());
  shape.append(data.shape.begin() + *axis + 1, data.shape.end());
  if (std::optional<Tensor> folded =
          foldGather(node, data, indices, *axis, shape)) {
    node.setResult(0, *folded);
    return success();
  }
  if (failed(requireIndices(node, indices, extent)))
    return failure();

  // One known index: a slice.
  if (indices.contents && indices.contents->size() == 1 &&
      indices.contents->front().getConstant() && extent.getConstant()) {
    int64_t index = *indices.contents->front().getConstant();
    SmallVector<Span> ranges = getFullRanges(data.shape);
    ranges[*axis] = {index < 0 ? index + *extent.getConstant() : index, 1, 1};
    FailureOr<Tensor> slice = emitSlice(node, data, ranges);
    if (failed(slice))
      return failure();
    return node.setResult(node.emitReshape(*slice, shape));
  }
  if (extent.isConstant(0))
    return node.error("cannot gather from a dimension of extent 0");
  // The indices, spread over the result's dimensions; the data are read where
  // they say.
  SmallVector<int64_t> trailing;
  for (int64_t i = *axis + 1; i < data.getRank(); ++i)
    trailing.push_back(indices.getRank() + i - *axis - 1);
  FailureOr<Tensor> spread = node.emitUnsqueeze(indices, trailing);
  if (failed(spread))
    return failure();
  Value source = node.getValue(data);
  Value size = node.getSymbols().getValue(node.b, extent);
  return node.setResult(node.emitMap(
      {*spread}, shape, data.dtype, [&](B &b, ValueRange args) -> Value {
        SmallVector<Value> position;
        for (int64_t i = 0; i < data.getRank(); ++i) {
          if (i == *axis)
            position.push_back(emitSafeIndex(b, args[0], size));
          else
            position.push_back(linalg::IndexOp::create(
                b, i < *axis ? i : i + indices.getRank() - 1));
        }
        return tensor::ExtractOp::create(b, source, position);
      }));
}

void tern::onnx_import::addSlicingOps(OpTable &ops) {
  ops.onOp("Concat", 1, {1, Inputs::any}, importConcat);
  ops.onOp("Split", 2, {1, 2}, importSplit);
  ops.onOp("Slice", 1, {1, 5}, importSlice);
  ops.onOp("Gather", 1, 2, importGather);
}
