//===- ConstantWeights.cpp - Ternary values of computed weights -----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Evaluates tensors element by element from the operations that make them of
// parameters and constants. Numbers are doubles: they hold what integers of 32
// bits and floats hold, and a result rounded to f32 is that of f32. Own code
// because the folders of MLIR make new attributes of whole tensors for each
// operation, and know no parameters.
//
//===----------------------------------------------------------------------===//

#include "ConstantWeights.h"
#include "Importer.h"
#include "TernaryFacts.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "llvm/ADT/TypeSwitch.h"
#include <cmath>

using namespace mlir;
using namespace tern;
using namespace tern::onnx_import;

namespace {
using Index = ArrayRef<int64_t>;
/// The element at an index.
using Getter = std::function<double(Index)>;

/// A scalar of a body, computed from the loops' indices.
using Scalar = std::function<double(Index)>;

class Evaluator {
public:
  explicit Evaluator(ParameterReader read) : read(read) {}

  /// Nothing if the tensor depends on more than parameters and constants, or is
  /// computed in a way that is not followed.
  Getter get(Value tensor);

private:
  Getter getParameter(BlockArgument argument);
  Getter getConstant(DenseElementsAttr elements);
  Getter getElementwise(linalg::LinalgOp op);
  Scalar getScalar(Value value, linalg::LinalgOp owner);
  Scalar getComputed(Operation *op, linalg::LinalgOp owner);

  ParameterReader read;
};
} // namespace

static ArrayRef<int64_t> getShape(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getShape();
}

static int64_t linearize(Index index, ArrayRef<int64_t> shape) {
  int64_t flat = 0;
  for (auto [i, extent] : llvm::zip_equal(index, shape))
    flat = flat * extent + i;
  return flat;
}

static SmallVector<int64_t, 6> delinearize(int64_t flat,
                                           ArrayRef<int64_t> shape) {
  SmallVector<int64_t, 6> index(shape.size());
  for (size_t i = shape.size(); i-- > 0;) {
    index[i] = flat % shape[i];
    flat /= shape[i];
  }
  return index;
}

Getter Evaluator::getParameter(BlockArgument argument) {
  std::optional<TensorData> data = read(argument);
  if (!data || isNarrowFloat(data->dtype))
    return nullptr;
  auto kept = std::make_shared<TensorData>(std::move(*data));
  // Signed as the IR's integers are; who reads them as unsigned ones says so.
  return [kept](Index index) {
    return readElement(*kept, linearize(index, kept->shape));
  };
}

Getter Evaluator::getConstant(DenseElementsAttr elements) {
  bool isFloat = isa<FloatType>(elements.getElementType());
  if (elements.getNumElements() == 0 ||
      (!isFloat && !elements.getElementType().isInteger()))
    return nullptr;
  auto values = std::make_shared<std::vector<double>>();
  if (isFloat) {
    for (const APFloat &value : elements.getValues<APFloat>()) {
      values->push_back(value.convertToDouble());
      if (elements.isSplat())
        break;
    }
  } else {
    for (const APInt &value : elements.getValues<APInt>()) {
      values->push_back(static_cast<double>(value.getSExtValue()));
      if (elements.isSplat())
        break;
    }
  }
  auto shape = SmallVector<int64_t>(elements.getType().getShape());
  bool isSplat = values->size() == 1;
  return [values, shape, isSplat](Index index) {
    return (*values)[isSplat ? 0 : linearize(index, shape)];
  };
}

/// Rounds to a float type.
static double roundTo(Type type, double value) {
  if (type.isF32())
    return static_cast<float>(value);
  if (type.isF64())
    return value;
  APFloat number(value);
  bool losesInfo;
  number.convert(cast<FloatType>(type).getFloatSemantics(),
                 APFloat::rmNearestTiesToEven, &losesInfo);
  return number.convertToDouble();
}

/// The low bits as a signed integer.
static double wrapTo(Type type, double value) {
  if (type.isIndex())
    return value;
  unsigned width = type.getIntOrFloatBitWidth();
  if (width > 32 || std::abs(value) > 9e15)
    return value;
  int64_t bits = static_cast<int64_t>(value) & ((int64_t(1) << width) - 1);
  if (width > 1 && (bits >> (width - 1)) != 0)
    bits -= int64_t(1) << width;
  return static_cast<double>(bits);
}

/// A scalar that is constant.
static std::optional<double> getNumber(Value value) {
  Attribute attr;
  if (!matchPattern(value, m_Constant(&attr)))
    return std::nullopt;
  if (auto number = dyn_cast<FloatAttr>(attr))
    return number.getValueAsDouble();
  if (auto number = dyn_cast<IntegerAttr>(attr))
    return static_cast<double>(number.getValue().getSExtValue());
  return std::nullopt;
}

Scalar Evaluator::getScalar(Value value, linalg::LinalgOp owner) {
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    if (argument.getOwner() != owner.getBlock())
      return nullptr;
    OpOperand *operand = owner.getMatchingOpOperand(argument);
    if (!isa<RankedTensorType>(operand->get().getType()))
      return getScalar(operand->get(), owner);
    Getter source = get(operand->get());
    AffineMap map = owner.getMatchingIndexingMap(operand);
    if (!source || !map)
      return nullptr;
    if (map.isIdentity())
      return source;
    if (!map.isProjectedPermutation(/*allowZeroInResults=*/true))
      return [source, map](Index loops) { return source(map.compose(loops)); };
    SmallVector<int64_t, 6> dims;
    for (AffineExpr expr : map.getResults())
      dims.push_back(isa<AffineDimExpr>(expr)
                         ? cast<AffineDimExpr>(expr).getPosition()
                         : -1);
    return [source, dims](Index loops) {
      SmallVector<int64_t, 6> index;
      for (int64_t dim : dims)
        index.push_back(dim < 0 ? 0 : loops[dim]);
      return source(index);
    };
  }
  if (std::optional<double> constant = getNumber(value))
    return [constant](Index) { return *constant; };
  Operation *op = value.getDefiningOp();
  if (auto surrogate = dyn_cast<SurrogateOp>(op))
    return getScalar(surrogate.getValue(), owner);
  if (auto extract = dyn_cast<tensor::ExtractOp>(op)) {
    Getter source = get(extract.getTensor());
    SmallVector<Scalar, 4> indices;
    for (Value index : extract.getIndices()) {
      indices.push_back(getScalar(index, owner));
      if (!indices.back())
        return nullptr;
    }
    if (!source)
      return nullptr;
    SmallVector<int64_t> shape(getShape(extract.getTensor()));
    return [source, indices, shape](Index loops) {
      SmallVector<int64_t, 6> at;
      for (auto [index, extent] : llvm::zip_equal(indices, shape)) {
        at.push_back(static_cast<int64_t>(index(loops)));
        if (at.back() < 0 || at.back() >= extent)
          return static_cast<double>(NAN); // The model checks its indices.
      }
      return source(at);
    };
  }
  if (auto index = dyn_cast<linalg::IndexOp>(op))
    return [dim = index.getDim()](Index loops) {
      return static_cast<double>(loops[dim]);
    };
  return getComputed(op, owner);
}

Scalar Evaluator::getComputed(Operation *op, linalg::LinalgOp owner) {
  SmallVector<Scalar, 3> args;
  if (op->getNumOperands() == 0 || op->getNumOperands() > 3 ||
      op->getNumResults() != 1)
    return nullptr;
  for (Value operand : op->getOperands()) {
    args.push_back(getScalar(operand, owner));
    if (!args.back())
      return nullptr;
  }
  Type type = op->getResult(0).getType();
  Type from = op->getOperand(0).getType();
  auto unary = [&](auto f) -> Scalar {
    return [f, x = args[0]](Index i) { return f(x(i)); };
  };
  auto binary = [&](auto f) -> Scalar {
    return [f, x = args[0], y = args[1]](Index i) { return f(x(i), y(i)); };
  };
  auto fit = [type](double x) {
    return isa<FloatType>(type) ? roundTo(type, x) : wrapTo(type, x);
  };
  auto asUnsigned = [from](double x) {
    return x < 0 ? x + std::ldexp(1.0, from.getIntOrFloatBitWidth()) : x;
  };
  return llvm::TypeSwitch<Operation *, Scalar>(op)
      .Case<arith::ExtFOp, arith::ExtSIOp, arith::IndexCastOp>(
          [&](auto) { return args[0]; })
      .Case<arith::SelectOp>([&](auto) -> Scalar {
        return [args](Index i) { return args[0](i) ? args[1](i) : args[2](i); };
      })
      .Case<arith::CmpIOp>([&](arith::CmpIOp compare) -> Scalar {
        // Of negative indices, and of those beyond the end.
        if (compare.getPredicate() != arith::CmpIPredicate::slt)
          return nullptr;
        return binary([](double x, double y) { return double(x < y); });
      })
      .Case<arith::MaxSIOp>([&](auto) {
        return binary([](double x, double y) { return std::max(x, y); });
      })
      .Case<arith::MinSIOp>([&](auto) {
        return binary([](double x, double y) { return std::min(x, y); });
      })
      .Case<arith::TruncFOp, arith::SIToFPOp, arith::TruncIOp>(
          [&](auto) { return unary(fit); })
      .Case<arith::UIToFPOp>([&](auto) {
        return unary(
            [fit, asUnsigned](double x) { return fit(asUnsigned(x)); });
      })
      .Case<arith::ExtUIOp>([&](auto) { return unary(asUnsigned); })
      .Case<arith::NegFOp>(
          [&](auto) { return unary([](double x) { return -x; }); })
      .Case<arith::AddFOp, arith::AddIOp>([&](auto) {
        return binary([fit](double x, double y) { return fit(x + y); });
      })
      .Case<arith::SubFOp, arith::SubIOp>([&](auto) {
        return binary([fit](double x, double y) { return fit(x - y); });
      })
      .Case<arith::MulFOp, arith::MulIOp>([&](auto) {
        return binary([fit](double x, double y) { return fit(x * y); });
      })
      .Case<arith::DivFOp>([&](auto) {
        return binary([fit](double x, double y) { return fit(x / y); });
      })
      .Default([](Operation *) -> Scalar { return nullptr; });
}

Getter Evaluator::getElementwise(linalg::LinalgOp op) {
  if (op->getNumResults() != 1 || op.getNumLoops() != op.getNumParallelLoops())
    return nullptr;
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (!map.isPermutation())
    return nullptr;
  Scalar scalar = getScalar(op.getBlock()->getTerminator()->getOperand(0), op);
  if (!scalar || map.isIdentity())
    return scalar;
  AffineMap loops = inversePermutation(map);
  return [scalar, loops](Index index) { return scalar(loops.compose(index)); };
}

Getter Evaluator::get(Value tensor) {
  auto type = dyn_cast<RankedTensorType>(tensor.getType());
  if (!type || !type.hasStaticShape())
    return nullptr;
  if (auto argument = dyn_cast<BlockArgument>(tensor))
    return getParameter(argument);
  Operation *op = tensor.getDefiningOp();
  DenseElementsAttr elements;
  if (matchPattern(tensor, m_Constant(&elements)))
    return getConstant(elements);
  if (auto linalgOp = dyn_cast<linalg::LinalgOp>(op))
    return getElementwise(linalgOp);
  if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(op)) {
    Getter source = get(op->getOperand(0));
    if (!source)
      return nullptr;
    SmallVector<int64_t> from(getShape(op->getOperand(0))), to(type.getShape());
    return [source, from, to](Index index) {
      return source(delinearize(linearize(index, to), from));
    };
  }
  // Codes of a few bytes, converted.
  if (auto elements = dyn_cast<tensor::FromElementsOp>(op)) {
    auto values = std::make_shared<std::vector<double>>();
    for (Value element : elements.getElements()) {
      std::optional<double> value = getNumber(element);
      if (!value)
        return nullptr;
      values->push_back(*value);
    }
    SmallVector<int64_t> shape(type.getShape());
    return [values, shape](Index index) {
      return (*values)[linearize(index, shape)];
    };
  }
  if (auto slice = dyn_cast<tensor::ExtractSliceOp>(op)) {
    Getter source = get(slice.getSource());
    if (!source ||
        !llvm::all_equal(
            {slice.getSourceType().getRank(), slice.getType().getRank()}) ||
        ShapedType::isDynamicShape(slice.getStaticOffsets()) ||
        ShapedType::isDynamicShape(slice.getStaticStrides()))
      return nullptr;
    SmallVector<int64_t> offsets(slice.getStaticOffsets()),
        strides(slice.getStaticStrides());
    return [source, offsets, strides](Index index) {
      SmallVector<int64_t, 6> at;
      for (auto [i, offset, stride] : llvm::zip_equal(index, offsets, strides))
        at.push_back(offset + i * stride);
      return source(at);
    };
  }
  // A Concat writes its parts one after another into what is empty.
  if (auto insert = dyn_cast<tensor::InsertSliceOp>(op)) {
    Getter source = get(insert.getSource());
    bool isEmpty = insert.getDest().getDefiningOp<tensor::EmptyOp>();
    Getter rest = isEmpty ? [](Index) { return NAN; } : get(insert.getDest());
    if (!source || !rest ||
        insert.getSourceType().getRank() != type.getRank() ||
        ShapedType::isDynamicShape(insert.getStaticOffsets()) ||
        llvm::any_of(insert.getStaticStrides(),
                     [](int64_t stride) { return stride != 1; }))
      return nullptr;
    SmallVector<int64_t> offsets(insert.getStaticOffsets()),
        sizes(insert.getSourceType().getShape());
    return [source, rest, offsets, sizes](Index index) {
      SmallVector<int64_t, 6> at;
      for (auto [i, offset, size] : llvm::zip_equal(index, offsets, sizes)) {
        if (i < offset || i >= offset + size)
          return rest(index);
        at.push_back(i - offset);
      }
      return source(at);
    };
  }
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

namespace {
/// A matrix that is a layer's weight: a tensor, and which of its dimensions
/// number the output channels and the inputs.
struct Weight {
  Value tensor;
  unsigned channels, inputs;
};
} // namespace

/// The weight of a product of matrices, transposes taken off.
static std::optional<Weight> getWeight(Operation *candidate) {
  auto op = dyn_cast<linalg::LinalgOp>(candidate);
  if (!op || op.getNumDpsInputs() != 2 || op.getNumReductionLoops() != 1 ||
      !linalg::isaContractionOpInterface(op))
    return std::nullopt;
  OpOperand *operand = op.getDpsInputOperand(1);
  AffineMap map = op.getMatchingIndexingMap(operand);
  if (map.getNumResults() != 2 || !map.isProjectedPermutation())
    return std::nullopt;
  bool isReduced = op.getIteratorTypesArray()[map.getDimPosition(0)] ==
                   utils::IteratorType::reduction;
  Weight weight{operand->get(), isReduced ? 1u : 0u, isReduced ? 0u : 1u};
  while (auto transpose = weight.tensor.getDefiningOp<linalg::TransposeOp>()) {
    weight.tensor = transpose.getInput();
    weight.channels = transpose.getPermutation()[weight.channels];
    weight.inputs = transpose.getPermutation()[weight.inputs];
  }
  return weight;
}

/// Whether something is known about the tensor, or the one that it is a
/// reshaped form of.
static bool hasFact(Value tensor) {
  while (Operation *op = tensor.getDefiningOp()) {
    if (TernDialect::TernaryAttrHelper(op->getContext()).isAttrPresent(op))
      return true;
    if (!isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp,
             linalg::TransposeOp>(op))
      return false;
    tensor = op->getOperand(0);
  }
  auto argument = cast<BlockArgument>(tensor);
  auto function = dyn_cast<func::FuncOp>(argument.getOwner()->getParentOp());
  return function &&
         function.getArgAttr(argument.getArgNumber(), kTernaryAttrName);
}

/// What is known about the matrix [channels, inputs]: "tensor", "row",
/// "group:G" or nothing.
static std::string findFact(const Weight &weight, const Getter &get) {
  ArrayRef<int64_t> shape = getShape(weight.tensor);
  int64_t rows = shape[weight.channels], columns = shape[weight.inputs];
  auto at = [&](int64_t row, int64_t column) {
    int64_t index[2];
    index[weight.channels] = row;
    index[weight.inputs] = column;
    return static_cast<float>(get(index));
  };
  // Of most weights a few elements tell: those of a granule, all of which have
  // 32 columns or more, are not of one magnitude.
  float known = 0;
  for (int64_t column = 0; column < std::min<int64_t>(columns, 32); ++column) {
    float magnitude = std::abs(at(0, column));
    if (known != 0 && magnitude != 0 &&
        std::abs(magnitude - known) > known * 1e-5f)
      return "";
    known = std::max(known, magnitude);
  }
  auto bytes = std::make_shared<std::vector<char>>(rows * columns * 4);
  char *next = bytes->data();
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column, next += 4) {
      float value = at(row, column);
      std::memcpy(next, &value, 4);
    }
  TensorData data;
  data.dtype = DType::F32;
  data.shape = {rows, columns};
  data.numElements = rows * columns;
  data.bytes = *bytes;
  data.owner = bytes;
  return findTernaryFact(data, /*channelAxis=*/0);
}

static void noteWeight(const Weight &weight, ParameterReader read) {
  auto type = cast<RankedTensorType>(weight.tensor.getType());
  Operation *op = weight.tensor.getDefiningOp();
  if (!op || !type.hasStaticShape() || type.getNumElements() == 0 ||
      !(type.getElementType().isF32() || type.getElementType().isInteger(32)) ||
      hasFact(weight.tensor))
    return;
  Getter get = Evaluator(read).get(weight.tensor);
  if (!get)
    return;
  std::string fact = findFact(weight, get);
  if (fact == "row")
    fact = "axis:" + std::to_string(weight.channels);
  else if (StringRef(fact).starts_with("group:"))
    fact += ":" + std::to_string(weight.inputs);
  // The weight of a convolution keeps its dimensions.
  if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(op);
      collapse && weight.channels == 0 && !StringRef(fact).starts_with("g") &&
      collapse.getReassociationIndices()[0].size() == 1 &&
      collapse.getSrc().getDefiningOp())
    op = collapse.getSrc().getDefiningOp();
  if (!fact.empty())
    TernDialect::TernaryAttrHelper(op->getContext())
        .setAttr(op, StringAttr::get(op->getContext(), fact));
}

void tern::onnx_import::forEachWeight(
    func::FuncOp function,
    function_ref<void(BlockArgument argument, int64_t channelAxis)> use) {
  function.walk([&](Operation *op) {
    std::optional<Weight> weight = getWeight(op);
    if (weight && isa<BlockArgument>(weight->tensor))
      use(cast<BlockArgument>(weight->tensor), weight->channels);
  });
}

void tern::onnx_import::noteComputedWeights(func::FuncOp function,
                                            ParameterReader read) {
  llvm::DenseSet<Value> seen;
  function.walk([&](Operation *op) {
    if (std::optional<Weight> weight = getWeight(op))
      if (seen.insert(weight->tensor).second)
        noteWeight(*weight, read);
  });
}
