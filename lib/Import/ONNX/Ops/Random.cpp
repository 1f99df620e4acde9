//===- Random.cpp - RandomUniform, RandomNormal, Bernoulli ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// RandomUniform, RandomNormal, those like a tensor, and Bernoulli. Numbers are
// those of Philox by the place of an element and the node's seed, so they are
// the same in each run: a compiled model has no state.
//
//===----------------------------------------------------------------------===//

#include "../Model/Importer.h"
#include "Elementwise.h"
#include "Indexing.h"
#include "Sampling.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "tern/Support/Philox.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

/// The generator of a node. Those with one seed have the same numbers, those
/// without each their own.
static tern::Philox makeGenerator(Node &node) {
  bool isSeeded = node.hasAttribute("seed");
  double seed = node.getFloat("seed", 0);
  auto integer = [&](uint64_t value) -> Value {
    return arith::ConstantOp::create(
        node.b, node.b.getI64IntegerAttr(static_cast<int64_t>(value)));
  };
  uint64_t stream = isSeeded ? 0 : 1 + node.getImporter().takeStream();
  return tern::Philox(node.b, integer(llvm::bit_cast<uint64_t>(seed)),
                      integer(0), stream);
}

/// Multiples of 2^-24 in [0, 1), of f32, from a word.
static Value emitFraction(B &b, Value word) {
  Value shift = arith::ConstantOp::create(b, b.getI64IntegerAttr(8));
  Value high = arith::ShRUIOp::create(b, word, shift);
  Value number = arith::UIToFPOp::create(b, b.getF32Type(), high);
  return arith::MulFOp::create(b, number,
                               emitConstant(b, b.getF32Type(), 0x1p-24));
}

/// The place of an element, row-major.
static Value emitPlace(B &b, ArrayRef<Value> extents) {
  Value place = arith::ConstantIndexOp::create(b, 0);
  for (auto [i, extent] : llvm::enumerate(extents)) {
    place = arith::MulIOp::create(b, place, extent);
    place = arith::AddIOp::create(b, place, linalg::IndexOp::create(b, i));
  }
  return arith::IndexCastOp::create(b, b.getI64Type(), place);
}

/// Element by element, from numbers in [0, 1): `body` may ask for several.
using Draw = function_ref<Value(int64_t)>;
static FailureOr<Tensor>
emitDrawn(Node &node, ArrayRef<Tensor> operands, ArrayRef<Extent> shape,
          DType dtype, int64_t count,
          function_ref<Value(B &, ValueRange, Draw)> body) {
  if (failed(node.checkShape(dtype, shape)))
    return failure();
  tern::Philox generator = makeGenerator(node);
  SmallVector<Value> extents = getExtentValues(node, shape);
  return node.emitMap(
      operands, shape, dtype, [&](B &b, ValueRange args) -> Value {
        Value first = emitPlace(b, extents);
        first = arith::MulIOp::create(
            b, first,
            arith::ConstantOp::create(b, b.getI64IntegerAttr(count))
                .getResult());
        return body(b, args, [&](int64_t number) {
          Value place = arith::AddIOp::create(
              b, first,
              arith::ConstantOp::create(b, b.getI64IntegerAttr(number))
                  .getResult());
          return emitFraction(b, generator.draw(b, place));
        });
      });
}

/// The shape in an attribute, or that of the input; and the element type.
static FailureOr<std::pair<Extents, DType>> getKind(Node &node, bool isLike) {
  DType dtype = DType::F32;
  Extents shape;
  if (isLike) {
    dtype = node.getInput(0).dtype;
    shape = node.getInput(0).shape;
  } else {
    std::optional<SmallVector<int64_t>> given = node.getInts("shape");
    if (!given)
      return node.error("attribute 'shape' is missing");
    for (int64_t extent : *given) {
      if (extent < 0)
        return node.error("attribute 'shape' has a negative extent, " +
                          Twine(extent));
      shape.push_back(extent);
    }
  }
  if (node.hasAttribute("dtype")) {
    int64_t number = node.getInt("dtype", 1);
    std::optional<DType> given = getDType(static_cast<int>(number));
    if (!given || number != static_cast<int64_t>(*given))
      return node.error("attribute 'dtype' is " + Twine(number) +
                        ", which is no element type");
    dtype = *given;
  }
  return std::pair(shape, dtype);
}

/// Floats, each computed in f32 from `count` numbers in [0, 1).
static LogicalResult importFloats(Node &node, bool isLike, int64_t count,
                                  function_ref<Value(B &, Draw)> body) {
  FailureOr<std::pair<Extents, DType>> kind = getKind(node, isLike);
  if (failed(kind))
    return failure();
  if (!isFloat(kind->second))
    return node.error("element type " + getName(kind->second) +
                      " is not supported");
  return node.setResult(emitDrawn(
      node, {}, kind->first, kind->second, count,
      [&](B &b, ValueRange, Draw draw) -> Value {
        return emitScalarCast(b, body(b, draw), DType::F32, kind->second);
      }));
}

static LogicalResult importUniform(Node &node, bool isLike) {
  double low = node.getFloat("low", 0), high = node.getFloat("high", 1);
  return importFloats(node, isLike, 1, [&](B &b, Draw draw) -> Value {
    Type f32 = b.getF32Type();
    Value part = arith::MulFOp::create(
        b, draw(0), emitConstant(b, f32, static_cast<float>(high - low)));
    return arith::AddFOp::create(b, part, emitConstant(b, f32, low));
  });
}

/// G. Box and M. Muller, "A note on the generation of random normal deviates",
/// 1958.
static LogicalResult importNormal(Node &node, bool isLike) {
  double mean = node.getFloat("mean", 0), scale = node.getFloat("scale", 1);
  return importFloats(node, isLike, 2, [&](B &b, Draw draw) -> Value {
    auto number = [&](double value) {
      return emitConstant(b, b.getF32Type(), value);
    };
    auto mul = [&](Value x, Value y) -> Value {
      return arith::MulFOp::create(b, x, y);
    };
    // In (0, 1]: its logarithm is finite.
    Value rest = arith::SubFOp::create(b, number(1), draw(0));
    Value log = math::LogOp::create(b, rest);
    Value radius = math::SqrtOp::create(b, mul(number(-2), log));
    Value angle = mul(number(2 * llvm::numbers::pi), draw(1));
    Value cosine = math::CosOp::create(b, angle);
    Value deviate = mul(mul(radius, cosine), number(scale));
    return arith::AddFOp::create(b, deviate, number(mean));
  });
}

/// 1 with the probability that the input says, else 0.
static LogicalResult importBernoulli(Node &node) {
  Tensor input = node.getInput(0);
  FailureOr<std::pair<Extents, DType>> kind = getKind(node, /*isLike=*/true);
  if (failed(kind) || failed(node.expectTypes(input, Floats)))
    return failure();
  if (isNarrow(kind->second))
    return node.error("element type " + getName(kind->second) +
                      " is not supported");
  return node.setResult(emitDrawn(
      node, {input}, kind->first, kind->second, 1,
      [&](B &b, ValueRange args, Draw draw) -> Value {
        Value fraction = emitScalarCast(b, draw(0), DType::F32, DType::F64);
        Value probability = emitScalarCast(b, args[0], input.dtype, DType::F64);
        Value isOne = arith::CmpFOp::create(b, arith::CmpFPredicate::OLT,
                                            fraction, probability);
        return emitScalarCast(b, isOne, DType::Bool, kind->second);
      }));
}

void tern::onnx_import::addRandomOps(OpTable &ops) {
  for (bool isLike : {false, true}) {
    std::string suffix = isLike ? "Like" : "";
    unsigned inputs = isLike ? 1 : 0;
    ops.onOp("RandomUniform" + suffix, 1, inputs,
             [=](Node &node) { return importUniform(node, isLike); });
    ops.onOp("RandomNormal" + suffix, 1, inputs,
             [=](Node &node) { return importNormal(node, isLike); });
  }
  ops.onOp("Bernoulli", 15, 1, importBernoulli);
}
