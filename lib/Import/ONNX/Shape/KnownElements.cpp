//===- KnownElements.cpp - Fold tensors computed from extents -------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Operators on tensors of a few elements that are computed from extents, by
// the scalar code that they have anyway: it is put ahead of the model, once for
// each element, and its results are extents again. So a shape may pass through
// any element by element operator, floats included, on its way to where it is
// needed.
//
//===----------------------------------------------------------------------===//

#include "../Model/Importer.h"
#include "../Ops/Node.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/OperationSupport.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include <cmath>

using namespace mlir;
using namespace tern::onnx_import;

/// The pads of a tensor are twice as many as it has dimensions; code for many
/// more elements than that would be long.
static constexpr int64_t maxEvaluated = 16;

/// Whether scalars of the type are what elements of it are in the IR.
static bool hasScalars(DType dtype) {
  return !isNarrow(dtype) && dtype != DType::U64;
}

//===----------------------------------------------------------------------===//
// What is not known
//===----------------------------------------------------------------------===//

/// What the elements of a tensor come from, for messages: the values of an
/// argument of the function; else the first node that made a tensor of extents.
static std::string describeSource(Value tensor) {
  SmallVector<Value> worklist = {tensor};
  DenseSet<Value> seen;
  Operation *first = nullptr;
  Block *block = nullptr;
  while (!worklist.empty()) {
    Value value = worklist.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      if (auto name = dyn_cast<NameLoc>(argument.getLoc());
          name && isa<func::FuncOp>(argument.getOwner()->getParentOp()))
        return "the values of " + quote(name.getName());
      continue;
    }
    Operation *op = value.getDefiningOp();
    if (isa<tensor::DimOp, tensor::EmptyOp>(op))
      continue;
    block = block ? block : op->getBlock();
    if (op->getBlock() == block && isa<TensorType>(value.getType()) &&
        !isa<arith::ConstantOp>(op) && (!first || op->isBeforeInBlock(first)))
      first = op;
    op->walk([&](Operation *nested) {
      worklist.append(nested->operand_begin(), nested->operand_end());
    });
  }
  auto name = first ? dyn_cast<NameLoc>(first->getLoc()) : nullptr;
  return name ? "what node " + quote(name.getName()) + " computes"
              : std::string("what the model computes");
}

LogicalResult Node::requireKnown(unsigned i, const Twine &what) {
  if (!hasInput(i))
    return error("required input " + Twine(i) + " is missing");
  Tensor &tensor = getInput(i);
  if (tensor.getRank() > 1)
    return error(what + " must be a vector, not of shape " +
                 describe(tensor.shape));
  std::string message = (what + " must be known when compiling").str();
  std::string name = quote(proto.input(i));
  if (tensor.contents) {
    for (const Extent &extent : *tensor.contents)
      if (!extent.getConstant())
        return error(message + ", but " + name + " depends on " +
                     describe(extent) + "; fix dynamic dimensions with --dim");
    return error(message);
  }
  if (tensor.constant || !tensor.parameter.empty() || !tensor.value)
    return error(message + ", but " + name +
                 " is a constant of another type, or too large for that");
  std::string source = describeSource(tensor.value);
  return error(message + ", but " + name + " depends on " + source +
               "; bind a graph input with --constant-input, or dynamic "
               "dimensions with --dim");
}

//===----------------------------------------------------------------------===//
// What is known
//===----------------------------------------------------------------------===//

std::optional<Extents> Node::getElements(const Tensor &tensor) {
  if (tensor.contents)
    return tensor.contents;
  DenseElementsAttr constant = tensor.constant;
  if (!constant && !tensor.parameter.empty() && !tensor.isTransposed)
    constant = importer.readSmallParameter(tensor);
  auto floats = dyn_cast_or_null<DenseFPElementsAttr>(constant);
  if (!floats || floats.getNumElements() > maxEvaluated ||
      !isFloat(tensor.dtype))
    return std::nullopt;
  Extents elements;
  for (Attribute value : floats.getValues<Attribute>()) {
    Value scalar = arith::ConstantOp::create(b, cast<TypedAttr>(value));
    elements.push_back(getSymbols().getExtent(b, scalar, getOpType(), {}));
  }
  return elements;
}

std::optional<Tensor>
Node::pickElements(const Tensor &tensor, ArrayRef<Extent> shape,
                   function_ref<void(SmallVectorImpl<int64_t> &)> move) {
  std::optional<Extent> count = Extent::product(shape);
  if (!tensor.contents || !count || !count->getConstant() ||
      *count->getConstant() > maxContents)
    return std::nullopt;
  Tensor result = makeTensor(tensor.dtype, shape, nullptr);
  result.contents.emplace();
  for (int64_t i = 0; i < *count->getConstant(); ++i) {
    SmallVector<int64_t> position(shape.size());
    for (int64_t axis = shape.size(), rest = i; axis-- > 0;) {
      position[axis] = rest % *shape[axis].getConstant();
      rest /= *shape[axis].getConstant();
    }
    move(position);
    int64_t index = 0;
    for (auto [extent, at] : llvm::zip_equal(tensor.shape, position))
      index = index * *extent.getConstant() + at;
    result.contents->push_back((*tensor.contents)[index]);
  }
  return result;
}

/// The element of `operand` that is broadcast to element `index` of `shape`.
static size_t getBroadcastIndex(ArrayRef<Extent> operand,
                                ArrayRef<int64_t> shape, int64_t index) {
  size_t result = 0, stride = 1;
  for (size_t i = 0; i < operand.size(); ++i) {
    int64_t extent = *operand[operand.size() - 1 - i].getConstant();
    int64_t whole = shape[shape.size() - 1 - i];
    if (extent != 1)
      result += index % whole * stride;
    stride *= extent;
    index /= whole;
  }
  return result;
}

std::optional<Tensor> Node::evaluate(ArrayRef<Tensor> operands,
                                     ArrayRef<Extent> shape, DType resultType,
                                     ScalarBuilder body) {
  SmallVector<int64_t> extents;
  int64_t count = 1;
  for (const Extent &extent : shape) {
    extents.push_back(extent.getConstant().value_or(maxEvaluated + 1));
    count = extents.back() > maxEvaluated ? maxEvaluated + 1
                                          : count * extents.back();
    if (count > maxEvaluated)
      return std::nullopt;
  }
  // What is computed in a loop is not there for what comes after it.
  if (operands.empty() || count == 0 || !hasScalars(resultType) ||
      !isa<func::FuncOp>(b.getInsertionBlock()->getParentOp()))
    return std::nullopt;
  Symbols &symbols = getSymbols();
  auto isConstant = [&](const Extent &extent) {
    return symbols.isConstant(extent);
  };
  bool isKnown = false, dependsOnExtents = false;
  for (const Tensor &operand : operands) {
    isKnown |= operand.contents.has_value();
    dependsOnExtents |=
        operand.contents && !llvm::all_of(*operand.contents, isConstant);
    if (!hasScalars(operand.dtype) ||
        !llvm::all_of(operand.shape,
                      [](const Extent &e) { return e.getConstant(); }))
      return std::nullopt;
  }
  if (!isKnown) // Float constants are computed with, as ever.
    return std::nullopt;
  SmallVector<Extents> elements;
  bool hasCode = false;
  for (const Tensor &operand : operands) {
    std::optional<Extents> known = getElements(operand);
    if (!known)
      return std::nullopt;
    elements.push_back(std::move(*known));
    // A parameter may be trained: who wants the tensor gets code.
    hasCode |=
        !operand.parameter.empty() || (operand.contents && operand.value);
  }

  Tensor result = makeTensor(resultType, shape, nullptr);
  result.contents.emplace();
  SmallVector<Attribute> constants;
  for (int64_t i = 0; i < count; ++i) {
    SmallVector<Value> args;
    Extents sources;
    for (auto [operand, known] : llvm::zip_equal(operands, elements)) {
      sources.push_back(known[getBroadcastIndex(operand.shape, extents, i)]);
      args.push_back(
          symbols.getScalar(b, sources.back(), getElementType(operand.dtype)));
    }
    std::optional<Value> scalar =
        symbols.emitScalar(b, [&] { return body(b, args); });
    if (!scalar)
      return std::nullopt;
    Extent extent = symbols.getExtent(b, *scalar, getOpType(), sources,
                                      isUnsigned(resultType));
    // Constants are folded, or nothing is gained.
    Attribute constant;
    if (matchPattern(*scalar, m_Constant(&constant)))
      constants.push_back(constant);
    else if (!dependsOnExtents)
      return std::nullopt;
    result.contents->push_back(std::move(extent));
  }
  if (isFloat(resultType) && static_cast<int64_t>(constants.size()) == count)
    result.constant =
        DenseElementsAttr::get(getTensorType(resultType, shape), constants);
  if (hasCode)
    if (FailureOr<Value> value = emitGeneric(operands, shape, resultType, body);
        succeeded(value))
      result.value = *value;
  return result;
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

unsigned Symbols::ScalarInfo::getHashValue(const Operation *op) {
  return OperationEquivalence::computeHash(
      const_cast<Operation *>(op), OperationEquivalence::directHashValue,
      OperationEquivalence::ignoreHashValue,
      OperationEquivalence::IgnoreLocations);
}

bool Symbols::ScalarInfo::isEqual(const Operation *lhs, const Operation *rhs) {
  auto isMarker = [](const Operation *op) {
    return op == getEmptyKey() || op == getTombstoneKey();
  };
  if (lhs == rhs || isMarker(lhs) || isMarker(rhs))
    return lhs == rhs;
  return OperationEquivalence::isEquivalentTo(
      const_cast<Operation *>(lhs), const_cast<Operation *>(rhs),
      OperationEquivalence::exactValueMatch, /*markEquivalent=*/nullptr,
      OperationEquivalence::IgnoreLocations);
}

bool Symbols::isFloat(const Extent &extent) const {
  return llvm::any_of(extent.getTerms(), [&](const Extent::Term &term) {
    return llvm::any_of(term.atoms, [&](unsigned atom) {
      return atoms[atom].value && isa<FloatType>(atoms[atom].value.getType());
    });
  });
}

bool Symbols::isConstant(const Extent &extent) const {
  std::optional<unsigned> atom = extent.getAtom();
  return extent.getConstant() ||
         (atom && atoms[*atom].value &&
          matchPattern(atoms[*atom].value, m_Constant()));
}

/// Whether what an operation folds constants to is what it computes: of the
/// functions of the math dialect, it is of those that are exact.
static bool foldsExactly(Operation *op) {
  return isa<arith::ArithDialect>(op->getDialect()) ||
         isa<math::FloorOp, math::CeilOp, math::RoundEvenOp, math::AbsFOp>(op);
}

std::optional<Value> Symbols::emitScalar(ImplicitLocOpBuilder &b,
                                         function_ref<Value()> body) {
  Block *block = b.getInsertionBlock();
  Block::iterator end = b.getInsertionPoint();
  Operation *before = end == block->begin() ? nullptr : &*std::prev(end);
  Value result = body();
  SmallVector<Operation *> made;
  for (auto it = before ? std::next(Block::iterator(before)) : block->begin();
       it != end; ++it)
    made.push_back(&*it);
  // Scalars alone, at no particular position.
  bool isScalar = llvm::all_of(made, [](Operation *op) {
    return isPure(op) || isa<arith::ArithDialect>(op->getDialect());
  });
  for (Operation *op : made)
    isScalar &=
        op->getNumRegions() == 0 && op->getNumResults() == 1 &&
        !isa<linalg::IndexOp>(op) &&
        llvm::none_of(op->getOperandTypes(), llvm::IsaPred<ShapedType>) &&
        !isa<ShapedType>(op->getResult(0).getType());
  // What was made is dead, but for what is known from here on: the importer
  // drops it at the end.
  if (!isScalar)
    return std::nullopt;
  for (Operation *op : made) {
    auto replace = [&](Value other) {
      if (result == op->getResult(0))
        result = other;
      op->getResult(0).replaceAllUsesWith(other);
      op->erase();
    };
    SmallVector<Value> folded;
    // A fold in place has no results.
    if (foldsExactly(op) && !isa<arith::ConstantOp>(op)) {
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPoint(op);
      if (succeeded(b.tryFold(op, folded)) && !folded.empty()) {
        Operation *constant = folded.front().getDefiningOp();
        if (constant && isa<arith::ConstantOp>(constant)) {
          auto [known, isNew] = scalars.insert(constant);
          if (!isNew && *known != constant) {
            folded.front() = (*known)->getResult(0);
            // It may be an operand that others have, too.
            if (constant->use_empty())
              constant->erase();
          }
        }
        replace(folded.front());
        continue;
      }
    }
    if (auto [known, isNew] = scalars.insert(op); !isNew)
      replace((*known)->getResult(0));
  }
  return result;
}

Value Symbols::getScalar(ImplicitLocOpBuilder &b, const Extent &extent,
                         Type type) {
  if (std::optional<unsigned> atom = extent.getAtom();
      atom && atoms[*atom].value && atoms[*atom].value.getType() == type &&
      !type.isIndex())
    return atoms[*atom].value;
  std::optional<int64_t> constant = extent.getConstant();
  // Others have it too: no part of what follows.
  Value index = constant ? Value() : getValue(b, extent);
  std::optional<Value> result = emitScalar(b, [&]() -> Value {
    if (auto floatType = dyn_cast<FloatType>(type)) {
      if (constant) {
        APFloat value(floatType.getFloatSemantics());
        value.convertFromAPInt(APInt(64, *constant, /*isSigned=*/true),
                               /*IsSigned=*/true, APFloat::rmNearestTiesToEven);
        return arith::ConstantOp::create(b, b.getFloatAttr(type, value));
      }
      Value integer = arith::IndexCastOp::create(b, b.getI64Type(), index);
      return arith::SIToFPOp::create(b, type, integer);
    }
    if (constant)
      return arith::ConstantOp::create(
          b, b.getIntegerAttr(type, APInt(type.getIntOrFloatBitWidth(),
                                          *constant, /*isSigned=*/true,
                                          /*implicitTrunc=*/true)));
    return arith::IndexCastOp::create(b, type, index);
  });
  return *result;
}

Extent Symbols::getExtent(ImplicitLocOpBuilder &b, Value scalar,
                          StringRef function, ArrayRef<Extent> operands,
                          bool isUnsigned) {
  Type type = scalar.getType();
  bool isBool = type.isInteger(1);
  Attribute constant;
  if (matchPattern(scalar, m_Constant(&constant))) {
    if (auto integer = dyn_cast<IntegerAttr>(constant))
      return isBool || isUnsigned
                 ? static_cast<int64_t>(integer.getValue().getZExtValue())
                 : integer.getValue().getSExtValue();
    APFloat value = cast<FloatAttr>(constant).getValue();
    APSInt integer(/*BitWidth=*/64, /*isUnsigned=*/false);
    bool isExact = false;
    value.convertToInteger(integer, APFloat::rmTowardZero, &isExact);
    if (isExact && !value.isNegZero() &&
        std::abs(integer.getSExtValue()) < (int64_t(1) << 53))
      return integer.getSExtValue();
  }
  // An extent that only changed its type.
  Value index = scalar;
  if (auto converted = index.getDefiningOp<arith::SIToFPOp>())
    index = converted.getIn();
  if (auto cast = index.getDefiningOp<arith::IndexCastOp>();
      cast && cast.getIn().getType().isIndex())
    if (auto known = extents.find(cast.getIn()); known != extents.end()) {
      Range range = getRange(known->second);
      if (!isBool || (range.min >= 0 && range.max <= 1))
        return known->second;
    }
  if (auto known = scalarAtoms.find(scalar); known != scalarAtoms.end())
    return known->second;
  Range range;
  if (isBool)
    range = {0, 1};
  else if (isUnsigned)
    range = Range::nonNegative();
  // No two scalars are equal: the number of the atom tells them apart.
  Extent result = compute(
      (function + "#" + Twine(atoms.size())).str(), operands, range,
      [&]() -> Value {
        if (isa<FloatType>(type))
          return scalar;
        if (isBool || isUnsigned)
          return arith::IndexCastUIOp::create(b, b.getIndexType(), scalar);
        return arith::IndexCastOp::create(b, b.getIndexType(), scalar);
      });
  StringRef name(getAtom(result).name);
  getAtom(result).name =
      (function + name.drop_front(std::min(name.find('('), name.size()))).str();
  scalarAtoms.try_emplace(scalar, result);
  return result;
}
