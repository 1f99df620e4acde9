//===- ShapeOps.cpp - Reshape, Transpose, Shape and their kin -------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Model/Importer.h"
#include "Elementwise.h"
#include "Node.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "tern/Dialect/Tern/IR/TernOps.h"

using namespace mlir;
using namespace tern;
using namespace tern::onnx_import;

/// An extent of a new shape that turns out to be 0 would stand for the input's:
/// the model fails then, unless that is 0 too.
static LogicalResult requireNoCopy(Node &node, size_t axis,
                                   const Extent &wanted, const Extent &own) {
  Symbols &symbols = node.getSymbols();
  std::optional<Extent> factor = Extent::divExact(wanted, own);
  if (wanted.getConstant() || symbols.getRange(wanted).min > 0 ||
      Extent::divExact(own, wanted) || (factor && factor->getConstant()))
    return success();
  auto compare = [&](arith::CmpIPredicate predicate, const Extent &x) -> Value {
    return arith::CmpIOp::create(node.b, predicate, symbols.getValue(node.b, x),
                                 symbols.getValue(node.b, Extent(0)));
  };
  Value isKept = compare(arith::CmpIPredicate::ne, wanted);
  if (!own.getConstant())
    isKept = arith::OrIOp::create(node.b, isKept,
                                  compare(arith::CmpIPredicate::eq, own));
  return node.check(isKept, "extent " + Twine(axis) + " of the new shape, " +
                                node.describe(wanted) +
                                ", is 0, which stands for that of the input, " +
                                node.describe(own));
}

/// Replaces 0 by the input's extent and -1 by what is left.
static FailureOr<Extents> inferReshape(Node &node, const Tensor &input,
                                       ArrayRef<Extent> target,
                                       bool zeroIsZero) {
  Extents shape(target.begin(), target.end());
  std::optional<size_t> open;
  std::optional<Extent> known = Extent(1);
  for (auto [i, extent] : llvm::enumerate(shape)) {
    if (extent.isConstant(-1)) {
      if (open)
        return node.error("shape " + node.describe(target) +
                          " has more than one -1");
      open = i;
      continue;
    }
    if (extent.isConstant(0) && !zeroIsZero) {
      if (i >= input.shape.size())
        return node.error("shape " + node.describe(target) +
                          " copies a dimension that the input of shape " +
                          node.describe(input.shape) + " does not have");
      extent = input.shape[i];
    }
    if (!zeroIsZero && i < input.shape.size() &&
        failed(requireNoCopy(node, i, extent, input.shape[i])))
      return failure();
    if (known)
      known = Extent::mul(*known, extent);
  }
  if (!open)
    return shape;
  // Dimensions that stay are no part of the question: the quotient follows from
  // fewer extents then.
  Extents left(input.shape);
  if (known) {
    known = Extent(1);
    for (size_t i = 0; known && i < shape.size(); ++i) {
      if (i == *open)
        continue;
      auto same =
          shape[i].getConstant() ? left.end() : llvm::find(left, shape[i]);
      if (same != left.end())
        left.erase(same);
      else
        known = Extent::mul(*known, shape[i]);
    }
  }
  std::optional<Extent> total = Extent::product(left);
  std::optional<Extent> rest;
  if (total && known) {
    rest = Extent::divExact(*total, *known);
    if (!rest && !(total->getConstant() && known->getConstant()))
      rest = node.getSymbols().floorDiv(node.b, *total, *known);
  }
  if (rest) {
    shape[*open] = *rest;
    return shape;
  }
  bool isStatic =
      total && known && total->getConstant() && known->getConstant();
  return node.error("cannot reshape " + node.describe(input.shape) + " to " +
                    node.describe(target) +
                    (isStatic ? "" : "; fix dynamic dimensions with --dim"));
}

static LogicalResult importReshape(Node &node) {
  Tensor input = node.getInput(0);
  Extents target;
  bool zeroIsZero = false;
  if (node.getVersion() < 5) {
    std::optional<SmallVector<int64_t>> shape = node.getInts("shape");
    if (!shape)
      return node.error("attribute 'shape' is missing");
    target.assign(shape->begin(), shape->end());
  } else {
    zeroIsZero = node.getFlag("allowzero", false);
    if (!node.hasInput(1))
      return node.error("required input 1 is missing");
    std::optional<ArrayRef<Extent>> contents = node.getContents(1);
    if (!contents)
      return node.requireKnown(1, "the new shape");
    target.assign(contents->begin(), contents->end());
  }
  FailureOr<Extents> shape = inferReshape(node, input, target, zeroIsZero);
  if (failed(shape))
    return failure();
  return node.setResult(node.emitReshape(input, *shape));
}

/// To a matrix: the dimensions before `axis`, and the others.
static LogicalResult importFlatten(Node &node) {
  Tensor input = node.getInput(0);
  int64_t axis = node.getInt("axis", 1), rank = input.getRank();
  if (axis < -rank || axis > rank)
    return node.error("axis " + Twine(axis) + " is out of range for rank " +
                      Twine(rank));
  if (axis < 0)
    axis += rank;
  std::optional<Extent> rows =
      Extent::product(ArrayRef(input.shape).take_front(axis));
  std::optional<Extent> columns =
      Extent::product(ArrayRef(input.shape).drop_front(axis));
  if (!rows || !columns)
    return node.error("the number of elements overflows");
  return node.setResult(node.emitReshape(input, {*rows, *columns}));
}

static LogicalResult importTranspose(Node &node) {
  Tensor input = node.getInput(0);
  int64_t rank = input.getRank();
  SmallVector<int64_t> permutation;
  if (std::optional<SmallVector<int64_t>> perm = node.getInts("perm"))
    permutation = *perm;
  else
    for (int64_t i = rank; i > 0; --i)
      permutation.push_back(i - 1);
  SmallVector<int64_t> sorted(permutation);
  llvm::sort(sorted);
  if (!llvm::equal(sorted, llvm::seq<int64_t>(0, rank)))
    return node.error("attribute 'perm' is no permutation of the input's " +
                      Twine(rank) + " dimensions");
  return node.setResult(node.emitTranspose(input, permutation));
}

/// The axes of Squeeze and Unsqueeze: an attribute before opset 13, an operand
/// since. None if not given.
static FailureOr<std::optional<SmallVector<int64_t>>> getAxes(Node &node) {
  using Axes = std::optional<SmallVector<int64_t>>;
  if (node.getVersion() < 13)
    return Axes(node.getInts("axes"));
  if (!node.hasInput(1))
    return Axes();
  FailureOr<SmallVector<int64_t>> axes = node.getConstants(1, "axes");
  if (failed(axes))
    return failure();
  return Axes(*axes);
}

static LogicalResult importSqueeze(Node &node) {
  Tensor input = node.getInput(0);
  FailureOr<std::optional<SmallVector<int64_t>>> axes = getAxes(node);
  if (failed(axes))
    return failure();
  FailureOr<SmallVector<int64_t>> normal = node.normalizeAxes(
      axes->value_or(SmallVector<int64_t>()), input.getRank());
  if (failed(normal))
    return failure();
  Extents shape;
  for (auto [i, extent] : llvm::enumerate(input.shape)) {
    bool isOne = extent.isConstant(1);
    bool isNamed = llvm::is_contained(*normal, static_cast<int64_t>(i));
    if (isNamed && !isOne &&
        failed(node.require(extent, 1,
                            "dimension " + Twine(i) + " of shape " +
                                node.describe(input.shape) + " is not 1")))
      return failure();
    if (!axes->has_value() && !extent.getConstant())
      return node.error("cannot tell which dimensions of shape " +
                        node.describe(input.shape) +
                        " are 1; fix them with --dim");
    if (!(axes->has_value() ? isNamed : isOne))
      shape.push_back(extent);
  }
  return node.setResult(node.emitReshape(input, shape));
}

static LogicalResult importUnsqueeze(Node &node) {
  Tensor input = node.getInput(0);
  FailureOr<std::optional<SmallVector<int64_t>>> axes = getAxes(node);
  if (failed(axes))
    return failure();
  if (!*axes)
    return node.error("axes are missing");
  FailureOr<SmallVector<int64_t>> normal = node.normalizeAxes(
      **axes, input.getRank() + static_cast<int64_t>((*axes)->size()));
  if (failed(normal))
    return failure();
  return node.setResult(node.emitUnsqueeze(input, *normal));
}

/// A vector, or for one extent a scalar, of i64 whose elements are known.
static Tensor makeContents(Node &node, ArrayRef<Extent> values, bool isScalar) {
  Extents shape;
  if (!isScalar)
    shape.push_back(static_cast<int64_t>(values.size()));
  Tensor result = node.makeTensor(DType::I64, shape, nullptr);
  result.contents.emplace(values.begin(), values.end());
  return result;
}

static LogicalResult importShape(Node &node) {
  ArrayRef<Extent> shape = node.getInput(0).shape;
  int64_t rank = shape.size();
  int64_t start = node.getInt("start", 0), end = node.getInt("end", rank);
  auto clamp = [&](int64_t i) {
    return std::clamp<int64_t>(i < 0 ? i + rank : i, 0, rank);
  };
  start = clamp(start);
  end = std::max(start, clamp(end));
  node.setResult(0, makeContents(node, shape.slice(start, end - start), false));
  return success();
}

static LogicalResult importSize(Node &node) {
  std::optional<Extent> size = Extent::product(node.getInput(0).shape);
  if (!size)
    return node.error("the number of elements overflows");
  node.setResult(0, makeContents(node, {*size}, true));
  return success();
}

/// Broadcasts to the shape.
static FailureOr<Tensor> emitRepeat(Node &node, Tensor operand,
                                    ArrayRef<Extent> shape) {
  return node.emitMap(
      {operand}, shape, operand.dtype,
      [](ImplicitLocOpBuilder &, ValueRange args) -> Value { return args[0]; });
}

static LogicalResult importExpand(Node &node) {
  Tensor input = node.getInput(0);
  std::optional<ArrayRef<Extent>> target = node.getContents(1);
  if (!target)
    return node.requireKnown(1, "the new shape");
  FailureOr<Extents> shape = node.broadcast(input.shape, *target);
  if (failed(shape))
    return failure();
  if (*shape == input.shape) {
    node.setResult(0, input);
    return success();
  }
  return node.setResult(emitRepeat(node, input, *shape));
}

static LogicalResult importIdentity(Node &node) {
  node.setResult(0, node.getInput(0));
  return success();
}

/// The elements that are kept, scaled by 1 / (1 - ratio), else zeros; and
/// which are kept.
static LogicalResult importDrawnDropout(Node &node, double ratio) {
  Tensor x = node.getInput(0);
  SmallVector<Value> extents;
  for (const Extent &extent : x.shape)
    if (!extent.getConstant())
      extents.push_back(node.getSymbols().getValue(node.b, extent));
  RankedTensorType type = node.getTensorType(DType::Bool, x.shape);
  Tensor mask = node.makeTensor(
      DType::Bool, x.shape,
      KeepMaskOp::create(
          node.b, type, extents, node.b.getF64FloatAttr(ratio),
          node.b.getI64IntegerAttr(node.getImporter().takeStream())));
  Type element = node.getElementType(x.dtype);
  FailureOr<Tensor> kept =
      node.emitMap({x, mask}, x.dtype,
                   [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
                     Value scaled = arith::MulFOp::create(
                         b, args[0], emitConstant(b, element, 1 / (1 - ratio)));
                     return arith::SelectOp::create(
                         b, args[1], scaled, emitConstant(b, element, 0));
                   });
  if (failed(kept))
    return failure();
  auto choose = [&](unsigned i, Tensor training, Tensor otherwise) {
    Value value = InTrainingOp::create(node.b, node.getValue(training),
                                       node.getValue(otherwise));
    node.setResult(i, node.makeTensor(training.dtype, x.shape, value));
  };
  choose(0, *kept, x);
  if (!node.hasResult(1))
    return success();
  Tensor one = node.makeTensor(DType::Bool, {}, nullptr);
  one.contents = {Extent(1)};
  FailureOr<Tensor> all = emitRepeat(node, one, x.shape);
  if (failed(all))
    return failure();
  choose(1, mask, *all);
  return success();
}

/// In a step of training it drops elements if the node says so: by its input
/// training_mode, before opset 12 by being there. Elsewhere it does nothing.
static LogicalResult importDropout(Node &node) {
  double ratio = node.getFloat("ratio", 0.5);
  node.getInt("seed", 0); // A run has one seed.
  bool isTraining = node.getVersion() < 12 && !node.getFlag("is_test", false);
  if (node.hasInput(1)) {
    std::optional<SmallVector<double>> values = node.getFloatContents(1);
    if (values && values->size() == 1)
      ratio = values->front();
    else
      ratio = -1;
  }
  if (node.hasInput(2)) {
    FailureOr<SmallVector<int64_t>> training =
        node.getConstants(2, "training_mode");
    if (failed(training))
      return failure();
    isTraining =
        llvm::any_of(*training, [](int64_t value) { return value != 0; });
  }
  if (node.hasResult(1) && node.getVersion() < 10)
    return node.error("output 1 is not supported before opset 10");
  Tensor input = node.getInput(0);
  if (isTraining && !(ratio >= 0 && ratio < 1))
    return node.error("the ratio must be a constant of at least 0 and less "
                      "than 1");
  if (isTraining && ratio > 0) {
    if (failed(node.expectTypes(input, Floats)))
      return failure();
    return importDrawnDropout(node, ratio);
  }
  if (node.hasResult(1)) { // Which elements were kept: all.
    Tensor one = node.makeTensor(DType::Bool, {}, nullptr);
    one.contents = {Extent(1)};
    FailureOr<Tensor> mask = emitRepeat(node, one, input.shape);
    if (failed(mask))
      return failure();
    node.setResult(1, *mask);
  }
  return importIdentity(node);
}

void tern::onnx_import::addShapeOps(OpTable &ops) {
  ops.onOp("Reshape", 1, {1, 2}, importReshape);
  ops.onOp("Flatten", 1, 1, importFlatten);
  ops.onOp("Transpose", 1, 1, importTranspose);
  ops.onOp("Squeeze", 1, {1, 2}, importSqueeze);
  ops.onOp("Unsqueeze", 1, {1, 2}, importUnsqueeze);
  ops.onOp("Shape", 1, 1, importShape);
  ops.onOp("Size", 1, 1, importSize);
  ops.onOp("Expand", 8, 2, importExpand);
  ops.onOp("Identity", 1, 1, importIdentity);
  ops.onOp("Dropout", 1, {1, 3}, importDropout);
}
