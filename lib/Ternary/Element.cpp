//===- Element.cpp - Tensor elements as scalar expressions ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Element.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include <cmath>
#include <cstdio>

using namespace mlir;
using namespace tern;

static AffineMap getEmptyMap(Element element) {
  return AffineMap::get(element.getNumDims(), 0, element.map.getContext());
}

Element Element::get(Value tensor) {
  int64_t rank = cast<RankedTensorType>(tensor.getType()).getRank();
  return {tensor, AffineMap::getMultiDimIdentityMap(rank, tensor.getContext())};
}

bool Element::isTensor() const {
  return isa<RankedTensorType>(value.getType());
}

//===----------------------------------------------------------------------===//
// Reshapes
//===----------------------------------------------------------------------===//

/// Indices within a group of dimensions, of a position in their row-major
/// order. Null if an extent other than the first is dynamic.
static LogicalResult delinearize(AffineExpr linear, ArrayRef<int64_t> extents,
                                 MutableArrayRef<AffineExpr> indices) {
  AffineExpr zero = getAffineConstantExpr(0, linear.getContext());
  size_t numOpen = llvm::count_if(extents, [](int64_t e) { return e != 1; });
  for (size_t i = extents.size(); i-- > 0;) {
    if (extents[i] == 1) {
      indices[i] = zero;
      continue;
    }
    if (--numOpen == 0) { // The outermost that is not of extent 1.
      indices[i] = linear;
      linear = zero;
      continue;
    }
    if (ShapedType::isDynamic(extents[i]))
      return failure();
    indices[i] = linear % extents[i];
    linear = linear.floorDiv(extents[i]);
  }
  return success();
}

/// The inverse: null if an extent other than the first is dynamic.
static AffineExpr linearize(ArrayRef<AffineExpr> indices,
                            ArrayRef<int64_t> extents, MLIRContext *context) {
  AffineExpr linear = getAffineConstantExpr(0, context);
  bool isFirst = true;
  for (auto [index, extent] : llvm::zip_equal(indices, extents)) {
    if (extent == 1)
      continue;
    if (!isFirst && ShapedType::isDynamic(extent))
      return nullptr;
    linear = isFirst ? index : linear * extent + index;
    isFirst = false;
  }
  return linear;
}

/// Indices into `wide` for indices into `narrow`, which collapses it.
static AffineMap expandIndices(AffineMap map, RankedTensorType wide,
                               ArrayRef<ReassociationIndices> groups) {
  SmallVector<AffineExpr> exprs(wide.getRank(),
                                getAffineConstantExpr(0, map.getContext()));
  for (auto [expr, group] : llvm::zip_equal(map.getResults(), groups))
    if (failed(delinearize(
            expr, wide.getShape().slice(group.front(), group.size()),
            MutableArrayRef(exprs).slice(group.front(), group.size()))))
      return {};
  return AffineMap::get(map.getNumDims(), 0, exprs, map.getContext());
}

AffineMap tern::splitColumns(AffineMap map, RankedTensorType type) {
  ReassociationIndices columns =
      llvm::to_vector<2>(llvm::seq<int64_t>(1, type.getRank()));
  AffineMap split = expandIndices(map, type, {{0}, columns});
  return split ? simplifyAffineMap(split) : split;
}

/// Indices into what expands to `wide`, for indices into `wide`.
static AffineMap collapseIndices(AffineMap map, RankedTensorType wide,
                                 ArrayRef<ReassociationIndices> groups) {
  SmallVector<AffineExpr> exprs;
  for (const ReassociationIndices &group : groups) {
    exprs.push_back(linearize(
        map.getResults().slice(group.front(), group.size()),
        wide.getShape().slice(group.front(), group.size()), map.getContext()));
    if (!exprs.back())
      return {};
  }
  return AffineMap::get(map.getNumDims(), 0, exprs, map.getContext());
}

//===----------------------------------------------------------------------===//
// Where an element comes from
//===----------------------------------------------------------------------===//

/// The linalg operation whose body holds the scalar, or null.
static linalg::LinalgOp getBodyOwner(Value scalar) {
  return dyn_cast_or_null<linalg::LinalgOp>(
      scalar.getParentBlock()->getParentOp());
}

/// The scalar that has the value: a surrogate changes the derivative only.
static Value skipSurrogates(Value scalar) {
  while (auto surrogate = scalar.getDefiningOp<SurrogateOp>())
    scalar = surrogate.getValue();
  return scalar;
}

/// What the body of the operation that computes the tensor yields, and its
/// loops; only if every loop is parallel.
static std::optional<Element> getYielded(Element element) {
  auto op = element.value.getDefiningOp<linalg::LinalgOp>();
  if (!op || op.getNumLoops() != op.getNumParallelLoops())
    return std::nullopt;
  unsigned index = cast<OpResult>(element.value).getResultNumber();
  AffineMap map = op.getMatchingIndexingMap(op.getDpsInitOperand(index));
  if (!map.isPermutation())
    return std::nullopt;
  return Element{
      skipSurrogates(op.getBlock()->getTerminator()->getOperand(index)),
      inversePermutation(map).compose(element.map)};
}

static Element normalize(Element element) {
  if (!element.isTensor())
    return element;
  AffineMap map = element.map;
  SmallVector<AffineExpr> exprs;
  auto type = cast<RankedTensorType>(element.value.getType());
  for (auto [expr, extent] : llvm::zip_equal(map.getResults(), type.getShape()))
    exprs.push_back(extent == 1
                        ? getAffineConstantExpr(0, map.getContext())
                        : simplifyAffineExpr(expr, map.getNumDims(), 0));
  return {element.value,
          AffineMap::get(map.getNumDims(), 0, exprs, map.getContext())};
}

/// The operand that an argument of a linalg body stands for.
static std::optional<Element> stepOutOfBody(Element element) {
  auto arg = dyn_cast<BlockArgument>(element.value);
  linalg::LinalgOp op = getBodyOwner(element.value);
  if (!arg || !op)
    return std::nullopt;
  OpOperand *operand = op.getMatchingOpOperand(arg);
  if (op.isDpsInit(operand) && op.getNumLoops() != op.getNumParallelLoops())
    return std::nullopt; // The accumulator.
  AffineMap map = op.getMatchingIndexingMap(operand);
  return Element{operand->get(), map.compose(element.map)};
}

/// One step of `getSource`.
static std::optional<Element> step(Element element) {
  Value value = element.value;
  if (!element.isTensor()) {
    if (std::optional<Element> operand = stepOutOfBody(element))
      return operand;
    if (Value scalar = skipSurrogates(value); scalar != value)
      return Element{scalar, element.map};
    if (auto extract = value.getDefiningOp<tensor::ExtractOp>()) {
      SmallVector<AffineExpr> indices;
      for (Value index : extract.getIndices()) {
        APInt constant;
        if (!matchPattern(index, m_ConstantInt(&constant)))
          return std::nullopt;
        indices.push_back(
            getAffineConstantExpr(constant.getSExtValue(), value.getContext()));
      }
      return Element{
          extract.getTensor(),
          AffineMap::get(element.getNumDims(), 0, indices, value.getContext())};
    }
    // Captured scalars are the same in all positions.
    if (!getBodyOwner(value) && element.map.getNumResults() != 0)
      return Element{value, getEmptyMap(element)};
    return std::nullopt;
  }
  if (std::optional<Element> yielded = getYielded(element))
    return isa<BlockArgument>(yielded->value) || !getBodyOwner(yielded->value)
               ? yielded
               : std::nullopt;
  if (auto op = value.getDefiningOp<tensor::CollapseShapeOp>()) {
    AffineMap map = expandIndices(element.map, op.getSrcType(),
                                  op.getReassociationIndices());
    return map ? std::optional(Element{op.getSrc(), map}) : std::nullopt;
  }
  if (auto op = value.getDefiningOp<tensor::ExpandShapeOp>()) {
    AffineMap map = collapseIndices(element.map, op.getResultType(),
                                    op.getReassociationIndices());
    return map ? std::optional(Element{op.getSrc(), map}) : std::nullopt;
  }
  if (auto op = value.getDefiningOp<tensor::CastOp>())
    if (isa<RankedTensorType>(op.getSource().getType()))
      return Element{op.getSource(), element.map};
  if (auto op = value.getDefiningOp<tensor::SplatOp>())
    return Element{op.getInput(), getEmptyMap(element)};
  if (auto op = value.getDefiningOp<tensor::FromElementsOp>())
    if (op.getElements().size() == 1)
      return Element{op.getElements()[0], getEmptyMap(element)};
  return std::nullopt;
}

Element tern::getSource(Element element) {
  while (std::optional<Element> next = step(element))
    element = *next;
  return normalize(element);
}

SmallVector<Element> tern::getTensors(Element element) {
  SmallVector<Element> tensors;
  std::optional<Element> next = element;
  for (; next; next = step(*next))
    if (next->isTensor())
      tensors.push_back(normalize(*next));
  return tensors;
}

Element tern::getScalar(Element element) {
  element = getSource(element);
  if (element.isTensor())
    if (std::optional<Element> yielded = getYielded(element))
      return *yielded;
  return element;
}

Operation *tern::getComputation(Element element) {
  element = getScalar(element);
  return element.isTensor() ? nullptr : element.value.getDefiningOp();
}

Element tern::getOperand(Element element, unsigned index) {
  element = getScalar(element);
  Element operand{element.value.getDefiningOp()->getOperand(index),
                  element.map};
  if (std::optional<Element> outside = stepOutOfBody(operand))
    return *outside;
  return operand;
}

std::optional<double> tern::getConstant(Element element) {
  element = getScalar(element);
  Attribute attr;
  if (matchPattern(element.value, m_Constant(&attr))) {
    if (auto dense = dyn_cast<DenseElementsAttr>(attr)) {
      if (dense.getNumElements() == 0)
        return std::nullopt;
      attr = *dense.getValues<Attribute>().begin();
      if (!dense.isSplat() && !llvm::all_equal(dense.getValues<Attribute>()))
        return std::nullopt;
    }
    if (auto number = dyn_cast<FloatAttr>(attr))
      return number.getValueAsDouble();
    if (auto number = dyn_cast<IntegerAttr>(attr))
      return number.getValue().getSExtValue();
    return std::nullopt;
  }
  Operation *op = getComputation(element);
  if (!isa_and_nonnull<arith::ExtFOp, arith::TruncFOp, arith::SIToFPOp,
                       arith::UIToFPOp, arith::ExtSIOp, arith::ExtUIOp,
                       arith::NegFOp>(op))
    return std::nullopt;
  std::optional<double> operand = getConstant(getOperand(element, 0));
  if (!operand)
    return std::nullopt;
  // Integers are constants by their sign.
  if (isa<arith::UIToFPOp, arith::ExtUIOp>(op) && *operand < 0)
    *operand +=
        std::ldexp(1.0, op->getOperand(0).getType().getIntOrFloatBitWidth());
  if (op->getResult(0).getType().isInteger())
    return operand;
  if (isa<arith::NegFOp>(op))
    return -*operand;
  if (!op->getResult(0).getType().isF32())
    return isa<arith::TruncFOp>(op) ? std::nullopt : operand;
  return static_cast<float>(*operand);
}

/// `isSame` that looks at no more than `budget` computations: a graph in which
/// values are used twice at each step has exponentially many paths.
static bool isSameWithin(Element a, Element b, int &budget) {
  a = getSource(a);
  b = getSource(b);
  if (a == b)
    return true;
  if (std::optional<double> value = getConstant(a))
    return value == getConstant(b);
  a = getScalar(a);
  b = getScalar(b);
  if (a == b)
    return true;
  Operation *opA = getComputation(a), *opB = getComputation(b);
  if (!opA || !opB || opA->getName() != opB->getName() ||
      opA->getAttrDictionary() != opB->getAttrDictionary() ||
      opA->getNumOperands() != opB->getNumOperands() ||
      opA->getNumOperands() == 0 || !isPure(opA) || !isPure(opB) ||
      opA->getResultTypes() != opB->getResultTypes() || --budget < 0)
    return false;
  for (unsigned i = 0, e = opA->getNumOperands(); i < e; ++i)
    if (!isSameWithin(getOperand(a, i), getOperand(b, i), budget))
      return false;
  return true;
}

bool tern::isSame(Element a, Element b) {
  int budget = 64;
  return isSameWithin(a, b, budget);
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

std::optional<Reduction> tern::getReduction(Element element) {
  element = getSource(element);
  if (!element.isTensor())
    return std::nullopt;
  auto op = element.value.getDefiningOp<linalg::LinalgOp>();
  if (!op || op.getNumReductionLoops() == 0 || op.getNumDpsInits() != 1)
    return std::nullopt;
  AffineMap outMap = op.getMatchingIndexingMap(op.getDpsInitOperand(0));
  if (!outMap.isProjectedPermutation())
    return std::nullopt;

  // Body: combiner(accumulator, input), in either order.
  Operation *combiner =
      op.getBlock()->getTerminator()->getOperand(0).getDefiningOp();
  if (!isa_and_nonnull<arith::AddFOp, arith::MaximumFOp, arith::MaxNumFOp,
                       arith::MinimumFOp, arith::MinNumFOp>(combiner))
    return std::nullopt;
  Value accumulator = op.getRegionOutputArgs()[0];
  bool isLeft = combiner->getOperand(0) == accumulator;
  if (!isLeft && combiner->getOperand(1) != accumulator)
    return std::nullopt;
  Reduction result;
  result.kind = isa<arith::AddFOp>(combiner) ? Reduction::Sum
                : isa<arith::MaximumFOp, arith::MaxNumFOp>(combiner)
                    ? Reduction::Max
                    : Reduction::Min;

  std::optional<double> init =
      getConstant({op.getDpsInitOperand(0)->get(), element.map});
  if (!init || (result.kind == Reduction::Sum   ? *init != 0
                : result.kind == Reduction::Max ? *init > 0
                                                : *init < 0))
    return std::nullopt;
  result.init = *init;

  MLIRContext *context = op.getContext();
  unsigned numDims = element.getNumDims();
  SmallVector<AffineExpr> loops(op.getNumLoops());
  for (auto [position, expr] : llvm::enumerate(outMap.getResults()))
    loops[cast<AffineDimExpr>(expr).getPosition()] =
        element.map.getResult(position);
  SmallVector<int64_t> ranges = op.getStaticLoopRanges();
  for (auto [loop, iterator] : llvm::enumerate(op.getIteratorTypesArray())) {
    if (iterator != utils::IteratorType::reduction)
      continue;
    loops[loop] = getAffineDimExpr(numDims + result.extents.size(), context);
    result.extents.push_back(ranges[loop]);
  }
  if (llvm::is_contained(loops, AffineExpr()))
    return std::nullopt;
  Element input{
      combiner->getOperand(isLeft ? 1 : 0),
      AffineMap::get(numDims + result.extents.size(), 0, loops, context)};
  std::optional<Element> outside = stepOutOfBody(input);
  result.input = outside ? *outside : input;
  return result;
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

bool tern::isClose(double a, double b) {
  return std::abs(a - b) <= 1e-6 * std::max(std::abs(a), std::abs(b));
}

double tern::getShortestF32(double value) {
  char text[32];
  for (int digits = 1; digits <= 9; ++digits) {
    std::snprintf(text, sizeof(text), "%.*g", digits, value);
    double shorter = std::strtod(text, nullptr);
    if (static_cast<float>(shorter) == static_cast<float>(value))
      return shorter;
  }
  return value;
}

/// `budget` is the number of products and quotients to take apart; what is left
/// then are bases.
static void collectFactors(Element element, int power, Monomial &result,
                           int &budget) {
  if (std::optional<double> value = getConstant(element)) {
    result.factor *= power > 0 ? *value : 1 / *value;
    return;
  }
  if (budget > 0) {
    if (auto operand = matchUnary<arith::ExtFOp, arith::TruncFOp>(element)) {
      --budget;
      return collectFactors(*operand, power, result, budget);
    }
    bool isProduct = true;
    auto operands = matchBinary<arith::MulFOp>(element);
    if (!operands) {
      isProduct = false;
      operands = matchBinary<arith::DivFOp>(element);
    }
    if (operands) {
      --budget;
      collectFactors(operands->first, power, result, budget);
      return collectFactors(operands->second, isProduct ? power : -power,
                            result, budget);
    }
  }
  for (auto &[base, exponent] : result.bases)
    if (isSame(base, element)) {
      exponent += power;
      return;
    }
  result.bases.emplace_back(element, power);
}

Monomial tern::getMonomial(Element element) {
  Monomial result;
  int budget = 32;
  collectFactors(element, 1, result, budget);
  llvm::erase_if(result.bases, [](auto &base) { return base.second == 0; });
  return result;
}

Monomial Monomial::getInverse() const {
  Monomial result = *this;
  result.factor = 1 / factor;
  for (auto &[base, power] : result.bases)
    power = -power;
  return result;
}

bool tern::isSame(const Monomial &a, const Monomial &b) {
  return isClose(a.factor, b.factor) && a.bases.size() == b.bases.size() &&
         llvm::all_of(a.bases, [&](const auto &x) {
           return llvm::any_of(b.bases, [&](const auto &y) {
             return x.second == y.second && isSame(x.first, y.first);
           });
         });
}
