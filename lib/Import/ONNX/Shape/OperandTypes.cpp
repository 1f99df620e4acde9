//===- OperandTypes.cpp - Check types of shape operands -------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The element types that the standard's schemas allow operands which are not
// the data, all versions taken together, and the ranks that the operators'
// texts give them. Rules may rely on both, and read what they do not check.
//
//===----------------------------------------------------------------------===//

#include "OperandTypes.h"
#include "../Ops/Node.h"

using namespace mlir;
using namespace tern::onnx_import;

namespace {
enum class Kind { I64, I32, I32OrI64, Bool, F32, Float, Number };
enum class Form { Any, Scalar, Vector };

struct Operand {
  /// One operator or more, with spaces between them.
  const char *ops;
  unsigned input;
  /// The opset from which on, and up to which, it is that.
  int64_t since;
  const char *name;
  Kind kind;
  Form form = Form::Any;
  int64_t until = newestOpset;
};
} // namespace

static const Operand operands[] = {
    {"ArrayFeatureExtractor", 1, 1, "the indices", Kind::I64},
    {"Attention", 6, 23, "the number of keys", Kind::I64, Form::Vector},
    {"ConstantOfShape", 0, 9, "the shape", Kind::I64, Form::Vector},
    {"CumProd", 1, 1, "the axis", Kind::I32OrI64},
    {"CumSum", 1, 11, "the axis", Kind::I32OrI64},
    {"Dropout", 1, 12, "ratio", Kind::Float, Form::Scalar},
    {"Dropout", 2, 12, "training_mode", Kind::Bool, Form::Scalar},
    {"Expand", 1, 8, "the new shape", Kind::I64, Form::Vector},
    {"Gather", 1, 1, "the indices", Kind::I32OrI64},
    {"GatherElements ScatterElements", 1, 11, "the indices", Kind::I32OrI64},
    {"GatherND ScatterND", 1, 11, "the indices", Kind::I64},
    {"GRU LSTM RNN", 4, 1, "sequence_lens", Kind::I32, Form::Vector},
    {"NegativeLogLikelihoodLoss SoftmaxCrossEntropyLoss", 1, 12, "labels",
     Kind::I32OrI64},
    {"OneHot", 0, 9, "the indices", Kind::Number},
    {"OneHot", 1, 9, "the depth", Kind::Number},
    {"Pad", 1, 11, "pads", Kind::I64, Form::Vector},
    {"Pad", 3, 18, "axes", Kind::I32OrI64, Form::Vector},
    {"QLinearConv", 1, 10, "the scale of x", Kind::F32},
    {"QLinearConv", 4, 10, "the scale of w", Kind::F32},
    {"QLinearConv", 6, 10, "the scale of y", Kind::F32},
    // A function of the standard, AffineGrid, has vectors of one element here.
    {"Range", 0, 11, "start", Kind::Number},
    {"Range", 1, 11, "limit", Kind::Number},
    {"Range", 2, 11, "delta", Kind::Number},
    {"ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean "
     "ReduceMin ReduceProd ReduceSumSquare",
     1, 18, "axes", Kind::I64, Form::Vector},
    {"ReduceSum Squeeze", 1, 13, "axes", Kind::I64, Form::Vector},
    {"Reshape", 1, 5, "the new shape", Kind::I64, Form::Vector},
    {"Resize", 1, 10, "scales", Kind::F32, Form::Any, 10},
    {"Resize", 2, 11, "scales", Kind::F32},
    {"Resize", 3, 11, "sizes", Kind::I64},
    {"ReverseSequence", 1, 10, "sequence_lens", Kind::I64, Form::Vector},
    {"RotaryEmbedding", 3, 23, "position_ids", Kind::I64},
    {"Scatter", 1, 9, "the indices", Kind::I32OrI64},
    {"Slice", 1, 10, "starts", Kind::I32OrI64, Form::Vector},
    {"Slice", 2, 10, "ends", Kind::I32OrI64, Form::Vector},
    {"Slice", 3, 10, "axes", Kind::I32OrI64, Form::Vector},
    {"Slice", 4, 10, "steps", Kind::I32OrI64, Form::Vector},
    {"Split", 1, 13, "sizes", Kind::I64, Form::Vector},
    {"TensorScatter", 2, 24, "write_indices", Kind::I64, Form::Vector},
    {"Tile", 1, 6, "repeats", Kind::I64, Form::Vector},
    {"TopK", 1, 10, "k", Kind::I64, Form::Vector},
    {"Trilu", 1, 14, "k", Kind::I64},
    // ONNX Runtime takes a scalar, too.
    {"Unsqueeze", 1, 13, "axes", Kind::I64},
    {"Upsample", 1, 9, "scales", Kind::F32},
};

/// Inputs of one type variable, a bit for each, which the rules would convert.
static const struct {
  const char *op;
  unsigned inputs;
} ties[] = {
    {"GRU", 0b101111}, {"LSTM", 0b11101111}, {"QLinearMatMul", 0b1010010},
    {"RNN", 0b101111}, {"Slice", 0b11110},
};

static bool isOfKind(DType type, Kind kind) {
  switch (kind) {
  case Kind::I64:
    return type == DType::I64;
  case Kind::I32:
    return type == DType::I32;
  case Kind::I32OrI64:
    return type == DType::I32 || type == DType::I64;
  case Kind::Bool:
    return type == DType::Bool;
  case Kind::F32:
    return type == DType::F32;
  case Kind::Float:
    return isFloat(type);
  case Kind::Number:
    return isFloat(type) || isInteger(type);
  }
  llvm_unreachable("unknown kind");
}

/// In the order of the enumeration.
static constexpr const char *kindNames[] = {
    "i64", "i32", "i32 or i64", "bool", "f32", "a float", "a number"};

LogicalResult tern::onnx_import::checkOperands(Node &node) {
  StringRef op = node.getOpType();
  for (const Operand &operand : operands) {
    if (!isAmong(op, operand.ops) || node.getVersion() < operand.since ||
        node.getVersion() > operand.until || !node.hasInput(operand.input))
      continue;
    const Tensor &tensor = node.getInput(operand.input);
    if (!isOfKind(tensor.dtype, operand.kind))
      return node.error(Twine(operand.name) + " must be " +
                        kindNames[static_cast<size_t>(operand.kind)] +
                        ", not " + getName(tensor.dtype));
    if (operand.form == Form::Vector && tensor.getRank() != 1)
      return node.error(Twine(operand.name) +
                        " must be a vector, not of shape " +
                        node.describe(tensor.shape));
    if (operand.form == Form::Scalar && tensor.getRank() != 0)
      return node.error(Twine(operand.name) +
                        " must be a scalar, not of shape " +
                        node.describe(tensor.shape));
  }
  for (const auto &tie : ties) {
    if (op != tie.op)
      continue;
    std::optional<unsigned> first;
    for (unsigned i = 0; i < node.getNumInputs(); ++i) {
      if (!(tie.inputs >> i & 1) || !node.hasInput(i))
        continue;
      if (!first)
        first = i;
      else if (node.getInput(i).dtype != node.getInput(*first).dtype)
        return node.error("inputs " + Twine(*first) + " and " + Twine(i) +
                          " have different element types, " +
                          getName(node.getInput(*first).dtype) + " and " +
                          getName(node.getInput(i).dtype));
    }
  }
  return success();
}
