//===- Node.cpp - One ONNX node being imported ----------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Node.h"
#include "../Model/Importer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tern::onnx_import;

Node::Node(Importer &importer, const GraphNode &graphNode, int64_t version,
           ImplicitLocOpBuilder builder)
    : b(std::move(builder)), importer(importer), graphNode(graphNode),
      proto(*graphNode.proto), version(version) {
  results.resize(proto.output_size());
}

StringRef Node::getOpType() const { return proto.op_type(); }

std::string Node::describe() {
  std::string op = proto.op_type();
  if (!proto.domain().empty() && proto.domain() != "ai.onnx")
    op = proto.domain() + "." + op;
  StringRef name = cast<NameLoc>(b.getLoc()).getName();
  return ("node " + quote(name) + " (" + StringRef(quote(op)).trim('\'') +
          ", opset " + Twine(version) + "): ")
      .str();
}

LogicalResult Node::error(const Twine &reason) {
  return importer.error(b.getLoc(), describe() + reason);
}

//===----------------------------------------------------------------------===//
// Inputs and results
//===----------------------------------------------------------------------===//

std::optional<ArrayRef<Extent>> Node::getContents(unsigned i) {
  if (!hasInput(i) || !getInput(i).contents || isFloat(getInput(i).dtype) ||
      getInput(i).getRank() > 1)
    return std::nullopt;
  return ArrayRef<Extent>(*getInput(i).contents);
}

FailureOr<SmallVector<int64_t>> Node::getConstants(unsigned i,
                                                   const char *what) {
  SmallVector<int64_t> values;
  if (std::optional<ArrayRef<Extent>> contents = getContents(i))
    for (const Extent &extent : *contents)
      if (std::optional<int64_t> value = extent.getConstant())
        values.push_back(*value);
  if (!getContents(i) || values.size() != getContents(i)->size())
    return requireKnown(i, what);
  return values;
}

std::optional<SmallVector<double>> Node::getFloatContents(unsigned i) {
  if (!hasInput(i))
    return std::nullopt;
  Tensor &tensor = getInput(i);
  DenseElementsAttr constant = tensor.constant;
  if (!constant && !tensor.parameter.empty() && !tensor.isTransposed)
    constant = importer.readSmallParameter(tensor);
  auto floats = dyn_cast_or_null<DenseFPElementsAttr>(constant);
  if (!floats)
    return std::nullopt;
  SmallVector<double> values;
  for (APFloat value : floats.getValues<APFloat>()) {
    bool losesInfo;
    value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven,
                  &losesInfo);
    values.push_back(value.convertToDouble());
  }
  return values;
}

LogicalResult Node::expectTypes(const Tensor &tensor, unsigned types) {
  unsigned type = isFloat(tensor.dtype)         ? Floats
                  : isInteger(tensor.dtype)     ? Integers
                  : isNarrowFloat(tensor.dtype) ? 0
                                                : Booleans;
  if (type & types)
    return success();
  return error("element type " + getName(tensor.dtype) + " is not supported");
}

FailureOr<SmallVector<Tensor>> Node::getSameTyped(unsigned types) {
  SmallVector<Tensor> operands;
  for (unsigned i = 0; i < getNumInputs(); ++i) {
    if (!hasInput(i))
      return error("input " + Twine(i) + " is missing");
    operands.push_back(getInput(i));
    if (failed(expectTypes(operands.back(), types)))
      return failure();
    if (operands.back().dtype != operands.front().dtype)
      return error("inputs have different element types, " +
                   getName(operands.front().dtype) + " and " +
                   getName(operands.back().dtype));
  }
  return operands;
}

unsigned Node::getNumResults() const { return results.size(); }

bool Node::hasResult(unsigned i) const {
  return i < results.size() && !proto.output(i).empty();
}

void Node::setResult(unsigned i, Tensor tensor) {
  if (i < results.size())
    results[i] = std::move(tensor);
}

LogicalResult Node::setResult(FailureOr<Tensor> tensor) {
  if (failed(tensor))
    return failure();
  setResult(0, std::move(*tensor));
  return success();
}

LogicalResult Node::checkResults() {
  for (unsigned i = 0; i < results.size(); ++i)
    if (hasResult(i) && !results[i] && importer.isUsed(proto.output(i)))
      return error("output " + Twine(i) + " is not supported");
  return success();
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

const onnx::AttributeProto *Node::getAttribute(StringRef name) {
  usedAttributes.insert(name);
  for (const onnx::AttributeProto &attribute : proto.attribute())
    if (attribute.name() == name)
      return &attribute;
  return nullptr;
}

bool Node::hasAttribute(StringRef name) { return getAttribute(name); }

using Proto = onnx::AttributeProto;

/// The attribute if it has the type, or none in files of before type was
/// mandatory, where a scalar of the right kind will do; else null.
template <typename Has>
static const Proto *ofType(const Proto *attribute, Proto::AttributeType type,
                           Has has, std::string &message) {
  if (!attribute || attribute->type() == type ||
      (attribute->type() == Proto::UNDEFINED && (attribute->*has)()))
    return attribute;
  if (message.empty())
    message = "attribute " + quote(attribute->name()) +
              " is not of the type that the operator wants";
  return nullptr;
}

int64_t Node::getInt(StringRef name, int64_t defaultValue) {
  const Proto *given =
      ofType(getAttribute(name), Proto::INT, &Proto::has_i, attributeError);
  return given ? given->i() : defaultValue;
}

bool Node::getFlag(StringRef name, bool defaultValue) {
  int64_t value = getInt(name, defaultValue);
  if (value != 0 && value != 1 && attributeError.empty())
    attributeError = ("attribute " + quote(name) + " is " + Twine(value) +
                      "; it must be 0 or 1")
                         .str();
  return value != 0;
}

double Node::getFloat(StringRef name, double defaultValue) {
  const Proto *given =
      ofType(getAttribute(name), Proto::FLOAT, &Proto::has_f, attributeError);
  return given ? given->f() : defaultValue;
}

StringRef Node::getString(StringRef name, StringRef defaultValue) {
  const Proto *given =
      ofType(getAttribute(name), Proto::STRING, &Proto::has_s, attributeError);
  return given ? StringRef(given->s()) : defaultValue;
}

std::optional<SmallVector<int64_t>> Node::getInts(StringRef name) {
  const Proto *given = ofType(getAttribute(name), Proto::INTS,
                              &Proto::ints_size, attributeError);
  if (!given)
    return std::nullopt;
  return SmallVector<int64_t>(given->ints().begin(), given->ints().end());
}

SmallVector<double> Node::getFloats(StringRef name) {
  const Proto *given = ofType(getAttribute(name), Proto::FLOATS,
                              &Proto::floats_size, attributeError);
  if (!given)
    return {};
  return SmallVector<double>(given->floats().begin(), given->floats().end());
}

std::optional<std::vector<std::string>> Node::getStrings(StringRef name) {
  const Proto *given = ofType(getAttribute(name), Proto::STRINGS,
                              &Proto::strings_size, attributeError);
  if (!given)
    return std::nullopt;
  return std::vector<std::string>(given->strings().begin(),
                                  given->strings().end());
}

LogicalResult Node::checkAttributes() {
  if (!attributeError.empty())
    return error(attributeError);
  llvm::StringSet<> names;
  for (const onnx::AttributeProto &attribute : proto.attribute()) {
    if (!names.insert(attribute.name()).second)
      return error("attribute " + quote(attribute.name()) + " is given twice");
    // The latter was a hint to run in place, before opset 6.
    if (usedAttributes.contains(attribute.name()) ||
        attribute.name() == "consumed_inputs")
      continue;
    return error("attribute " + quote(attribute.name()) + " is not supported");
  }
  return success();
}

FailureOr<int64_t> Node::normalizeAxis(int64_t axis, int64_t rank) {
  if (axis < -rank || axis >= rank)
    return error("axis " + Twine(axis) + " is out of range for rank " +
                 Twine(rank));
  return axis < 0 ? axis + rank : axis;
}

FailureOr<SmallVector<int64_t>> Node::normalizeAxes(ArrayRef<int64_t> axes,
                                                    int64_t rank, bool sorts) {
  SmallVector<int64_t> result;
  for (int64_t axis : axes) {
    FailureOr<int64_t> normal = normalizeAxis(axis, rank);
    if (failed(normal))
      return failure();
    if (llvm::is_contained(result, *normal))
      return error("axis " + Twine(*normal) + " stands twice");
    result.push_back(*normal);
  }
  if (sorts)
    llvm::sort(result);
  return result;
}

//===----------------------------------------------------------------------===//
// Values and types
//===----------------------------------------------------------------------===//

Symbols &Node::getSymbols() { return importer.getSymbols(); }

std::string Node::describe(const Extent &extent) {
  return getSymbols().describe(extent);
}

std::string Node::describe(ArrayRef<Extent> shape) {
  return getSymbols().describe(shape);
}

Value Node::getValue(Tensor &tensor) { return importer.getValue(tensor); }

Type Node::getElementType(DType dtype) {
  return getMLIRType(dtype, b.getContext());
}

RankedTensorType Node::getTensorType(DType dtype, ArrayRef<Extent> shape) {
  return RankedTensorType::get(getStaticShape(shape), getElementType(dtype));
}

LogicalResult Node::checkShape(DType dtype, ArrayRef<Extent> shape) {
  if (static_cast<int64_t>(shape.size()) > maxRank)
    return error("a tensor of rank " + Twine(shape.size()) +
                 " is not supported");
  int64_t numBytes = getByteSize(dtype);
  for (const Extent &extent : shape) {
    std::optional<int64_t> value = extent.getConstant();
    if (failed(requireNonNegative(extent, "shape " + describe(shape) +
                                              " has a negative extent")))
      return failure();
    if (!value || *value == 0 || !llvm::MulOverflow(numBytes, *value, numBytes))
      continue;
    // Of a branch, that is an error only where it is taken.
    return importer.isInBranch()
               ? requireSize(shape)
               : error("a tensor of shape " + describe(shape) +
                       " has a size in bytes that overflows");
  }
  return success();
}

Tensor Node::makeTensor(DType dtype, ArrayRef<Extent> shape, Value value) {
  Tensor result;
  result.dtype = dtype;
  result.shape.assign(shape.begin(), shape.end());
  result.value = value;
  result.loc = b.getLoc();
  return result;
}

Tensor Node::makeConstant(DType dtype, double value) {
  Tensor result = makeTensor(dtype, {}, nullptr);
  Type type = getElementType(dtype);
  result.constant = DenseElementsAttr::get(RankedTensorType::get({}, type),
                                           b.getFloatAttr(type, value));
  return result;
}

Value Node::emitEmpty(Type elementType, ArrayRef<Extent> shape) {
  // Memory for a branch is there before it is known whether it runs: then only
  // what is checked counts.
  if (importer.isInBranch() &&
      isa<func::FuncOp>(b.getInsertionBlock()->getParentOp()))
    (void)requireSize(shape);
  return tensor::EmptyOp::create(b, getStaticShape(shape), elementType,
                                 getSymbols().getDynamic(b, shape));
}

Value Node::emitFill(Value scalar, ArrayRef<Extent> shape) {
  Value empty = emitEmpty(scalar.getType(), shape);
  return linalg::FillOp::create(b, scalar, empty).getResult(0);
}

Value Node::emitScalar(Type type, double value) {
  if (isa<FloatType>(type))
    return arith::ConstantOp::create(b, b.getFloatAttr(type, value));
  return arith::ConstantOp::create(
      b, b.getIntegerAttr(type, static_cast<int64_t>(value)));
}

Value Node::emitExtentAsFloat(const Extent &extent, Type type) {
  if (std::optional<int64_t> value = extent.getConstant())
    return emitScalar(type, static_cast<double>(*value));
  Value integer = arith::IndexCastOp::create(b, b.getI64Type(),
                                             getSymbols().getValue(b, extent));
  return arith::SIToFPOp::create(b, type, integer);
}

DType tern::onnx_import::getAccumulatorType(DType type) {
  return type == DType::F16 || type == DType::BF16 ? DType::F32 : type;
}
