//===- GraphInterface.cpp - Arguments and results of @main ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Ops/NarrowTypes.h"
#include "ConstantWeights.h"
#include "Importer.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>

using namespace mlir;
using namespace tern;
using namespace tern::onnx_import;

//===----------------------------------------------------------------------===//
// Inputs
//===----------------------------------------------------------------------===//

/// The name of a symbolic extent, or nothing. Converters write "?" and the like
/// for each extent that they do not know; the standard's names are
/// identifiers, and equal ones are equal extents.
static StringRef getDimName(const onnx::TensorShapeProto::Dimension &dim) {
  StringRef name = dim.dim_param();
  return is_contained({"?", "-1", "None"}, name) ? StringRef() : name;
}

LogicalResult Importer::addInputs() {
  llvm::StringSet<> names;
  llvm::StringSet<> initializerNames;
  for (const onnx::TensorProto &initializer : graph.initializer())
    initializerNames.insert(initializer.name());
  // Names of dimensions that the model leaves nameless give way to its own.
  UniqueNames dimNames;
  for (const onnx::ValueInfoProto &input : graph.input())
    for (const auto &dim : input.type().tensor_type().shape().dim())
      dimNames.take(getDimName(dim));
  llvm::StringSet<> usedConstants;
  for (const onnx::ValueInfoProto &input : graph.input()) {
    // In old files initializers are listed as inputs too.
    if (initializerNames.contains(input.name()))
      continue;
    if (input.name().empty() || !names.insert(input.name()).second)
      return error("input " + quote(input.name()) + " is declared twice");
    FailureOr<Tensor> tensor = importInput(input, dimNames);
    if (succeeded(tensor)) {
      auto constant = options.constantInputs.find(input.name());
      if (constant != options.constantInputs.end()) {
        usedConstants.insert(input.name());
        tensor = loadConstantInput(input.name(), *tensor, constant->second);
      }
    }
    if (failed(tensor))
      return failure();
    if (auto argument = dyn_cast_or_null<BlockArgument>(tensor->value)) {
      inputArguments[input.name()] = argument;
      // There was memory for it.
      std::optional<Extent> rest = Extent::product(tensor->shape);
      rest = rest ? Extent::sub(maxElements, *rest) : std::nullopt;
      if (rest)
        symbols.assumeNonNegative(*rest);
      normalizeInput(*tensor);
    }
    tensors[input.name()] = std::move(*tensor);
  }
  std::vector<std::string> known;
  for (StringRef name : names.keys())
    known.push_back(name.str());
  llvm::sort(known);
  for (const auto &constant : options.constantInputs)
    if (!usedConstants.contains(constant.getKey()))
      return error("there is no input " + quote(constant.getKey()) +
                   " to bind a constant to" +
                   runtime::suggest(constant.getKey(), known));
  return checkDims();
}

FailureOr<Tensor> Importer::importInput(const onnx::ValueInfoProto &input,
                                        UniqueNames &dimNames) {
  std::string what = "input " + quote(input.name());
  if (!input.type().has_tensor_type())
    return error(what + " is not a tensor");
  const onnx::TypeProto::Tensor &type = input.type().tensor_type();
  std::optional<DType> dtype = getDType(type.elem_type());
  if (!dtype)
    return error(what + " has element type " +
                 getONNXTypeName(type.elem_type()) +
                 ", which is not supported");
  if (!type.has_shape())
    return error(what + " has no shape; its rank must be known");
  int64_t rank = type.shape().dim_size();
  if (rank > maxRank)
    return error(what + " has rank " + Twine(rank) + ", more than " +
                 Twine(maxRank));

  Tensor tensor;
  tensor.dtype = *dtype;
  tensor.loc = getLoc(input.name());
  // The argument comes first, with a type to be corrected, because symbols
  // refer to it.
  BlockArgument argument;
  bool isConstant = options.constantInputs.count(input.name());
  if (!isConstant)
    argument = function.front().addArgument(getMLIRType(*dtype, &context),
                                            Location(tensor.loc));
  SmallVector<Attribute> declared;
  int64_t numBytes = getByteSize(*dtype);
  for (auto [axis, dim] : llvm::enumerate(type.shape().dim())) {
    // Converters write an unknown extent as -1.
    if (dim.has_dim_value() && dim.dim_value() != -1) {
      int64_t value = dim.dim_value();
      if (value < -1)
        return error(what + " has a negative extent, " + Twine(value));
      if (value && llvm::MulOverflow(numBytes, value, numBytes))
        return error(what + " has a size in bytes that overflows");
      tensor.shape.push_back(value);
      continue;
    }
    std::string name = getDimName(dim).str();
    if (name.empty())
      name = dimNames.make(input.name() + "." + std::to_string(axis));
    auto bound = options.dims.find(name);
    auto deduced = deductions.values.find(deductions.resolve(name));
    if (bound != options.dims.end() || deduced != deductions.values.end()) {
      int64_t value = deduced == deductions.values.end() ? 0 : deduced->second;
      if (bound != options.dims.end()) {
        usedDims.insert(name);
        value = bound->second;
      }
      if (value && llvm::MulOverflow(numBytes, value, numBytes))
        return error(what + " has a size in bytes that overflows");
      tensor.shape.push_back(value);
    } else if (isConstant) {
      tensor.shape.push_back(ShapedType::kDynamic); // Whatever the file has.
    } else {
      tensor.shape.push_back(
          symbols.getInput(deductions.resolve(name), argument, axis));
    }
  }
  if (isConstant)
    return tensor;

  argument.setType(RankedTensorType::get(getStaticShape(tensor.shape),
                                         getMLIRType(*dtype, &context)));
  tensor.value = argument;
  return tensor;
}

/// Callers pass elements of less than 8 bits as bytes: what counts are their
/// low bits, as if they had been packed.
void Importer::normalizeInput(Tensor &tensor) {
  if (!isNarrow(tensor.dtype) || getBitWidth(tensor.dtype) == 8)
    return;
  ImplicitLocOpBuilder b(Location(tensor.loc), builder);
  auto type = cast<RankedTensorType>(tensor.value.getType());
  Value empty =
      tensor::EmptyOp::create(b, type.getShape(), type.getElementType(),
                              symbols.getDynamic(b, tensor.shape));
  SmallVector<AffineMap> maps(2, b.getMultiDimIdentityMap(type.getRank()));
  SmallVector<utils::IteratorType> iterators(type.getRank(),
                                             utils::IteratorType::parallel);
  auto generic = linalg::GenericOp::create(
      b, type, tensor.value, empty, maps, iterators,
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        ImplicitLocOpBuilder b(loc, builder);
        linalg::YieldOp::create(b, emitLowBits(b, args[0], tensor.dtype));
      });
  tensor.value = generic.getResult(0);
}

LogicalResult Importer::checkDims() {
  for (const auto &dim : options.dims) {
    if (dim.second < 1)
      return error("--dim " + dim.getKey() + "=" + Twine(dim.second) +
                   ": an extent must be positive");
    if (usedDims.contains(dim.getKey()))
      continue;
    std::vector<std::string> names = symbols.getInputNames();
    for (const auto &used : usedDims)
      names.push_back(used.getKey().str());
    llvm::sort(names);
    return error("--dim: there is no dimension " + quote(dim.getKey()) + "; " +
                 (names.empty() ? "all are static"
                                : "there are: " + llvm::join(names, ", ") +
                                      runtime::suggest(dim.getKey(), names)));
  }
  return success();
}

FailureOr<Tensor> Importer::loadConstantInput(StringRef name,
                                              const Tensor &declared,
                                              StringRef path) {
  std::string what = "--constant-input " + quote(name) + ": ";
  llvm::Expected<onnx::TensorProto> proto = readTensorFile(path);
  if (!proto)
    return error(what + llvm::toString(proto.takeError()));
  proto->set_name(name.str());
  llvm::Expected<TensorHeader> header = ModelFile::getHeader(*proto);
  if (!header)
    return error(what + llvm::toString(header.takeError()));
  if (header->dtype != declared.dtype)
    return error(what + quote(path) + " has element type " +
                 getName(header->dtype) + ", the input " +
                 getName(declared.dtype));
  bool fits = header->shape.size() == declared.shape.size();
  for (size_t i = 0; fits && i < header->shape.size(); ++i)
    fits = declared.shape[i].isConstant(ShapedType::kDynamic) ||
           declared.shape[i].isConstant(header->shape[i]);
  if (!fits)
    return error(what + "the shape in " + quote(path) +
                 " is not that of the input");
  return makeConstant(*proto, name, declared.loc, /*isInitializer=*/false);
}

//===----------------------------------------------------------------------===//
// Parameters and constants
//===----------------------------------------------------------------------===//

LogicalResult Importer::addInitializers() {
  if (graph.sparse_initializer_size() != 0)
    return error("sparse initializers are not supported");
  for (const onnx::TensorProto &initializer : graph.initializer()) {
    if (initializer.name().empty())
      return error("an initializer has no name");
    if (!initializers.try_emplace(initializer.name(), &initializer).second)
      return error("initializer " + quote(initializer.name()) +
                   " is defined a second time");
  }
  return success();
}

/// Reads integers of any width.
static int64_t readInteger(const char *bytes, DType dtype) {
  return runtime::withElementType(
      getElementType(dtype).dtype, [&](auto value) -> int64_t {
        std::memcpy(&value, bytes, sizeof(value));
        return dtype == DType::Bool ? value != 0 : static_cast<int64_t>(value);
      });
}

/// Whether an initializer of floats that could be inlined is a parameter all
/// the same: training may want to change it. One element, of whatever rank, is
/// one only if the graph uses it as one, or if it is wanted.
bool Importer::isParameter(StringRef name, const TensorData &data) {
  if (!isFloat(data.dtype))
    return false;
  if (data.numElements != 1)
    return true;
  std::optional<ParamUse> use = uses->find(name);
  if (!use || use->kind == ParamUse::Kind::Learned)
    return use.has_value();
  // A constant that is asked for is one to say that it is not trained.
  return options.isParameter && options.isParameter(name) &&
         (use->kind != ParamUse::Kind::Constant || !data.shape.empty());
}

FailureOr<Tensor> Importer::makeConstant(const onnx::TensorProto &proto,
                                         StringRef name, LocationAttr loc,
                                         bool isInitializer) {
  llvm::Expected<TensorData> data = file.getData(proto);
  if (!data)
    return error(Location(loc), llvm::toString(data.takeError()));
  Tensor tensor;
  tensor.dtype = data->dtype;
  tensor.shape.assign(data->shape.begin(), data->shape.end());
  tensor.loc = loc;
  bool isSmall = static_cast<int64_t>(data->bytes.size()) <= maxInlineBytes;
  bool isBound = options.constantInputs.count(name) && !isInitializer;
  // However large, a constant of one value is a line of IR: the zeros of a
  // Where, for instance, which patterns then see.
  int64_t size = getByteSize(data->dtype);
  bool isSplat = !isInitializer && data->numElements > 1 &&
                 data->dtype != DType::Bool &&
                 std::memcmp(data->bytes.data(), data->bytes.data() + size,
                             data->bytes.size() - size) == 0;
  bool isInlined = isBound || isSplat ||
                   (isSmall && !(isInitializer && isParameter(name, *data)));
  if (!isInlined) {
    tensor.parameter = name.str();
    parameters[name.str()].data = &proto;
    return tensor;
  }
  if ((isInteger(data->dtype) || data->dtype == DType::Bool) &&
      data->dtype != DType::U64 && data->numElements <= maxContents) {
    tensor.contents.emplace();
    for (int64_t i = 0; i < data->numElements; ++i)
      tensor.contents->push_back(
          readInteger(data->bytes.data() + i * size, data->dtype));
    return tensor;
  }
  auto type =
      RankedTensorType::get(data->shape, getMLIRType(data->dtype, &context));
  if (data->dtype == DType::Bool) {
    SmallVector<bool> values;
    for (char byte : data->bytes)
      values.push_back(byte != 0);
    tensor.constant = DenseElementsAttr::get(type, values);
  } else if (data->numElements == 0) {
    tensor.constant = DenseElementsAttr::get(type, ArrayRef<Attribute>());
  } else {
    tensor.constant = DenseElementsAttr::getFromRawBuffer(
        type, isSplat ? ArrayRef(data->bytes).take_front(size) : data->bytes);
  }
  return tensor;
}

DenseElementsAttr Importer::readSmallParameter(const Tensor &tensor) {
  auto parameter = parameters.find(tensor.parameter);
  if (parameter == parameters.end() || !parameter->second.data)
    return nullptr;
  llvm::Expected<TensorData> data = file.getData(*parameter->second.data);
  if (!data) { // It was read before: this cannot be.
    llvm::consumeError(data.takeError());
    return nullptr;
  }
  if (static_cast<int64_t>(data->bytes.size()) > maxInlineBytes ||
      data->numElements == 0)
    return nullptr;
  return DenseElementsAttr::getFromRawBuffer(
      RankedTensorType::get(data->shape, getMLIRType(data->dtype, &context)),
      data->bytes);
}

Value Importer::getValue(Tensor &tensor) {
  if (tensor.value)
    return tensor.value;
  Location loc(tensor.loc ? tensor.loc : LocationAttr(function.getLoc()));
  ImplicitLocOpBuilder b(loc, builder);
  auto type = RankedTensorType::get(getStaticShape(tensor.shape),
                                    getMLIRType(tensor.dtype, &context));
  if (!tensor.parameter.empty()) {
    Parameter &parameter = parameters[tensor.parameter];
    if (!parameter.argument)
      parameter.argument = function.front().addArgument(type, loc);
    return tensor.value = parameter.argument;
  }
  if (tensor.constant)
    return tensor.value = arith::ConstantOp::create(b, tensor.constant);

  SmallVector<Attribute> constants;
  for (const Extent &extent : *tensor.contents)
    if (std::optional<int64_t> value = extent.getConstant()) {
      if (isFloat(tensor.dtype))
        constants.push_back(
            b.getFloatAttr(type.getElementType(), static_cast<double>(*value)));
      else
        constants.push_back(b.getIntegerAttr(
            type.getElementType(),
            APInt(type.getElementTypeBitWidth(), *value, /*isSigned=*/true,
                  /*implicitTrunc=*/true)));
    }
  if (constants.size() == tensor.contents->size())
    return tensor.value = arith::ConstantOp::create(
               b, DenseElementsAttr::get(type, constants));
  SmallVector<Value> elements;
  for (const Extent &extent : *tensor.contents)
    elements.push_back(symbols.getScalar(b, extent, type.getElementType()));
  return tensor.value = tensor::FromElementsOp::create(b, type, elements);
}

bool Importer::isUsed(StringRef value) {
  if (usedValues.empty()) {
    for (const GraphNode &node : nodes)
      for (const std::string &input : node.proto->input())
        usedValues.insert(input);
    for (const onnx::ValueInfoProto &output : graph.output())
      usedValues.insert(output.name());
  }
  return usedValues.contains(value);
}

Tensor Importer::getUpdated(const Tensor &parameter) {
  auto it = updated.find(parameter.parameter);
  return it == updated.end() ? parameter : it->second;
}

void Importer::update(ImplicitLocOpBuilder &b, Tensor parameter, Tensor value) {
  UpdateParameterOp::create(b, getValue(parameter), getValue(value));
  // Code outside of a branch could not read it.
  if (!isInBranch())
    updated[parameter.parameter] = std::move(value);
}

void Importer::noteLinearUse(const Tensor &weight, int64_t channelAxis) {
  if (weight.parameter.empty())
    return;
  int64_t axis = weight.isTransposed ? 1 - channelAxis : channelAxis;
  std::optional<int64_t> &known = parameters[weight.parameter].channelAxis;
  known = !known || *known == axis ? axis : -1;
}

//===----------------------------------------------------------------------===//
// Results
//===----------------------------------------------------------------------===//

ArrayAttr Importer::getShapeAttr(ArrayRef<Extent> shape) {
  SmallVector<Attribute> extents;
  for (const Extent &extent : shape) {
    if (std::optional<int64_t> value = extent.getConstant())
      extents.push_back(builder.getI64IntegerAttr(*value));
    else
      extents.push_back(builder.getStringAttr(symbols.getInputName(extent)));
  }
  return builder.getArrayAttr(extents);
}

LogicalResult Importer::addResults() {
  if (graph.output_size() == 0)
    return error("the graph has no outputs");
  SmallVector<Value> values;
  SmallVector<DictionaryAttr> resultAttrs;
  auto describe = [&](StringRef kind, StringRef name, const Tensor &tensor) {
    NamedAttrList attrs;
    attrs.set(kind, builder.getStringAttr(name));
    if (llvm::any_of(tensor.shape,
                     [](const Extent &e) { return !e.getConstant(); }))
      attrs.set(kShapeAttrName, getShapeAttr(tensor.shape));
    if (isUnsigned(tensor.dtype) || isNarrowFloat(tensor.dtype))
      attrs.set(kDtypeAttrName,
                builder.getStringAttr(getInterfaceName(tensor.dtype)));
    return attrs.getDictionary(&context);
  };

  // A value may be listed as several outputs. Those after the first get a name
  // of their own, which no other input or output has.
  llvm::StringSet<> listed;
  UniqueNames names;
  for (const auto *infos : {&graph.input(), &graph.output()})
    for (const onnx::ValueInfoProto &info : *infos)
      names.take(info.name());
  auto makeName = [&](const std::string &value) {
    return listed.insert(value).second ? value : names.make(value, "_");
  };

  for (const onnx::ValueInfoProto &output : graph.output()) {
    std::string what = "output " + quote(output.name());
    bool wasReported = false;
    Tensor *tensor = lookup(output.name(), wasReported);
    if (!tensor)
      return wasReported ? failure() : error(what + " is not made by any node");
    if (output.type().has_tensor_type()) {
      int declared = output.type().tensor_type().elem_type();
      if (declared != 0 && declared != static_cast<int>(tensor->dtype))
        return error(what + " is declared with element type " +
                     getONNXTypeName(declared) + ", but computed with " +
                     getName(tensor->dtype));
    }
    values.push_back(getValue(*tensor));
    resultAttrs.push_back(
        describe(kNameAttrName, makeName(output.name()), *tensor));
  }
  func::ReturnOp::create(builder, function.getLoc(), values);
  Block &entry = function.front();
  function.setType(builder.getFunctionType(entry.getArgumentTypes(),
                                           ValueRange(values).getTypes()));
  function.setAllResultAttrs(resultAttrs);

  SmallVector<DictionaryAttr> argAttrs(entry.getNumArguments());
  for (const onnx::ValueInfoProto &input : graph.input()) {
    if (BlockArgument argument = inputArguments.lookup(input.name()))
      argAttrs[argument.getArgNumber()] =
          describe(kNameAttrName, input.name(), tensors[input.name()]);
  }
  bool hasParameters = false;
  for (auto &[name, parameter] : parameters) {
    if (!parameter.argument)
      continue;
    hasParameters = true;
    Tensor tensor;
    tensor.dtype = *getDType(parameter.data->data_type());
    argAttrs[parameter.argument.getArgNumber()] =
        describe(kParamAttrName, name, tensor);
    if (std::optional<ParamUse> use = uses->find(name))
      if (isFloat(tensor.dtype) && !buffers.contains(name)) {
        NamedAttrList attrs(argAttrs[parameter.argument.getArgNumber()]);
        attrs.set(kUseAttrName, use->toAttribute(&context));
        argAttrs[parameter.argument.getArgNumber()] =
            attrs.getDictionary(&context);
      }
  }
  function.setAllArgAttrs(argAttrs);
  for (auto &[name, parameter] : parameters)
    if (parameter.argument && buffers.contains(name))
      function.setArgAttr(parameter.argument.getArgNumber(), kBufferAttrName,
                          builder.getUnitAttr());
  if (hasParameters)
    TernDialect::WeightsAttrHelper(module->getContext())
        .setAttr(module.get(), builder.getStringAttr(file.getPath()));
  return success();
}

void Importer::addTernaryFacts() {
  // Products that rules have not seen as such.
  llvm::DenseMap<BlockArgument, Parameter *> byArgument;
  for (auto &[name, parameter] : parameters)
    if (parameter.argument)
      byArgument[parameter.argument] = &parameter;
  forEachWeight(function, [&](BlockArgument argument, int64_t axis) {
    if (Parameter *parameter = byArgument.lookup(argument)) {
      std::optional<int64_t> &known = parameter->channelAxis;
      known = !known || *known == axis ? axis : -1;
    }
  });
  for (auto &[name, parameter] : parameters) {
    if (!parameter.argument || !parameter.channelAxis)
      continue;
    llvm::Expected<TensorData> data = file.getData(*parameter.data);
    if (!data) { // It was read before: this cannot be.
      llvm::consumeError(data.takeError());
      continue;
    }
    std::string fact = findTernaryFact(*data, *parameter.channelAxis);
    if (!fact.empty())
      function.setArgAttr(parameter.argument.getArgNumber(), kTernaryAttrName,
                          builder.getStringAttr(fact));
  }
  noteComputedWeights(
      function, [&](BlockArgument argument) -> std::optional<TensorData> {
        Parameter *parameter = byArgument.lookup(argument);
        if (!parameter)
          return std::nullopt;
        llvm::Expected<TensorData> read = file.getData(*parameter->data);
        if (!read) { // As above.
          llvm::consumeError(read.takeError());
          return std::nullopt;
        }
        return *read;
      });
}
