//===- ContribRecurrent.cpp - com.microsoft.DynamicQuantizeLSTM -----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// com.microsoft.DynamicQuantizeLSTM: LSTM whose weights are codes. The input,
// all of it, and at each step the state become codes by the range of their
// values: so ONNX Runtime computes it, where the specification says nothing of
// what is quantized together. It is one thread's result: several threads take
// parts of the batch there, each with its range.
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"
#include "Quantization.h"
#include "Recurrent.h"

using namespace mlir;
using namespace tern::onnx_import;

/// The scale and zero point of weights from input `i` on: [directions], or
/// [directions, gates * hidden].
static FailureOr<Codes> readCodes(Node &node, const Layer &layer, unsigned i,
                                  StringRef name, DType type) {
  Codes codes;
  for (auto [slot, part, suffix, partType] :
       {std::tuple(i, &Codes::scale, "_scale", DType::F32),
        std::tuple(i + 1, &Codes::zeroPoint, "_zero_point", type)}) {
    if (!node.hasInput(slot))
      return node.error("required input " + Twine(slot) + " is missing");
    Tensor tensor = node.getInput(slot);
    if (tensor.dtype != partType)
      return node.error("input " + name + suffix + " must be " +
                        getName(partType) + ", not " + getName(tensor.dtype));
    Extents each = {layer.numDirections}, columns = each;
    columns.push_back(layer.numGates * layer.hidden);
    bool hasColumns = tensor.getRank() == 2;
    FailureOr<Tensor> fitting = node.expectShape(
        tensor, hasColumns ? columns : each,
        "input " + name + suffix + " has shape " + node.describe(tensor.shape) +
            ", not " + node.describe(each) + " or " + node.describe(columns));
    if (succeeded(fitting) && !hasColumns)
      fitting = node.emitUnsqueeze(*fitting, {1});
    if (failed(fitting))
      return failure();
    codes.*part = *fitting;
  }
  return codes;
}

static LogicalResult importDynamicQuantizeLSTM(Node &node) {
  Layer layer;
  layer.cell = Cell::LSTM;
  layer.x = node.getInput(0);
  layer.w = node.getInput(1);
  layer.r = node.getInput(2);
  if (failed(readAttributes(node, layer)))
    return failure();
  for (unsigned i : {0, 3, 5, 6, 7})
    if (node.hasInput(i) && node.getInput(i).dtype != DType::F32)
      return node.error("input " + Twine(i) + " must be f32, not " +
                        getName(node.getInput(i).dtype));
  DType type = layer.w.dtype;
  if (type != DType::U8 && type != DType::I8)
    return node.error("the weights must be u8 or i8, not " + getName(type));
  if (layer.r.dtype != type)
    return node.error("inputs have different element types, " + getName(type) +
                      " and " + getName(layer.r.dtype));
  if (layer.x.getRank() != 3 || layer.w.getRank() != 3 ||
      layer.r.getRank() != 3)
    return node.error("the input and the weights must have rank 3");
  if (failed(readHidden(node, layer, layer.r.shape[1])))
    return failure();
  layer.time = layer.x.shape[0];
  layer.batch = layer.x.shape[1];
  for (const auto &[weight, name, inputs] :
       {std::tuple(&layer.w, "W", layer.x.shape[2]),
        std::tuple(&layer.r, "R", Extent(layer.hidden))}) {
    Extents shape = {layer.numDirections, inputs,
                     layer.numGates * layer.hidden};
    FailureOr<Tensor> fitting = node.expectShape(
        *weight, shape,
        Twine("input ") + name + " has shape " + node.describe(weight->shape) +
            ", not " + node.describe(shape));
    if (failed(fitting))
      return failure();
    *weight = *fitting;
  }
  FailureOr<Codes> w = readCodes(node, layer, 8, "W", type);
  if (failed(w))
    return failure();
  FailureOr<Codes> r = readCodes(node, layer, 10, "R", type);
  if (failed(r))
    return failure();
  layer.wCodes = *w;
  layer.rCodes = *r;
  if (failed(readState(node, layer, DType::F32)))
    return failure();
  return emitLayer(node, layer, DType::F32);
}

void tern::onnx_import::addContribRecurrentOps(OpTable &ops) {
  ops.onOp("com.microsoft", "DynamicQuantizeLSTM", 1, {3, 12},
           importDynamicQuantizeLSTM);
}
