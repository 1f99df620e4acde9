//===- ParameterUses.cpp - Which initializers training may change ---------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ParameterUses.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSwitch.h"

using namespace tern;
using namespace tern::onnx_import;

//===----------------------------------------------------------------------===//
// The graph
//===----------------------------------------------------------------------===//

ValueGraph::ValueGraph(const onnx::GraphProto &graph,
                       llvm::ArrayRef<GraphNode> all,
                       llvm::ArrayRef<int> order) {
  auto get = [&](const std::string &name) -> Value & {
    auto it = values.try_emplace(name).first;
    it->second.name = it->getKey();
    return it->second;
  };
  for (const onnx::TensorProto &initializer : graph.initializer())
    get(initializer.name()).data = &initializer;
  for (int index : order) {
    const GraphNode &node = all[index];
    nodes.push_back(&node);
    for (int i = 0, e = node.proto->input_size(); i < e; ++i)
      if (!node.proto->input(i).empty())
        get(node.proto->input(i)).readers.push_back({&node, i});
    for (const std::string &output : node.proto->output())
      if (!output.empty())
        get(output).producer = &node;
    if (node.proto->op_type() != "Constant" || node.proto->output_size() != 1)
      continue;
    for (const onnx::AttributeProto &attribute : node.proto->attribute()) {
      onnx::TensorProto made;
      const onnx::TensorProto *tensor = getConstantTensor(attribute, made);
      if (tensor == &made)
        tensor = &storage.emplace_back(std::move(made));
      get(node.proto->output(0)).data = tensor;
    }
  }
}

const ValueGraph::Value *ValueGraph::lookup(llvm::StringRef name) const {
  auto it = values.find(name);
  return it == values.end() ? nullptr : &it->second;
}

const ValueGraph::Value *ValueGraph::getInput(const GraphNode &node,
                                              int input) const {
  return input < node.proto->input_size() ? lookup(node.proto->input(input))
                                          : nullptr;
}

const ValueGraph::Value *ValueGraph::getOutput(const GraphNode &node,
                                               int output) const {
  return output < node.proto->output_size() ? lookup(node.proto->output(output))
                                            : nullptr;
}

std::string tern::onnx_import::describe(const GraphNode &node) {
  return quote(node.name) + " (" +
         llvm::StringRef(quote(node.proto->op_type())).trim('\'').str() + ")";
}

const onnx::AttributeProto *
tern::onnx_import::findAttribute(const GraphNode &node, llvm::StringRef name) {
  for (const onnx::AttributeProto &attribute : node.proto->attribute())
    if (attribute.name() == name)
      return &attribute;
  return nullptr;
}

/// The type that a Cast makes, or nothing.
static std::optional<DType> getCastType(const GraphNode &node) {
  if (node.proto->op_type() != "Cast")
    return std::nullopt;
  const onnx::AttributeProto *to = findAttribute(node, "to");
  return to ? getDType(static_cast<int>(to->i())) : std::nullopt;
}

bool tern::onnx_import::isView(const GraphNode &node, int input) {
  llvm::StringRef op = node.proto->op_type();
  if (op == "Concat")
    return true;
  // What the branches make; the first input says which is taken.
  if (op == "If")
    return input > 0;
  if (std::optional<DType> to = getCastType(node))
    return isFloat(*to) || isNarrowFloat(*to);
  return input == 0 &&
         llvm::StringSwitch<bool>(op)
             .Cases({"Identity", "CastLike", "Dropout"}, true)
             .Cases({"Reshape", "Flatten", "Squeeze", "Unsqueeze"}, true)
             .Cases({"Transpose", "DepthToSpace", "SpaceToDepth"}, true)
             .Cases({"Expand", "Tile", "Pad", "Trilu"}, true)
             .Cases({"Slice", "Split", "Compress", "ReverseSequence"}, true)
             .Cases({"Gather", "GatherND", "GatherElements"}, true)
             .Default(false);
}

//===----------------------------------------------------------------------===//
// What operators take
//===----------------------------------------------------------------------===//

namespace {
/// What an input of an operator is, as the standard names it.
struct Slot {
  /// One operator or more, with spaces between them.
  llvm::StringLiteral ops;
  int input;
  ParamUse::Kind kind;
  llvm::StringLiteral what;
};
} // namespace

static constexpr ParamUse::Kind learned = ParamUse::Kind::Learned;
static constexpr ParamUse::Kind optional = ParamUse::Kind::Optional;
static constexpr ParamUse::Kind constant = ParamUse::Kind::Constant;

static constexpr Slot slots[] = {
    {"PRelu", 1, learned, "slope"},
    {"Gemm MatMul FusedMatMul", 0, learned, "weight"},
    {"Gemm MatMul FusedGemm FusedMatMul", 1, learned, "weight"},
    {"Gemm FusedGemm", 2, learned, "bias"},
    {"Conv ConvTranspose DeformConv FusedConv", 1, learned, "weight"},
    {"Conv ConvTranspose FusedConv", 2, learned, "bias"},
    {"DeformConv", 3, learned, "bias"},
    {"BatchNormalization InstanceNormalization GroupNormalization "
     "LayerNormalization RMSNormalization SimplifiedLayerNormalization",
     1, learned, "scale"},
    {"BatchNormalization InstanceNormalization GroupNormalization "
     "LayerNormalization",
     2, learned, "bias"},
    {"SkipLayerNormalization SkipSimplifiedLayerNormalization", 2, learned,
     "scale"},
    {"SkipLayerNormalization SkipSimplifiedLayerNormalization", 3, learned,
     "bias"},
    {"SkipLayerNormalization", 4, learned, "bias"},
    {"RNN GRU LSTM", 1, learned, "weight"},
    {"RNN GRU LSTM", 2, learned, "weight"},
    {"RNN GRU LSTM DynamicQuantizeLSTM", 3, learned, "bias"},
    {"LSTM DynamicQuantizeLSTM", 7, learned, "peephole weight"},
    {"MatMulNBits", 5, learned, "bias"},
    {"BiasGelu FastGelu", 1, learned, "bias"},
    {"EmbedLayerNormalization", 5, learned, "scale"},
    {"EmbedLayerNormalization", 6, learned, "bias"},

    {"Pow", 1, constant, "exponent"},
    {"Clip", 1, constant, "lower bound"},
    {"Clip", 2, constant, "upper bound"},
    {"Min Max", -1, optional, "bound"},
    {"QuantizeLinear DequantizeLinear", 1, constant, "scale"},
    {"QuantizeLinear DequantizeLinear", 2, constant, "zero point"},
    {"MatMulNBits", 2, constant, "scale"},
    {"MatMulNBits", 3, constant, "zero point"},
    {"QGemm", -1, constant, "scale"},
    {"DynamicQuantizeMatMul MatMulIntegerToFloat", 2, constant, "scale"},
    {"MatMulIntegerToFloat", 3, constant, "scale"},
    {"DynamicQuantizeLSTM", 8, constant, "scale"},
    {"DynamicQuantizeLSTM", 10, constant, "scale"},
    {"Dropout", 1, constant, "ratio"},
    {"OneHot", 2, constant, "values"},
    {"Pad", 2, constant, "padding"},
    {"Range", -1, constant, "limits"},
    {"Resize", 1, constant, "region"},
    {"Resize", 2, constant, "scales"},
    {"Upsample", 1, constant, "scales"},
    {"STFT", 2, constant, "window"},
    {"NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss", 2, constant,
     "weights of classes"},
    {"RotaryEmbedding", 1, optional, "table of angles"},
    {"RotaryEmbedding", 2, optional, "table of angles"},
    {"RotaryEmbedding", 3, optional, "table of angles"},
};

static const Slot *findSlot(const ValueGraph::Reader &reader) {
  static constexpr Slot quantized = {"QLinear", -1, constant, "scale"};
  llvm::StringRef op = reader.node->proto->op_type();
  for (const Slot &slot : slots)
    if ((slot.input < 0 || slot.input == reader.input) && isAmong(op, slot.ops))
      return &slot;
  // Of QLinearConv, QLinearMatMul, ... all float inputs are scales.
  return op.starts_with("QLinear") ? &quantized : nullptr;
}

/// Makes a truth value of floats. No gradient goes through it.
static bool isTest(const GraphNode &node) {
  return getCastType(node) == DType::Bool ||
         llvm::StringSwitch<bool>(node.proto->op_type())
             .Cases({"Equal", "Less", "LessOrEqual"}, true)
             .Cases({"Greater", "GreaterOrEqual"}, true)
             .Cases({"IsNaN", "IsInf"}, true)
             .Default(false);
}

/// Whether truth values that the node makes are the condition of a Where.
bool ParameterUses::selects(const GraphNode &node) {
  llvm::SmallVector<const Value *> worklist = {graph.getOutput(node)};
  llvm::SmallPtrSet<const Value *, 8> seen;
  while (!worklist.empty()) {
    const Value *value = worklist.pop_back_val();
    if (!value || !seen.insert(value).second)
      continue;
    for (const ValueGraph::Reader &reader : value->readers) {
      llvm::StringRef op = reader.node->proto->op_type();
      if ((op == "Where" || op == "If") && reader.input == 0)
        return true;
      if (isView(*reader.node, reader.input) || op == "Not" || op == "And" ||
          op == "Or" || op == "Xor")
        worklist.push_back(graph.getOutput(*reader.node));
    }
  }
  return false;
}

//===----------------------------------------------------------------------===//
// What several nodes are together
//===----------------------------------------------------------------------===//

/// A constant of one element that is added to the product with a matrix of one
/// column is the bias of that layer.
bool ParameterUses::isMatmulBias(const ValueGraph::Reader &reader) {
  if (reader.node->proto->op_type() != "Add")
    return false;
  const Value *product = graph.getInput(*reader.node, 1 - reader.input);
  const GraphNode *matmul = product ? product->producer : nullptr;
  if (!matmul || matmul->proto->op_type() != "MatMul")
    return false;
  const Value *weight = graph.getInput(*matmul, 1);
  bool isTransposed = false;
  while (weight && !weight->data && weight->producer &&
         isView(*weight->producer, 0)) {
    isTransposed ^= weight->producer->proto->op_type() == "Transpose";
    weight = graph.getInput(*weight->producer, 0);
  }
  if (!weight || !weight->data)
    return false;
  const auto &dims = weight->data->dims();
  return dims.size() == 2 && dims.Get(isTransposed ? 0 : 1) == 1;
}

/// Something small and positive that keeps what is divided by, or has its root
/// or logarithm taken, from zero.
bool ParameterUses::isEpsilon(const ValueGraph::Reader &reader,
                              const Value &parameter) {
  llvm::StringRef op = reader.node->proto->op_type();
  if (op != "Add" && op != "Sum" && op != "Max")
    return false;
  llvm::SmallVector<const Value *> worklist = {graph.getOutput(*reader.node)};
  llvm::SmallPtrSet<const Value *, 8> seen;
  while (!worklist.empty()) {
    const Value *value = worklist.pop_back_val();
    if (!value || !seen.insert(value).second)
      continue;
    for (const ValueGraph::Reader &next : value->readers) {
      llvm::StringRef op = next.node->proto->op_type();
      if (op == "Sqrt" || op == "Reciprocal" || op == "Log" ||
          (op == "Pow" && next.input == 0) ||
          (op == "Div" && next.input == 1)) {
        auto range = masks.getRange(*parameter.data);
        return range && range->low > 0 && range->high <= 1e-3;
      }
      if (isView(*next.node, next.input))
        worklist.push_back(graph.getOutput(*next.node));
    }
  }
  return false;
}

/// Scales of quantizers that consist of several nodes: codes as floats, or
/// products with them, times a constant.
void ParameterUses::findScales() {
  hasScales = true;
  llvm::DenseSet<const Value *> codes, factors;
  auto isCode = [&](const Value *value) {
    if (!value)
      return false;
    if (!value->data || !value->data->has_data_type())
      return codes.contains(value);
    std::optional<DType> type = getDType(value->data->data_type());
    return type == DType::I8 || type == DType::U8 || type == DType::I4 ||
           type == DType::U4 || type == DType::I2 || type == DType::U2;
  };
  for (const GraphNode *node : graph.getNodes()) {
    llvm::StringRef op = node->proto->op_type();
    const Value *x = graph.getInput(*node, 0), *y = graph.getInput(*node, 1);
    const Value *result = graph.getOutput(*node);
    if (!result)
      continue;
    auto note = [&](const Value *value, llvm::StringRef what) {
      while (value && !value->data && value->producer &&
             isView(*value->producer, 0))
        value = graph.getInput(*value->producer, 0);
      if (value && value->data)
        scales.try_emplace(value->name,
                           (what + " of " + describe(*node)).str());
    };
    bool isProduct = op == "Mul" || op == "Div";
    if (op == "QuantizeLinear" || op == "DynamicQuantizeLinear" ||
        op == "MatMulInteger" || op == "ConvInteger" ||
        op.starts_with("QLinear")) {
      codes.insert(result);
      if (const Value *scale = op == "DynamicQuantizeLinear"
                                   ? graph.getOutput(*node, 1)
                                   : nullptr)
        factors.insert(scale);
    } else if (op == "MatMul" || op == "Gemm" || op == "Conv") {
      if (isCode(y))
        codes.insert(result);
    } else if (op == "Cast" || isView(*node, 0)) {
      if (isCode(x))
        codes.insert(result);
      if (factors.contains(x))
        factors.insert(result);
    } else if (op == "Sub" && isCode(x)) {
      note(y, "zero point");
      codes.insert(result);
    } else if (isProduct) {
      for (auto [one, other] : {std::pair(x, y), std::pair(y, x)}) {
        if (isCode(one) && !isCode(other))
          note(other, "scale");
        if (!factors.contains(one))
          continue;
        note(other, "scale");
        factors.insert(result);
      }
    }
  }
}

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

/// What reads a parameter makes it, by kind; empty: nothing does.
struct ParameterUses::Found {
  std::string constant, optional, learned, ordinary, test;
};

ParameterUses::ParameterUses(ModelFile &file, llvm::ArrayRef<GraphNode> nodes,
                             llvm::ArrayRef<int> order)
    : graph(file.getModel().graph(), nodes, order), masks(file, graph) {}

void ParameterUses::addReader(const ValueGraph::Reader &reader,
                              const Value &parameter, Found &found) {
  std::string at = describe(*reader.node);
  auto note = [](std::string &text, std::string what) {
    if (text.empty())
      text = std::move(what);
  };
  if (isEpsilon(reader, parameter))
    return note(found.constant, "epsilon of " + at);
  if (const Slot *slot = findSlot(reader)) {
    std::string what = slot->what.str() + " of " + at;
    return note(slot->kind == constant   ? found.constant
                : slot->kind == optional ? found.optional
                                         : found.learned,
                std::move(what));
  }
  if (isTest(*reader.node) && selects(*reader.node))
    return note(found.test, "mask by " + at);
  if (isMatmulBias(reader))
    return note(found.learned, "bias of " + at);
  note(found.ordinary, "operand of " + at);
}

std::optional<ParamUse> ParameterUses::find(llvm::StringRef name) {
  const Value *parameter = graph.lookup(name);
  if (!parameter || !parameter->data)
    return std::nullopt;
  llvm::Expected<TensorHeader> header = ModelFile::getHeader(*parameter->data);
  if (!header) {
    llvm::consumeError(header.takeError()); // Who reads it reports it.
    return std::nullopt;
  }
  if (!hasScales)
    findScales();
  if (auto mask = masks.find().find(name); mask != masks.find().end())
    return ParamUse{constant, mask->second};
  if (auto scale = scales.find(name); scale != scales.end())
    return ParamUse{constant, scale->second};

  Found found;
  llvm::SmallVector<const Value *> worklist = {parameter};
  llvm::SmallPtrSet<const Value *, 8> seen;
  while (!worklist.empty()) {
    const Value *value = worklist.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    for (const ValueGraph::Reader &reader : value->readers) {
      llvm::StringRef op = reader.node->proto->op_type();
      bool isQuantizer = op == "QuantizeLinear" || op == "DequantizeLinear";
      if (!isView(*reader.node, reader.input) &&
          !(isQuantizer && reader.input == 0)) {
        addReader(reader, *parameter, found);
        continue;
      }
      for (const std::string &output : reader.node->proto->output())
        if (const Value *moved = graph.lookup(output))
          worklist.push_back(moved);
    }
  }
  if (!found.constant.empty())
    return ParamUse{constant, found.constant};
  bool isTrained = !found.learned.empty() || !found.ordinary.empty();
  if (!found.test.empty() && !isTrained && found.optional.empty())
    return ParamUse{constant, found.test};
  if (header->numElements != 1) {
    if (!found.optional.empty() && !isTrained)
      return ParamUse{optional, found.optional};
    return std::nullopt;
  }
  std::string other = found.ordinary.empty() ? found.optional : found.ordinary;
  if (found.learned.empty())
    return ParamUse{optional, "one element, " + other};
  // To train what is a constant elsewhere would change that.
  if (!other.empty())
    return ParamUse{optional,
                    "one element, " + found.learned + " and " + other};
  return ParamUse{learned, found.learned};
}
