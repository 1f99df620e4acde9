//===- MaskFinder.cpp - Find constants that are masks ---------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ParameterUses.h"
#include "TernaryFacts.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Endian.h"
#include <algorithm>
#include <cmath>
#include <limits>
#include <type_traits>

using namespace tern::onnx_import;

/// What is this low before a softmax is no score: its exponential is 0 beside
/// any that was computed.
constexpr double lowScore = -1e4;
/// No trained number is this low, wherever it is added: in f32 a step would not
/// change it.
constexpr double lowNumber = -1e8;
/// Constants are computed from few others.
constexpr unsigned maxDepth = 64;

const llvm::StringMap<std::string> &MaskFinder::find() {
  if (isDone)
    return masks;
  isDone = true;
  findScores();
  for (const GraphNode *node : graph.getNodes()) {
    llvm::StringRef op = node->proto->op_type();
    bool isScore = scores.contains(graph.getOutput(*node));
    double limit = isScore ? lowScore : lowNumber;
    std::string reason = "mask of " + describe(*node);
    auto add = [&](int input, bool isNegated) {
      seen.clear();
      collect(graph.getInput(*node, input), isNegated, limit, reason);
    };
    int numInputs = node->proto->input_size();
    if (op == "Add" || op == "Sum" || op == "Min" || op == "Max")
      for (int i = 0; i < numInputs; ++i)
        add(i, false);
    else if (op == "Sub")
      add(0, false), add(1, true);
    else if (op == "Where")
      add(1, false), add(2, false);
    else if (op == "Attention" || op == "MultiHeadAttention")
      for (int i = 3; i < numInputs; ++i) {
        seen.clear();
        collect(graph.getInput(*node, i), false, lowScore, reason);
      }
    else if ((op == "Mul" || op == "Div") && isScore)
      for (int i = 0; i < numInputs; ++i)
        for (bool isNegated : {false, true})
          add(i, isNegated);
  }
  return masks;
}

/// Goes back from what softmaxes read.
void MaskFinder::findScores() {
  std::vector<const Value *> worklist;
  auto push = [&](const GraphNode &node, int input) {
    const Value *value = graph.getInput(node, input);
    if (value && scores.insert(value).second)
      worklist.push_back(value);
  };
  for (const GraphNode *node : graph.getNodes())
    if (llvm::StringSwitch<bool>(node->proto->op_type())
            .Cases({"Softmax", "LogSoftmax", "Hardmax"}, true)
            .Cases({"SoftmaxCrossEntropyLoss", "ReduceLogSumExp"}, true)
            .Cases({"Exp", "Sigmoid"}, true)
            .Default(false))
      push(*node, 0);
  while (!worklist.empty()) {
    const GraphNode *node = worklist.back()->producer;
    worklist.pop_back();
    if (!node)
      continue;
    llvm::StringRef op = node->proto->op_type();
    bool isElementwise = llvm::StringSwitch<bool>(op)
                             .Cases({"Add", "Sum", "Sub", "Mul", "Div"}, true)
                             .Cases({"Min", "Max", "Clip"}, true)
                             .Default(false);
    for (int i = 0, e = node->proto->input_size(); i < e; ++i)
      if (isElementwise || (op == "Where" && i > 0) || isView(*node, i))
        push(*node, i);
  }
}

/// Where the least and the greatest of floats stand; nothing if all are NaNs.
/// Bits of floats, as integers with their sign, are ordered like the floats.
template <typename Bits>
static std::optional<std::pair<int64_t, int64_t>>
findEnds(const TensorData &data, Bits infinity) {
  using Key = std::make_signed_t<Bits>;
  constexpr Bits magnitude = static_cast<Bits>(~Bits(0)) >> 1;
  std::optional<std::pair<int64_t, int64_t>> ends;
  Key low = 0, high = 0;
  for (int64_t i = 0; i < data.numElements; ++i) {
    Bits bits = llvm::support::endian::read<Bits, llvm::endianness::little>(
        data.bytes.data() + i * sizeof(Bits));
    Bits absolute = bits & magnitude;
    if (absolute > infinity)
      continue;
    auto key = static_cast<Key>(bits == absolute ? absolute : -absolute);
    if (!ends || key < low) {
      low = key;
      ends = {i, ends ? ends->second : i};
    }
    if (ends->second == i || key > high) {
      high = key;
      ends->second = i;
    }
  }
  return ends;
}

static std::optional<std::pair<int64_t, int64_t>>
findEnds(const TensorData &data) {
  if (isFloat(data.dtype))
    return tern::runtime::withInfinity(
        getElementType(data.dtype).dtype,
        [&](auto infinity) { return findEnds(data, infinity); });
  std::pair<int64_t, int64_t> ends;
  for (int64_t i = 0; i < data.numElements; ++i) {
    double value = readElement(data, i);
    if (value < readElement(data, ends.first))
      ends.first = i;
    if (value > readElement(data, ends.second))
      ends.second = i;
  }
  return ends;
}

std::optional<MaskFinder::Range>
MaskFinder::getRange(const onnx::TensorProto &proto) {
  auto [it, isNew] = ranges.try_emplace(&proto);
  if (!isNew)
    return it->second;
  llvm::Expected<TensorData> data = file.getData(proto);
  if (!data) {
    llvm::consumeError(data.takeError()); // Who uses it reports it.
    return std::nullopt;
  }
  if (data->numElements == 0 || isNarrowFloat(data->dtype))
    return std::nullopt;
  std::optional<std::pair<int64_t, int64_t>> ends = findEnds(*data);
  if (!ends)
    return std::nullopt;
  Range range = {readElement(*data, ends->first),
                 readElement(*data, ends->second)};
  ranges[&proto] = range;
  return range;
}

std::optional<MaskFinder::Range> MaskFinder::getRange(const Value *value,
                                                      unsigned depth) {
  if (!value || depth > maxDepth)
    return std::nullopt;
  if (value->data)
    return getRange(*value->data);
  if (!value->producer)
    return std::nullopt;
  auto [it, isNew] = computed.try_emplace(value);
  if (!isNew)
    return it->second;
  std::optional<Range> range = computeRange(*value->producer, depth + 1);
  computed[value] = range;
  return range;
}

/// A range that holds what the node makes, whatever the inputs of the graph
/// are; nothing if there is none that is worth knowing.
std::optional<MaskFinder::Range> MaskFinder::computeRange(const GraphNode &node,
                                                          unsigned depth) {
  llvm::StringRef op = node.proto->op_type();
  auto make = [](std::initializer_list<double> ends) -> Range {
    // 0 * inf: the other ends tell.
    Range range = {std::numeric_limits<double>::infinity(),
                   -std::numeric_limits<double>::infinity()};
    for (double end : ends) {
      range.low = std::min(range.low, std::isnan(end) ? 0 : end);
      range.high = std::max(range.high, std::isnan(end) ? 0 : end);
    }
    return range;
  };
  if (op == "ConstantOfShape") {
    const onnx::AttributeProto *value = findAttribute(node, "value");
    return value ? getRange(value->t()) : Range{0, 0};
  }
  bool isBool = llvm::StringSwitch<bool>(op)
                    .Cases({"Equal", "Less", "LessOrEqual"}, true)
                    .Cases({"Greater", "GreaterOrEqual"}, true)
                    .Cases({"Not", "And", "Or", "Xor"}, true)
                    .Cases({"IsNaN", "IsInf"}, true)
                    .Default(false);
  const onnx::AttributeProto *to =
      op == "Cast" ? findAttribute(node, "to") : nullptr;
  if (isBool || (to && to->i() == static_cast<int>(DType::Bool)))
    return Range{0, 1};

  llvm::SmallVector<Range> operands;
  for (int i = 0, e = node.proto->input_size(); i < e; ++i) {
    bool isOperand = op == "Where" ? i > 0
                     : op == "Add" || op == "Sum" || op == "Sub" ||
                             op == "Mul" || op == "Div" || op == "Neg" ||
                             op == "Min" || op == "Max"
                         ? true
                         : isView(node, i);
    if (!isOperand || node.proto->input(i).empty())
      continue;
    std::optional<Range> range = getRange(graph.getInput(node, i), depth);
    if (!range)
      return std::nullopt;
    operands.push_back(*range);
  }
  if (operands.empty())
    return std::nullopt;
  Range result = operands.front();
  if (op == "Neg")
    return Range{-result.high, -result.low};
  if (op == "Trilu" || op == "Pad")
    result = make({result.low, result.high, 0});
  for (const Range &next : llvm::ArrayRef(operands).drop_front()) {
    if (op == "Add" || op == "Sum")
      result = make({result.low + next.low, result.high + next.high});
    else if (op == "Sub")
      result = make({result.low - next.high, result.high - next.low});
    else if (op == "Mul")
      result = make({result.low * next.low, result.low * next.high,
                     result.high * next.low, result.high * next.high});
    else if (op == "Div" && (next.low > 0 || next.high < 0))
      result = make({result.low / next.low, result.low / next.high,
                     result.high / next.low, result.high / next.high});
    else if (op == "Div")
      return std::nullopt;
    else
      result = make({result.low, result.high, next.low, next.high});
  }
  return result;
}

bool MaskFinder::isLow(const Value *value, bool isNegated, double limit) {
  std::optional<Range> range = getRange(value);
  return range && (isNegated ? -range->high : range->low) <= limit;
}

/// Notes the initializers that make elements of a constant this low. A trained
/// bias that is added to a mask is none.
void MaskFinder::collect(const Value *value, bool isNegated, double limit,
                         const std::string &reason, unsigned depth) {
  if (!value || depth > maxDepth ||
      !seen.insert({value, isNegated ? 1 : 0}).second ||
      !isLow(value, isNegated, limit))
    return;
  const GraphNode *node = value->producer;
  if (value->data || !node)
    return collectAll(value, reason);
  llvm::StringRef op = node->proto->op_type();
  bool isProduct = op == "Mul" || op == "Div";
  if (isProduct)
    return collectAll(value, reason);
  for (int i = 0, e = node->proto->input_size(); i < e; ++i)
    if (!(op == "Where" && i == 0))
      collect(graph.getInput(*node, i),
              isNegated != (op == "Neg" || (op == "Sub" && i == 1)), limit,
              reason, depth + 1);
}

void MaskFinder::collectAll(const Value *value, const std::string &reason,
                            unsigned depth) {
  if (!value || depth > maxDepth || !seen.insert({value, 2}).second)
    return;
  if (value->data) {
    masks.try_emplace(value->name, reason);
    return;
  }
  const GraphNode *node = value->producer;
  for (int i = 0, e = node ? node->proto->input_size() : 0; i < e; ++i)
    collectAll(graph.getInput(*node, i), reason, depth + 1);
}
