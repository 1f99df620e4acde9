//===- ContribFused.cpp - com.microsoft: fused operators ------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// com.microsoft operators into which ONNX Runtime's optimizer fuses operators
// of the standard: they are what they were fused from.
//
//===----------------------------------------------------------------------===//

#include "Activations.h"
#include "Convolution.h"
#include "Elementwise.h"
#include "LinearAlgebra.h"
#include "Normalization.h"
#include "OpTable.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include <array>
#include <numeric>

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// An operand of FusedMatMul: its first dimension becomes the last but one, if
/// `movesFirst`; then its last two change places, if `swapsLast`.
static FailureOr<Tensor> permute(Node &node, const Tensor &x, bool movesFirst,
                                 bool swapsLast) {
  int64_t rank = x.getRank();
  SmallVector<int64_t> permutation(rank);
  std::iota(permutation.begin(), permutation.end(), 0);
  if (rank < 2)
    return x;
  if (movesFirst)
    std::rotate(permutation.begin(), permutation.begin() + 1,
                permutation.end() - 1);
  if (swapsLast)
    std::swap(permutation[rank - 2], permutation[rank - 1]);
  if (llvm::is_sorted(permutation))
    return x;
  return node.emitTranspose(x, permutation);
}

static FailureOr<Tensor> scale(Node &node, FailureOr<Tensor> x, double factor) {
  if (failed(x) || factor == 1)
    return x;
  return node.emitMap({*x}, x->dtype, [&](B &b, ValueRange args) -> Value {
    return arith::MulFOp::create(b, args[0],
                                 emitConstant(b, args[0].getType(), factor));
  });
}

/// alpha * op(A) . op(B).
static LogicalResult importFusedMatMul(Node &node) {
  FailureOr<SmallVector<Tensor>> inputs = node.getSameTyped(Floats);
  double alpha = node.getFloat("alpha", 1);
  bool swapsA = node.getFlag("transA", false);
  bool swapsB = node.getFlag("transB", false);
  bool movesA = node.getFlag("transBatchA", false);
  bool movesB = node.getFlag("transBatchB", false);
  if (failed(inputs))
    return failure();
  FailureOr<Tensor> lhs = permute(node, (*inputs)[0], movesA, swapsA);
  FailureOr<Tensor> rhs = permute(node, (*inputs)[1], movesB, swapsB);
  if (failed(lhs) || failed(rhs))
    return failure();
  return node.setResult(scale(node, node.emitMatmul(*lhs, *rhs), alpha));
}

/// The activation that attribute `activation` names; the sum itself if there is
/// none.
static FailureOr<Tensor> activate(Node &node, FailureOr<Tensor> x,
                                  const NamedActivation &activation,
                                  ArrayRef<double> values) {
  if (failed(x) || !activation.body)
    return x;
  return node.emitMap({*x}, x->dtype, [&](B &b, ValueRange args) {
    return activation.body(b, args[0], values);
  });
}

static FailureOr<NamedActivation> readActivation(Node &node) {
  StringRef name = node.getString("activation", "");
  if (name.empty())
    return NamedActivation();
  std::optional<NamedActivation> activation = getActivation(name);
  if (!activation)
    return node.error("activation " + quote(name) + " is not supported");
  return *activation;
}

/// Parameters are attributes of names of their own.
static LogicalResult importFusedGemm(Node &node) {
  FailureOr<NamedActivation> activation = readActivation(node);
  if (failed(activation) || failed(node.expectTypes(node.getInput(0), Floats)))
    return failure();
  SmallVector<double> values(activation->defaults);
  constexpr std::array<const char *, 3> names = {
      "activation_alpha", "activation_beta", "activation_gamma"};
  for (auto [i, name] : llvm::enumerate(names)) {
    double value = node.getFloat(name, 0);
    if (i < values.size() && node.hasAttribute(name))
      values[i] = value;
  }
  return node.setResult(activate(node, emitGemm(node), *activation, values));
}

/// The activation of conv(X, W) + B + Z. Parameters are a list.
static LogicalResult importFusedConv(Node &node) {
  FailureOr<NamedActivation> activation = readActivation(node);
  SmallVector<double> values = node.getFloats("activation_params");
  Tensor x = node.getInput(0);
  if (failed(activation) || failed(node.expectTypes(x, Floats)))
    return failure();
  if (values.size() != activation->defaults.size())
    return node.error("attribute 'activation_params' has " +
                      Twine(values.size()) + " elements, not " +
                      Twine(activation->defaults.size()));
  for (unsigned i = 1; i < node.getNumInputs(); ++i)
    if (node.hasInput(i) && node.getInput(i).dtype != x.dtype)
      return node.error("inputs have different element types");
  std::optional<Tensor> bias;
  if (node.hasInput(2))
    bias = node.getInput(2);
  FailureOr<Tensor> sum = emitConv(node, x, node.getInput(1), bias);
  if (succeeded(sum) && node.hasInput(3)) {
    Tensor addend = node.getInput(3);
    FailureOr<Tensor> fitting = node.expectShape(
        addend, sum->shape,
        "input Z has shape " + node.describe(addend.shape) +
            ", the convolution's result " + node.describe(sum->shape));
    sum = combine<arith::AddFOp>(node, sum, fitting);
  }
  return node.setResult(activate(node, sum, *activation, values));
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

/// The sum of a tensor and a vector along its last dimension.
static FailureOr<Tensor> addBias(Node &node, const Tensor &x, Tensor bias) {
  if (bias.dtype != x.dtype)
    return node.error("inputs have different element types");
  if (x.shape.empty())
    return node.error("the input needs at least one dimension");
  FailureOr<Tensor> fitting = node.expectShape(
      bias, {x.shape.back()},
      "a bias of shape " + node.describe(bias.shape) +
          " does not fit an input of shape " + node.describe(x.shape));
  return combine<arith::AddFOp>(node, x, fitting);
}

/// Gelu of the input, plus the second input if there is one.
static LogicalResult importGelu(Node &node, bool isApproximate) {
  FailureOr<Tensor> x = node.getInput(0);
  if (failed(node.expectTypes(*x, Floats)))
    return failure();
  if (node.hasInput(1))
    x = addBias(node, *x, node.getInput(1));
  if (failed(x))
    return failure();
  return node.setResult(
      node.emitMap({*x}, x->dtype, [&](B &b, ValueRange args) {
        return emitGelu(b, args[0], isApproximate);
      }));
}

static LogicalResult importQuickGelu(Node &node) {
  Tensor x = node.getInput(0);
  double alpha = node.getFloat("alpha", 1.702f);
  if (failed(node.expectTypes(x, Floats)))
    return failure();
  return node.setResult(node.emitMap({x}, x.dtype, [&](B &b, ValueRange args) {
    return emitSwish(b, args[0], alpha);
  }));
}

//===----------------------------------------------------------------------===//
// Normalization
//===----------------------------------------------------------------------===//

/// The normalization of input + skip + bias over the last dimension. The skip
/// may lack the batch, or repeat it. The fourth result is the sum.
static LogicalResult importSkipNorm(Node &node, bool isRms) {
  unsigned biasInput = isRms ? 3 : 4;
  Tensor x = node.getInput(0), skip = node.getInput(1);
  double epsilon = node.getFloat("epsilon", 1e-12f);
  if (failed(node.expectTypes(x, Floats)))
    return failure();
  if (skip.dtype != x.dtype)
    return node.error("inputs have different element types");
  if (x.getRank() != 2 && x.getRank() != 3)
    return node.error("the input has rank " + Twine(x.getRank()) +
                      ", not 2 or 3");
  // One for all of the batch may stand for each, whether it has a batch or not.
  std::string message = "the skip of shape " + node.describe(skip.shape) +
                        " does not fit an input of shape " +
                        node.describe(x.shape);
  if (skip.getRank() < 2)
    return node.error(message);
  Extents wanted = x.shape;
  if (skip.getRank() == 3)
    wanted[0] = skip.shape[0];
  FailureOr<Tensor> fitting = node.expectShape(
      skip, ArrayRef(wanted).take_back(skip.getRank()), message);
  if (failed(fitting) ||
      failed(node.requireBroadcast(fitting->shape, x.shape, message)))
    return failure();
  skip = *fitting;
  FailureOr<Tensor> sum = node.emitMap(
      {x, skip}, x.shape, x.dtype, [](B &b, ValueRange args) -> Value {
        return arith::AddFOp::create(b, args[0], args[1]);
      });
  if (succeeded(sum) && node.hasInput(biasInput))
    sum = addBias(node, *sum, node.getInput(biasInput));
  if (failed(sum))
    return failure();
  std::optional<Tensor> shift;
  const Extent &width = x.shape.back();
  auto getVector = [&](unsigned i) {
    Tensor vector = node.getInput(i);
    return node.expectShape(vector, {width},
                            "gamma or beta of shape " +
                                node.describe(vector.shape) +
                                " is not one for "
                                "each of " +
                                node.describe(width));
  };
  FailureOr<Tensor> gamma = getVector(2);
  if (failed(gamma))
    return failure();
  if (!isRms && node.hasInput(3)) {
    FailureOr<Tensor> beta = getVector(3);
    if (failed(beta))
      return failure();
    shift = *beta;
  }
  FailureOr<LayerNorm> norm =
      emitLayerNorm(node, *sum, *gamma, shift, x.getRank() - 1, epsilon, isRms);
  if (failed(norm))
    return failure();
  node.setResult(0, norm->y);
  node.setResult(3, *sum);
  return success();
}

void tern::onnx_import::addContribFusedOps(OpTable &ops) {
  const char *domain = "com.microsoft";
  ops.onOp(domain, "FusedMatMul", 1, 2, importFusedMatMul);
  ops.onOp(domain, "FusedGemm", 1, {2, 3}, importFusedGemm);
  ops.onOp(domain, "FusedConv", 1, {2, 4}, importFusedConv);
  ops.onOp(domain, "Gelu", 1, 1,
           [](Node &node) { return importGelu(node, false); });
  ops.onOp(domain, "BiasGelu", 1, 2,
           [](Node &node) { return importGelu(node, false); });
  ops.onOp(domain, "FastGelu", 1, {1, 2},
           [](Node &node) { return importGelu(node, true); });
  ops.onOp(domain, "QuickGelu", 1, 1, importQuickGelu);
  ops.onOp(domain, "SkipLayerNormalization", 1, {3, 5},
           [](Node &node) { return importSkipNorm(node, false); });
  ops.onOp(domain, "SkipSimplifiedLayerNormalization", 1, {3, 4},
           [](Node &node) { return importSkipNorm(node, true); });
}
