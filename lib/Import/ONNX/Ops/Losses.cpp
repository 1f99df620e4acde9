//===- Losses.cpp - SoftmaxCrossEntropyLoss, NegativeLogLikelihoodLoss ----===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "Indexing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

/// -weight[label] * logs[n, label, ...] for each label, and the weights that
/// the mean divides by; then the mean, the sum, or neither.
static FailureOr<Tensor> emitLikelihoodLoss(Node &node, Tensor logs,
                                            Tensor labels,
                                            std::optional<Tensor> weight) {
  StringRef reduction = node.getString("reduction", "mean");
  bool ignores = node.hasAttribute("ignore_index");
  int64_t ignored = node.getInt("ignore_index", 0);
  if (failed(node.expectTypes(logs, Floats)))
    return failure();
  if (labels.dtype != DType::I32 && labels.dtype != DType::I64)
    return node.error("labels must be i32 or i64");
  Extents shape = logs.shape;
  if (shape.size() < 2)
    return node.error("the input must have rank 2 or more");
  shape.erase(shape.begin() + 1);
  FailureOr<Tensor> fitting = node.expectShape(
      labels, shape,
      "labels of shape " + node.describe(labels.shape) +
          " do not fit an input of shape " + node.describe(logs.shape));
  if (failed(fitting))
    return failure();
  labels = *fitting;
  if (weight) {
    const char *message =
        "the weight must have one element for each class, of the input's type";
    if (weight->dtype != logs.dtype)
      return node.error(message);
    FailureOr<Tensor> perClass =
        node.expectShape(*weight, {logs.shape[1]}, message);
    if (failed(perClass))
      return failure();
    weight = *perClass;
  }
  if (reduction != "none" && reduction != "sum" && reduction != "mean")
    return node.error("attribute 'reduction' must be none, sum or mean");
  IndexForms forms{/*negative=*/false, std::nullopt};
  if (ignores)
    forms.ignored = ignored;
  if (failed(requireIndices(node, labels, logs.shape[1], forms)))
    return failure();
  Value source = node.getValue(logs);
  Value weights = weight ? node.getValue(*weight) : Value();
  Value classes = node.getSymbols().getValue(node.b, logs.shape[1]);
  Type type = node.getElementType(logs.dtype);
  // The weight that a label has: 0 for the ignored one.
  auto emitWeight = [&](B &b, Value label) -> Value {
    Value value = emitConstant(b, type, 1);
    if (weights)
      value = tensor::ExtractOp::create(b, weights,
                                        emitSafeIndex(b, label, classes));
    if (!ignores)
      return value;
    Value isIgnored =
        arith::CmpIOp::create(b, arith::CmpIPredicate::eq, label,
                              emitConstant(b, label.getType(), ignored));
    return arith::SelectOp::create(b, isIgnored, emitConstant(b, type, 0),
                                   value);
  };
  FailureOr<Tensor> losses =
      node.emitMap({labels}, logs.dtype, [&](B &b, ValueRange args) -> Value {
        SmallVector<Value> position;
        for (int64_t i = 0; i < labels.getRank(); ++i)
          position.push_back(linalg::IndexOp::create(b, i));
        position.insert(position.begin() + 1,
                        emitSafeIndex(b, args[0], classes));
        Value log = tensor::ExtractOp::create(b, source, position);
        Value loss = arith::MulFOp::create(b, arith::NegFOp::create(b, log),
                                           emitWeight(b, args[0]));
        if (!ignores)
          return loss;
        // 0 also where the logarithm is not finite.
        Value isIgnored =
            arith::CmpIOp::create(b, arith::CmpIPredicate::eq, args[0],
                                  emitConstant(b, args[0].getType(), ignored));
        return arith::SelectOp::create(b, isIgnored, emitConstant(b, type, 0),
                                       loss);
      });
  if (failed(losses) || reduction == "none")
    return losses;
  SmallVector<int64_t> axes =
      llvm::to_vector(llvm::seq<int64_t>(0, labels.getRank()));
  if (reduction == "mean" && !weights && !ignores)
    return node.emitMean(*losses, axes);
  FailureOr<Tensor> sum = node.emitSum(*losses, axes);
  if (reduction == "sum")
    return sum;
  FailureOr<Tensor> counts =
      node.emitMap({labels}, logs.dtype, [&](B &b, ValueRange args) -> Value {
        return emitWeight(b, args[0]);
      });
  if (failed(counts))
    return failure();
  return combine<arith::DivFOp>(node, sum, node.emitSum(*counts, axes));
}

static std::optional<Tensor> getWeight(Node &node) {
  if (!node.hasInput(2))
    return std::nullopt;
  return node.getInput(2);
}

static LogicalResult importNegativeLogLikelihoodLoss(Node &node) {
  return node.setResult(emitLikelihoodLoss(node, node.getInput(0),
                                           node.getInput(1), getWeight(node)));
}

/// x - max - log(sum(exp(x - max))) over the classes, axis 1.
static LogicalResult importSoftmaxCrossEntropyLoss(Node &node) {
  Tensor input = node.getInput(0);
  if (failed(node.expectTypes(input, Floats)))
    return failure();
  if (input.getRank() < 2)
    return node.error("the input must have rank 2 or more");
  DType type = input.dtype;
  FailureOr<Tensor> x = node.emitFloatCast(input, getAccumulatorType(type));
  if (failed(x))
    return failure();
  auto keep = [&](FailureOr<Tensor> reduced) -> FailureOr<Tensor> {
    if (failed(reduced))
      return failure();
    return node.emitUnsqueeze(*reduced, {1});
  };
  FailureOr<Tensor> shifted =
      combine<arith::SubFOp>(node, *x, keep(node.emitMax(*x, {1})));
  if (failed(shifted))
    return failure();
  FailureOr<Tensor> powers =
      node.emitMap({*shifted}, x->dtype, [](B &b, ValueRange args) -> Value {
        return math::ExpOp::create(b, args[0]);
      });
  if (failed(powers))
    return failure();
  FailureOr<Tensor> total = keep(node.emitSum(*powers, {1}));
  if (failed(total))
    return failure();
  FailureOr<Tensor> logs = combine<arith::SubFOp>(
      node, shifted,
      node.emitMap({*total}, x->dtype, [](B &b, ValueRange args) -> Value {
        return math::LogOp::create(b, args[0]);
      }));
  if (failed(logs) || failed(logs = node.emitFloatCast(*logs, type)))
    return failure();
  if (node.hasResult(1))
    node.setResult(1, *logs);
  return node.setResult(
      emitLikelihoodLoss(node, *logs, node.getInput(1), getWeight(node)));
}

void tern::onnx_import::addLossOps(OpTable &ops) {
  ops.onOp("NegativeLogLikelihoodLoss", 12, {2, 3},
           importNegativeLogLikelihoodLoss);
  ops.onOp("SoftmaxCrossEntropyLoss", 12, {2, 3},
           importSoftmaxCrossEntropyLoss);
}
