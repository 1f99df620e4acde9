//===- Constants.cpp - Constant, ConstantOfShape, Range -------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Model/Importer.h"
#include "Elementwise.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

static LogicalResult importConstant(Node &node) {
  const onnx::NodeProto &proto = node.getProto();
  if (proto.attribute_size() != 1 || proto.output_size() != 1)
    return node.error("needs exactly one attribute and one output");
  const onnx::AttributeProto &attribute = proto.attribute(0);
  node.getAttribute(attribute.name());
  onnx::TensorProto storage;
  const onnx::TensorProto *tensor = getConstantTensor(attribute, storage);
  if (!tensor)
    return node.error("attribute " + quote(attribute.name()) +
                      " is not supported");
  if (tensor == &storage)
    tensor = &node.getImporter().keep(std::move(storage));
  return node.setResult(node.getImporter().makeConstant(
      *tensor, proto.output(0), node.b.getLoc(), /*isInitializer=*/false));
}

static LogicalResult importConstantOfShape(Node &node) {
  Tensor value = node.makeConstant(DType::F32, 0);
  if (const onnx::AttributeProto *attribute = node.getAttribute("value")) {
    if (!attribute->has_t())
      return node.error("attribute 'value' is not a tensor");
    llvm::Expected<TensorHeader> header = ModelFile::getHeader(attribute->t());
    if (!header)
      return node.error(llvm::toString(header.takeError()));
    if (header->numElements != 1)
      return node.error("attribute 'value' must have one element");
    FailureOr<Tensor> constant = node.getImporter().makeConstant(
        attribute->t(), "", node.b.getLoc(), /*isInitializer=*/false);
    if (failed(constant))
      return failure();
    value = *constant;
  }
  std::optional<ArrayRef<Extent>> shape = node.getContents(0);
  if (!shape)
    return node.requireKnown(0, "the shape");
  FailureOr<Tensor> scalar = node.emitReshape(value, {});
  if (failed(scalar) || failed(node.checkShape(value.dtype, *shape)))
    return failure();
  std::optional<Extent> count = Extent::product(*shape);
  if (scalar->contents && count && count->getConstant() &&
      *count->getConstant() <= maxContents) {
    Tensor result = node.makeTensor(value.dtype, *shape, nullptr);
    result.contents = Extents(*count->getConstant(), scalar->contents->front());
    node.setResult(0, result);
    return success();
  }
  return node.setResult(
      node.emitMap({*scalar}, *shape, value.dtype,
                   [](B &, ValueRange args) -> Value { return args[0]; }));
}

/// How many of start, start + step, ... there are below the limit, or above it
/// if the step is negative.
static std::optional<Extent> getRangeSize(Node &node, const Extent &start,
                                          const Extent &limit, int64_t step) {
  bool ascends = step > 0;
  std::optional<Extent> count = node.getSymbols().saturatingSub(
      node.b, ascends ? limit : start, ascends ? start : limit);
  if (std::optional<Extent> stride = Extent::mul(step, ascends ? 1 : -1);
      count && stride && !stride->isConstant(1)) {
    count = Extent::add(*count, *stride);
    if (count)
      count = Extent::sub(*count, 1);
    if (count)
      count = node.getSymbols().floorDiv(node.b, *count, *stride);
  }
  return count;
}

/// A range of floats. The number of elements is computed as ONNX Runtime does:
/// the difference in the type of the operands, the quotient in f64.
static LogicalResult importFloatRange(Node &node) {
  B &b = node.b;
  Symbols &symbols = node.getSymbols();
  DType dtype = node.getInput(0).dtype;
  Type type = node.getElementType(dtype), f64 = b.getF64Type();
  SmallVector<Extent, 3> operands;
  SmallVector<Value, 3> values;
  for (unsigned i = 0; i < 3; ++i) {
    Tensor &input = node.getInput(i);
    std::optional<Extents> elements = node.getElements(input);
    if (!elements || elements->size() != 1 || input.dtype != dtype)
      return node.requireKnown(i,
                               "start, limit and step, scalars of one type,");
    operands.push_back(elements->front());
    values.push_back(symbols.getScalar(b, operands.back(), type));
  }
  // Integers need no floats: 0, 1, ... below an extent are as many as that.
  std::optional<Extent> size;
  bool areIntegers = dtype == DType::F32 || dtype == DType::F64;
  for (const Extent &operand : operands)
    areIntegers &= !symbols.isFloat(operand);
  if (areIntegers && operands[2].getConstant().value_or(0) != 0) {
    for (const Extent &operand : operands)
      if (failed(requireExactFloat(node, operand, dtype)))
        return failure();
    size = getRangeSize(node, operands[0], operands[1],
                        *operands[2].getConstant());
  }
  if (!size) {
    auto widen = [&](Value x) {
      return emitScalarCast(b, x, dtype, DType::F64);
    };
    Value limit = emitConstant(b, f64, 1e15);
    std::optional<Value> count = symbols.emitScalar(b, [&]() -> Value {
      Value distance = arith::SubFOp::create(b, values[1], values[0]);
      Value ratio = arith::DivFOp::create(b, widen(distance), widen(values[2]));
      Value rounded = math::CeilOp::create(b, ratio); // NaN stays NaN.
      return arith::MaximumFOp::create(b, rounded, emitConstant(b, f64, 0));
    });
    std::optional<Value> fits = symbols.emitScalar(b, [&]() -> Value {
      return arith::CmpFOp::create(b, arith::CmpFPredicate::OLT, *count, limit);
    });
    std::optional<Value> integer = symbols.emitScalar(b, [&]() -> Value {
      Value safe =
          arith::SelectOp::create(b, *fits, *count, emitConstant(b, f64, 0));
      return arith::FPToSIOp::create(b, b.getI64Type(), safe);
    });
    std::string message = "the number of elements is not finite";
    size = symbols.getExtent(b, *integer, "Range", operands);
    if (matchPattern(*fits, m_Zero()))
      return node.error(message);
    if (!matchPattern(*fits, m_One()) && failed(node.check(*fits, message)))
      return failure();
  }
  if (failed(node.requireNonNegative(*size, "the number of elements is "
                                            "negative")))
    return failure();
  return node.setResult(
      node.emitMap({}, {*size}, dtype, [&](B &b, ValueRange) -> Value {
        Value index = arith::IndexCastOp::create(
            b, b.getI64Type(), linalg::IndexOp::create(b, 0).getResult());
        Value step = arith::SIToFPOp::create(b, type, index);
        Value distance = arith::MulFOp::create(b, step, values[2]);
        return arith::AddFOp::create(b, values[0], distance);
      }));
}

/// start, start + delta, ... below limit. The start and step must be known, and
/// the limit symbolically.
static LogicalResult importRange(Node &node) {
  DType dtype = node.getInput(0).dtype;
  if (isFloat(dtype))
    return importFloatRange(node);
  if (dtype != DType::I64 && dtype != DType::I32 && dtype != DType::I16)
    return node.error("element type " + getName(dtype) + " is not supported");
  Extent values[3];
  for (unsigned i = 0; i < 3; ++i) {
    std::optional<ArrayRef<Extent>> contents = node.getContents(i);
    if (!contents || contents->size() != 1 || node.getInput(i).dtype != dtype)
      return node.requireKnown(i,
                               "start, limit and step, scalars of one type,");
    values[i] = contents->front();
  }
  std::optional<int64_t> step = values[2].getConstant();
  if (!step || *step == 0)
    return node.error("the step must be known and not 0");
  std::optional<Extent> count = getRangeSize(node, values[0], values[1], *step);
  if (!count || failed(node.checkShape(dtype, {*count})))
    return count ? failure() : node.error("the number of elements overflows");
  std::optional<int64_t> n = count->getConstant();
  if (n && *n <= maxContents) {
    Tensor result = node.makeTensor(dtype, {*count}, nullptr);
    result.contents.emplace();
    Extent next = values[0];
    for (int64_t i = 0; i < *n; ++i) {
      result.contents->push_back(next);
      if (std::optional<Extent> sum = Extent::add(next, *step))
        next = *sum;
    }
    node.setResult(0, result);
    return success();
  }
  Type type = node.getElementType(dtype);
  Value start = node.getSymbols().getValue(node.b, values[0]);
  return node.setResult(
      node.emitMap({}, {*count}, dtype, [&](B &b, ValueRange) -> Value {
        Value index = linalg::IndexOp::create(b, 0);
        Value stride = arith::ConstantIndexOp::create(b, *step);
        Value distance = arith::MulIOp::create(b, index, stride);
        Value value = arith::AddIOp::create(b, start, distance);
        return arith::IndexCastOp::create(b, type, value);
      }));
}

void tern::onnx_import::addConstantOps(OpTable &ops) {
  ops.onOp("Constant", 1, 0, importConstant);
  ops.onOp("ConstantOfShape", 9, 1, importConstantOfShape);
  ops.onOp("Range", 11, 3, importRange);
}
