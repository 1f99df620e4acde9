//===- MachineLearning.cpp - Operators of ai.onnx.ml ----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operators of ai.onnx.ml that take and make numbers. Their constants are
// attributes, which no training changes. What the standard leaves open is as in
// ONNX Runtime.
//
//===----------------------------------------------------------------------===//

#include "MachineLearning.h"
#include "../Model/Importer.h"
#include "Activations.h"
#include "Elementwise.h"
#include "Indexing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;
using P = arith::CmpFPredicate;

//===----------------------------------------------------------------------===//
// Building blocks
//===----------------------------------------------------------------------===//

/// A constant of f32.
static Tensor makeFloats(Node &node, ArrayRef<double> values,
                         ArrayRef<int64_t> shape) {
  SmallVector<float> floats(values.begin(), values.end());
  Tensor result = node.makeTensor(DType::F32, Extents(shape), nullptr);
  result.constant = DenseElementsAttr::get(
      RankedTensorType::get(shape, node.b.getF32Type()), ArrayRef(floats));
  return result;
}

static Tensor makeIntegers(Node &node, ArrayRef<int64_t> values) {
  int64_t size = values.size();
  Tensor result = node.makeTensor(DType::I64, {size}, nullptr);
  if (size <= maxContents)
    result.contents = Extents(values);
  else
    result.constant = DenseElementsAttr::get(
        RankedTensorType::get({size}, node.b.getI64Type()), values);
  return result;
}

/// The input as f32 [batch, features], of which a vector is one row.
static FailureOr<Tensor> getRows(Node &node) {
  Tensor x = node.getInput(0);
  if (failed(node.expectTypes(x, Numbers)))
    return failure();
  if (x.getRank() != 1 && x.getRank() != 2)
    return node.error("the input has shape " + node.describe(x.shape) +
                      "; it must be a vector or a matrix");
  FailureOr<Tensor> floats = emitCast(node, x, DType::F32);
  if (failed(floats) || x.getRank() == 2)
    return floats;
  return node.emitUnsqueeze(*floats, {0});
}

static FailureOr<Tensor> map(Node &node, FailureOr<Tensor> x,
                             function_ref<Value(B &, Value)> body) {
  if (failed(x))
    return failure();
  return node.emitMap({*x}, x->dtype,
                      [&](B &b, ValueRange args) { return body(b, args[0]); });
}

/// Whether an attribute of strings has any; they cannot be imported.
static bool hasStrings(Node &node, StringRef name) {
  std::optional<std::vector<std::string>> strings = node.getStrings(name);
  return strings && !strings->empty();
}

//===----------------------------------------------------------------------===//
// Scaler, Normalizer
//===----------------------------------------------------------------------===//

/// (x - offset) * scale; both are one number, or one for each feature.
static LogicalResult importScaler(Node &node) {
  Tensor x = node.getInput(0);
  SmallVector<double> offsets = node.getFloats("offset");
  SmallVector<double> scales = node.getFloats("scale");
  if (failed(node.expectTypes(x, Numbers)))
    return failure();
  int64_t size = scales.size();
  if (size == 0 || offsets.size() != scales.size())
    return node.error("attributes 'offset' and 'scale' have " +
                      Twine(offsets.size()) + " and " + Twine(size) +
                      " elements; it must be as many, and one at least");
  if (size != 1) {
    if (x.getRank() != 1 && x.getRank() != 2)
      return node.error("the input has shape " + node.describe(x.shape) +
                        "; with a scale for each feature it must be a vector "
                        "or a matrix");
    Extents wanted = x.shape;
    wanted.back() = size;
    FailureOr<Tensor> fitting =
        node.expectShape(x, wanted,
                         "the input of shape " + node.describe(x.shape) +
                             " does not have " + Twine(size) + " features");
    if (failed(fitting))
      return failure();
    x = *fitting;
  }
  // Only of f64 the difference is one of f64.
  DType type = x.dtype == DType::F64 ? DType::F64 : DType::F32;
  SmallVector<int64_t> shape;
  if (size != 1)
    shape.push_back(size);
  FailureOr<Tensor> wide = emitCast(node, x, type);
  FailureOr<Tensor> offset =
      emitCast(node, makeFloats(node, offsets, shape), type);
  FailureOr<Tensor> scale =
      emitCast(node, makeFloats(node, scales, shape), type);
  FailureOr<Tensor> result = combine<arith::MulFOp>(
      node, combine<arith::SubFOp>(node, wide, offset), scale);
  if (failed(result))
    return failure();
  return node.setResult(emitCast(node, *result, DType::F32));
}

/// Each row divided by its greatest element, by the sum of the magnitudes, or
/// by the square root of the sum of squares; rows where that is 0 stay.
static LogicalResult importNormalizer(Node &node) {
  StringRef norm = node.getString("norm", "MAX");
  bool isMax = norm == "MAX", isL1 = norm == "L1";
  if (!isMax && !isL1 && norm != "L2")
    return node.error("norm " + quote(norm) + " is not supported");
  FailureOr<Tensor> x = getRows(node);
  if (failed(x))
    return failure();
  FailureOr<Tensor> divisor = failure();
  if (isMax)
    divisor = node.emitMax(*x, {1});
  else
    divisor = map(node, *x, [&](B &b, Value x) -> Value {
      if (isL1)
        return math::AbsFOp::create(b, x);
      return arith::MulFOp::create(b, x, x);
    });
  if (!isMax && succeeded(divisor))
    divisor = node.emitSum(*divisor, {1});
  if (!isMax && !isL1)
    divisor = map(node, divisor, [](B &b, Value sum) -> Value {
      return math::SqrtOp::create(b, sum);
    });
  if (succeeded(divisor))
    divisor = node.emitUnsqueeze(*divisor, {1});
  if (failed(divisor))
    return failure();
  FailureOr<Tensor> result = node.emitMap(
      {*x, *divisor}, DType::F32, [](B &b, ValueRange args) -> Value {
        Value zero = emitConstant(b, b.getF32Type(), 0);
        Value one = emitConstant(b, b.getF32Type(), 1);
        Value isZero = arith::CmpFOp::create(b, P::OEQ, args[1], zero);
        Value safe = arith::SelectOp::create(b, isZero, one, args[1]);
        return arith::DivFOp::create(b, args[0], safe);
      });
  if (failed(result))
    return failure();
  return node.setResult(node.emitReshape(*result, node.getInput(0).shape));
}

//===----------------------------------------------------------------------===//
// Linear models
//===----------------------------------------------------------------------===//

namespace {
enum class Transform { None, Logistic, Softmax, SoftmaxZero, Probit };
} // namespace

static FailureOr<Transform> getTransform(Node &node) {
  StringRef name = node.getString("post_transform", "NONE");
  auto transform = llvm::StringSwitch<std::optional<Transform>>(name)
                       .Case("NONE", Transform::None)
                       .Case("LOGISTIC", Transform::Logistic)
                       .Case("SOFTMAX", Transform::Softmax)
                       .Case("SOFTMAX_ZERO", Transform::SoftmaxZero)
                       .Case("PROBIT", Transform::Probit)
                       .Default(std::nullopt);
  if (!transform)
    return node.error("post_transform " + quote(name) + " is not supported");
  return *transform;
}

static Value emitLogistic(B &b, Value x) {
  return getActivation("Sigmoid")->body(b, x, {});
}

/// The quantile of the normal distribution at x: sqrt(2) erfinv(2 x - 1), by S.
/// Winitzki, "A handy approximation for the error function and its inverse",
/// 2008, with the constants of ONNX Runtime. NaN outside of (0, 1).
static Value emitProbit(B &b, Value x) {
  auto constant = [&](double value) {
    return emitConstant(b, x.getType(), value);
  };
  auto mul = [&](Value a, Value c) -> Value {
    return arith::MulFOp::create(b, a, c);
  };
  auto sub = [&](Value a, Value c) -> Value {
    return arith::SubFOp::create(b, a, c);
  };
  auto add = [&](Value a, Value c) -> Value {
    return arith::AddFOp::create(b, a, c);
  };
  Value one = constant(1), zero = constant(0);
  Value centered = sub(mul(constant(2), x), one);
  Value isNegative = arith::CmpFOp::create(b, P::OLT, centered, zero);
  Value sign = arith::SelectOp::create(b, isNegative, constant(-1), one);
  Value log =
      math::LogOp::create(b, mul(sub(one, centered), add(one, centered)));
  Value v = add(constant(2.0f / (3.14159f * 0.147f)), mul(constant(0.5), log));
  Value v2 = mul(constant(1.0f / 0.147f), log);
  Value root = math::SqrtOp::create(b, sub(mul(v, v), v2));
  Value inverse = mul(sign, math::SqrtOp::create(b, sub(root, v)).getResult());
  return mul(constant(1.41421356f), inverse);
}

/// Softmax of each row in which what is 0 stays 0 and does not count.
static FailureOr<Tensor> emitSoftmaxZero(Node &node, const Tensor &x) {
  FailureOr<Tensor> most = node.emitMax(x, {1});
  if (succeeded(most))
    most = node.emitUnsqueeze(*most, {1});
  if (failed(most))
    return failure();
  auto isZero = [](B &b, Value x) -> Value {
    Value magnitude = math::AbsFOp::create(b, x);
    return arith::CmpFOp::create(b, P::OLE, magnitude,
                                 emitConstant(b, x.getType(), 0.0000001f));
  };
  FailureOr<Tensor> powers =
      node.emitMap({x, *most}, DType::F32, [&](B &b, ValueRange args) -> Value {
        Value difference = arith::SubFOp::create(b, args[0], args[1]);
        Value power = math::ExpOp::create(b, difference);
        return arith::SelectOp::create(
            b, isZero(b, args[0]), emitConstant(b, b.getF32Type(), 0), power);
      });
  if (failed(powers))
    return failure();
  FailureOr<Tensor> sum = node.emitSum(*powers, {1});
  if (succeeded(sum))
    sum = node.emitUnsqueeze(*sum, {1});
  if (failed(sum))
    return failure();
  // What counts as 0 is scaled all the same.
  return node.emitMap(
      {x, *powers, *most, *sum}, DType::F32,
      [&](B &b, ValueRange args) -> Value {
        Value negated = arith::NegFOp::create(b, args[2]);
        Value small = arith::MulFOp::create(
            b, args[0], math::ExpOp::create(b, negated).getResult());
        Value numerator =
            arith::SelectOp::create(b, isZero(b, args[0]), small, args[1]);
        return arith::DivFOp::create(b, numerator, args[3]);
      });
}

static FailureOr<Tensor> applyTransform(Node &node, FailureOr<Tensor> scores,
                                        Transform transform) {
  if (failed(scores))
    return failure();
  switch (transform) {
  case Transform::None:
    return scores;
  case Transform::Logistic:
    return map(node, scores, emitLogistic);
  case Transform::Softmax:
    return emitSoftmax(node, *scores, {1});
  case Transform::SoftmaxZero:
    return emitSoftmaxZero(node, *scores);
  case Transform::Probit:
    return map(node, scores, emitProbit);
  }
  return failure();
}

/// x coefficients^T + intercepts, [batch, count].
static FailureOr<Tensor> emitScores(Node &node, int64_t count,
                                    ArrayRef<double> coefficients,
                                    ArrayRef<double> intercepts) {
  FailureOr<Tensor> x = getRows(node);
  if (failed(x))
    return failure();
  int64_t features = coefficients.size() / count;
  if (coefficients.empty() || coefficients.size() % count != 0)
    return node.error("attribute 'coefficients' has " +
                      Twine(coefficients.size()) + " elements, which are not " +
                      Twine(count) + " rows");
  if (!intercepts.empty() && intercepts.size() != size_t(count))
    return node.error("attribute 'intercepts' has " + Twine(intercepts.size()) +
                      " elements, not " + Twine(count));
  FailureOr<Tensor> fitting = node.expectShape(
      *x, {x->shape[0], features},
      "the input of shape " + node.describe(node.getInput(0).shape) +
          " does not have " + Twine(features) + " features");
  if (failed(fitting))
    return failure();
  SmallVector<double> columns;
  for (int64_t i = 0; i < features; ++i)
    for (int64_t j = 0; j < count; ++j)
      columns.push_back(coefficients[j * features + i]);
  FailureOr<Tensor> scores =
      node.emitMatmul(*fitting, makeFloats(node, columns, {features, count}));
  if (intercepts.empty())
    return scores;
  return combine<arith::AddFOp>(node, scores,
                                makeFloats(node, intercepts, {count}));
}

static LogicalResult importLinearRegressor(Node &node) {
  SmallVector<double> coefficients = node.getFloats("coefficients");
  SmallVector<double> intercepts = node.getFloats("intercepts");
  int64_t targets = node.getInt("targets", 1);
  FailureOr<Transform> transform = getTransform(node);
  if (failed(transform))
    return failure();
  if (targets < 1)
    return node.error("attribute 'targets' is " + Twine(targets));
  // The standard applies these to one score, too; ONNX Runtime does not.
  if (targets == 1 && *transform != Transform::None &&
      *transform != Transform::Probit)
    return node.error("attribute 'post_transform' is not supported for one "
                      "target");
  return node.setResult(applyTransform(
      node, emitScores(node, targets, coefficients, intercepts), *transform));
}

/// The scores of two classes, of which one was computed: that the second is so
/// and so likely is that the first is not.
static FailureOr<Tensor> addFirstClass(Node &node, const Tensor &scores,
                                       Transform transform) {
  bool isLogistic = transform == Transform::Logistic;
  FailureOr<Tensor> second = applyTransform(node, scores, transform);
  FailureOr<Tensor> first =
      map(node, isLogistic ? FailureOr<Tensor>(scores) : second,
          [&](B &b, Value x) -> Value {
            if (isLogistic)
              return emitLogistic(b, arith::NegFOp::create(b, x));
            return arith::SubFOp::create(b, emitConstant(b, x.getType(), 1), x);
          });
  if (failed(first) || failed(second))
    return failure();
  return emitConcat(node, {*first, *second}, 1);
}

/// Labels by their position.
static FailureOr<Tensor> pickLabels(Node &node, FailureOr<Tensor> positions,
                                    ArrayRef<int64_t> labels) {
  if (failed(positions) ||
      llvm::equal(labels, llvm::seq<int64_t>(0, labels.size())))
    return positions;
  Tensor table = makeIntegers(node, labels);
  Value source = node.getValue(table);
  Value extent = getExtentValues(node, table.shape)[0];
  return node.emitMap(
      {*positions}, DType::I64, [&](B &b, ValueRange args) -> Value {
        Value at = arith::IndexCastOp::create(b, b.getIndexType(), args[0]);
        return tensor::ExtractOp::create(b, source,
                                         emitSafeIndex(b, at, extent));
      });
}

/// Labels [batch] of the classes of the greatest scores, and the scores, one
/// for each class. Of two classes one score can be enough.
static LogicalResult importLinearClassifier(Node &node) {
  SmallVector<double> coefficients = node.getFloats("coefficients");
  SmallVector<double> intercepts = node.getFloats("intercepts");
  SmallVector<int64_t> labels =
      node.getInts("classlabels_ints").value_or(SmallVector<int64_t>());
  std::vector<std::string> names = node.getStrings("classlabels_strings")
                                       .value_or(std::vector<std::string>());
  node.getInt("multi_class", 0); // What it says is in the coefficients.
  FailureOr<Transform> transform = getTransform(node);
  if (failed(transform))
    return failure();
  if (labels.empty() == names.empty())
    return node.error("there must be either integers or strings as labels");
  int64_t numLabels = labels.empty() ? names.size() : labels.size();
  int64_t count = intercepts.empty() ? numLabels : intercepts.size();
  bool isBinary = count == 1 && numLabels == 2;
  if (count != numLabels && !isBinary)
    return node.error("there are " + Twine(numLabels) + " labels for " +
                      Twine(count) + " classes");
  if (isBinary && *transform != Transform::None &&
      *transform != Transform::Logistic)
    return node.error("attribute 'post_transform' is not supported for one "
                      "row of coefficients");
  FailureOr<Tensor> scores = emitScores(node, count, coefficients, intercepts);
  if (failed(scores))
    return failure();
  bool isUsed =
      node.hasResult(0) && node.getImporter().isUsed(node.getProto().output(0));
  if (labels.empty() && isUsed)
    return node.error("the labels are strings, which are not supported; make "
                      "them integers, or drop the output of labels");
  if (isUsed) {
    FailureOr<Tensor> positions = failure();
    if (isBinary) {
      FailureOr<Tensor> column = node.emitReshape(*scores, {scores->shape[0]});
      if (failed(column))
        return failure();
      positions = node.emitMap(
          {*column}, DType::I64, [](B &b, ValueRange args) -> Value {
            Value zero = emitConstant(b, b.getF32Type(), 0);
            Value isSecond = arith::CmpFOp::create(b, P::OGT, args[0], zero);
            return arith::ExtUIOp::create(b, b.getI64Type(), isSecond);
          });
    } else {
      positions = emitArgReduction(node, *scores, 1, /*isMin=*/false,
                                   /*takesLast=*/false);
    }
    if (failed(node.setResult(pickLabels(node, positions, labels))))
      return failure();
  }
  FailureOr<Tensor> result = isBinary
                                 ? addFirstClass(node, *scores, *transform)
                                 : applyTransform(node, *scores, *transform);
  if (failed(result))
    return failure();
  node.setResult(1, *result);
  return success();
}

//===----------------------------------------------------------------------===//
// ArrayFeatureExtractor, LabelEncoder, ZipMap
//===----------------------------------------------------------------------===//

/// The elements of the last dimension at positions, of which a vector makes a
/// row.
static LogicalResult importArrayFeatureExtractor(Node &node) {
  Tensor x = node.getInput(0), indices = node.getInput(1);
  if (indices.dtype != DType::I64)
    return node.error("the indices must be i64, not " + getName(indices.dtype));
  if (x.getRank() == 0)
    return node.error("the input needs at least one dimension");
  std::optional<Extent> count = Extent::product(indices.shape);
  if (!count)
    return node.error("the number of indices overflows");
  FailureOr<Tensor> positions = node.emitReshape(indices, {*count});
  IndexForms forms;
  forms.negative = false;
  if (failed(positions) ||
      failed(requireIndices(node, *positions, x.shape.back(), forms)))
    return failure();
  Extents shape = x.shape;
  shape.back() = *count;
  int64_t rank = x.getRank();
  Value source = node.getValue(x);
  Value extent = getExtentValues(node, x.shape).back();
  SmallVector<int64_t> leading = llvm::to_vector(llvm::seq(rank - 1));
  FailureOr<Tensor> aligned = node.emitUnsqueeze(*positions, leading);
  if (failed(aligned))
    return failure();
  FailureOr<Tensor> result = node.emitMap(
      {*aligned}, shape, x.dtype, [&](B &b, ValueRange args) -> Value {
        SmallVector<Value> position;
        for (int64_t i = 0; i + 1 < rank; ++i)
          position.push_back(linalg::IndexOp::create(b, i));
        position.push_back(emitSafeIndex(b, args[0], extent));
        return tensor::ExtractOp::create(b, source, position);
      });
  if (succeeded(result) && rank == 1)
    result = node.emitUnsqueeze(*result, {0});
  return node.setResult(result);
}

/// A vector in a tensor attribute, or one in a list of numbers.
static FailureOr<std::optional<Tensor>> getVector(Node &node, StringRef kind) {
  std::string prefix = kind.str();
  std::optional<Tensor> result;
  if (hasStrings(node, prefix + "_strings"))
    return node.error("strings are not supported, as attribute '" + prefix +
                      "_strings' holds");
  if (std::optional<SmallVector<int64_t>> integers =
          node.getInts(prefix + "_int64s");
      integers && !integers->empty())
    result = makeIntegers(node, *integers);
  if (SmallVector<double> floats = node.getFloats(prefix + "_floats");
      !floats.empty()) {
    if (result)
      return node.error("there is more than one list of " + prefix);
    result = makeFloats(node, floats, {int64_t(floats.size())});
  }
  const onnx::AttributeProto *attribute = node.getAttribute(prefix + "_tensor");
  if (!attribute)
    return result;
  if (result || !attribute->has_t())
    return node.error("attribute '" + prefix +
                      "_tensor' is no tensor, or not the only list");
  llvm::Expected<TensorData> data =
      node.getImporter().getFile().getData(attribute->t());
  if (!data)
    return node.error(llvm::toString(data.takeError()));
  if (!isFloat(data->dtype) && !isInteger(data->dtype))
    return node.error("element type " + getName(data->dtype) +
                      " is not supported");
  result = node.makeTensor(data->dtype, {data->numElements}, nullptr);
  result->constant = DenseElementsAttr::getFromRawBuffer(
      RankedTensorType::get({data->numElements},
                            node.getElementType(data->dtype)),
      data->bytes);
  return result;
}

/// The value that stands where the first equal key does, or the default.
static LogicalResult importLabelEncoder(Node &node) {
  Tensor x = node.getInput(0);
  double defaultFloat = node.getFloat("default_float", -0.0);
  int64_t defaultInteger = node.getInt("default_int64", -1);
  node.getString("default_string", "_Unused");
  if (hasStrings(node, "classes_strings"))
    return node.error("strings are not supported, as attribute "
                      "'classes_strings' holds");
  FailureOr<std::optional<Tensor>> keys = getVector(node, "keys");
  FailureOr<std::optional<Tensor>> values = getVector(node, "values");
  FailureOr<std::optional<Tensor>> other = getVector(node, "default");
  if (failed(keys) || failed(values) || failed(other))
    return failure();
  if (!*keys || !*values || (*keys)->shape[0].isConstant(0) ||
      (*keys)->shape != (*values)->shape)
    return node.error("there must be keys and values, as many of either");
  if ((*keys)->dtype != x.dtype)
    return node.error("keys are " + getName((*keys)->dtype) +
                      ", the input is " + getName(x.dtype));
  DType type = (*values)->dtype;
  if (*other && ((*other)->dtype != type || !(*other)->shape[0].isConstant(1)))
    return node.error("attribute 'default_tensor' must be one " +
                      getName(type));
  int64_t count = *(*keys)->shape[0].getConstant();

  FailureOr<Tensor> column = node.emitUnsqueeze(x, {x.getRank()});
  if (failed(column))
    return failure();
  Value none = node.emitScalar(node.b.getI64Type(), double(count));
  int64_t rank = x.getRank();
  FailureOr<Tensor> matches = node.emitMap(
      {*column, **keys}, DType::I64, [&](B &b, ValueRange args) -> Value {
        Value isEqual;
        if (isFloat(x.dtype)) { // One NaN is as good as another.
          auto isNaN = [&](Value x) -> Value {
            return arith::CmpFOp::create(b, P::UNO, x, x);
          };
          isEqual = arith::OrIOp::create(
              b, arith::CmpFOp::create(b, P::OEQ, args[0], args[1]).getResult(),
              arith::AndIOp::create(b, isNaN(args[0]), isNaN(args[1]))
                  .getResult());
        } else {
          isEqual = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, args[0],
                                          args[1]);
        }
        Value at = arith::IndexCastOp::create(
            b, b.getI64Type(), linalg::IndexOp::create(b, rank).getResult());
        return arith::SelectOp::create(b, isEqual, at, none);
      });
  if (failed(matches))
    return failure();
  FailureOr<Tensor> first = emitMin(node, *matches, {rank});
  if (failed(first))
    return failure();
  Value table = node.getValue(**values);
  Value extent = getExtentValues(node, (*values)->shape)[0];
  Value otherwise;
  if (*other)
    otherwise = tensor::ExtractOp::create(
        node.b, node.getValue(**other),
        arith::ConstantIndexOp::create(node.b, 0).getResult());
  else if (isFloat(type))
    otherwise = node.emitScalar(node.getElementType(type), defaultFloat);
  else
    otherwise = arith::ConstantOp::create(
        node.b,
        node.b.getIntegerAttr(node.getElementType(type), defaultInteger));
  return node.setResult(node.emitMap(
      {*first}, x.shape, type, [&](B &b, ValueRange args) -> Value {
        Value isFound =
            arith::CmpIOp::create(b, arith::CmpIPredicate::slt, args[0], none);
        Value at = arith::IndexCastOp::create(b, b.getIndexType(), args[0]);
        Value found =
            tensor::ExtractOp::create(b, table, emitSafeIndex(b, at, extent));
        return arith::SelectOp::create(b, isFound, found, otherwise);
      }));
}

/// Dictionaries of scores by label, one for each row: there are only tensors.
static LogicalResult importZipMap(Node &node) {
  Tensor x = node.getInput(0);
  node.getInts("classlabels_int64s");
  node.getStrings("classlabels_strings");
  if (x.getRank() != 1 && x.getRank() != 2)
    return node.error("the input has shape " + node.describe(x.shape) +
                      "; it must be a vector or a matrix");
  emitRemark(node.b.getLoc())
      << node.describe() << "left out: its result is the tensor "
      << node.describe(x.shape)
      << " of its input instead of a dictionary of labels for each row";
  node.setResult(0, x);
  return success();
}

void tern::onnx_import::addMachineLearningOps(OpTable &ops) {
  const char *domain = "ai.onnx.ml";
  ops.onOp(domain, "Scaler", 1, 1, importScaler);
  ops.onOp(domain, "Normalizer", 1, 1, importNormalizer);
  ops.onOp(domain, "LinearRegressor", 1, 1, importLinearRegressor);
  ops.onOp(domain, "LinearClassifier", 1, 1, importLinearClassifier);
  ops.onOp(domain, "ArrayFeatureExtractor", 1, 2, importArrayFeatureExtractor);
  ops.onOp(domain, "LabelEncoder", 1, 1, importLabelEncoder);
  ops.onOp(domain, "ZipMap", 1, 1, importZipMap);
}
