//===- Sorting.cpp - ArgMax, TopK, CumSum, CumProd ------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "Indexing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include <limits>

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

/// Whether x comes before y: is greater, or less if `isMin`.
static Value emitIsBefore(B &b, Value x, Value y, DType dtype, bool isMin) {
  if (isMin)
    std::swap(x, y);
  if (isFloat(dtype))
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, y);
  return arith::CmpIOp::create(b,
                               isUnsigned(dtype) ? arith::CmpIPredicate::ugt
                                                 : arith::CmpIPredicate::sgt,
                               x, y);
}

static Value emitIsEqual(B &b, Value x, Value y, DType dtype) {
  if (isFloat(dtype))
    return arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, x, y);
  return arith::CmpIOp::create(b, arith::CmpIPredicate::eq, x, y);
}

FailureOr<Tensor> tern::onnx_import::emitArgReduction(Node &node,
                                                      Tensor operand,
                                                      int64_t axis, bool isMin,
                                                      bool takesLast) {
  if (operand.shape[axis].isConstant(0))
    return node.error("there are no elements along axis " + Twine(axis));
  DType dtype = operand.dtype;
  // The extreme value, then the first or last position that has it.
  FailureOr<Tensor> extreme =
      isMin ? emitMin(node, operand, {axis}) : node.emitMax(operand, {axis});
  if (failed(extreme))
    return failure();
  FailureOr<Tensor> wide = node.emitUnsqueeze(*extreme, {axis});
  if (failed(wide))
    return failure();
  Value none = node.emitScalar(
      node.b.getI64Type(),
      takesLast ? -1 : double(std::numeric_limits<int32_t>::max()));
  FailureOr<Tensor> positions = node.emitMap(
      {operand, *wide}, DType::I64, [&](B &b, ValueRange args) -> Value {
        Value isIt = emitIsEqual(b, args[0], args[1], dtype);
        if (isFloat(dtype)) // The extreme is NaN if an element is.
          isIt = arith::OrIOp::create(
              b, isIt,
              arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, args[0],
                                    args[0])
                  .getResult());
        Value index = arith::IndexCastOp::create(
            b, b.getI64Type(), linalg::IndexOp::create(b, axis));
        return arith::SelectOp::create(b, isIt, index, none);
      });
  if (failed(positions))
    return failure();
  return takesLast ? node.emitMax(*positions, {axis})
                   : emitMin(node, *positions, {axis});
}

static LogicalResult importArgReduction(Node &node, bool isMin) {
  Tensor input = node.getInput(0);
  bool keepsDims = node.getFlag("keepdims", true);
  bool takesLast = node.getFlag("select_last_index", false);
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", 0), input.getRank());
  if (failed(axis) || failed(node.expectTypes(input, Numbers)))
    return failure();
  FailureOr<Tensor> reduced =
      emitArgReduction(node, input, *axis, isMin, takesLast);
  if (failed(reduced))
    return failure();
  if (!keepsDims) {
    node.setResult(0, *reduced);
    return success();
  }
  return node.setResult(node.emitUnsqueeze(*reduced, {*axis}));
}

/// 1 at the first maximum, 0 elsewhere; before opset 13, of the matrix that the
/// dimensions before and from the axis are.
static LogicalResult importHardmax(Node &node) {
  Tensor input = node.getInput(0);
  bool flattens = node.getVersion() < 13;
  FailureOr<int64_t> axis = node.normalizeAxis(
      node.getInt("axis", flattens ? 1 : -1), input.getRank());
  if (failed(axis) || failed(node.expectTypes(input, Floats)))
    return failure();
  FailureOr<Tensor> x = input;
  if (flattens) {
    std::optional<Extent> rows =
        Extent::product(ArrayRef(input.shape).take_front(*axis));
    std::optional<Extent> columns =
        Extent::product(ArrayRef(input.shape).drop_front(*axis));
    if (!rows || !columns)
      return node.error("the number of elements overflows");
    x = node.emitReshape(input, {*rows, *columns});
    axis = 1;
  }
  if (failed(x))
    return failure();
  FailureOr<Tensor> reduced =
      emitArgReduction(node, *x, *axis, /*isMin=*/false, /*takesLast=*/false);
  if (failed(reduced))
    return failure();
  FailureOr<Tensor> where = node.emitUnsqueeze(*reduced, {*axis});
  if (failed(where))
    return failure();
  Type type = node.getElementType(input.dtype);
  FailureOr<Tensor> result = node.emitMap(
      {*where}, x->shape, input.dtype, [&](B &b, ValueRange args) -> Value {
        Value index = arith::IndexCastOp::create(
            b, b.getI64Type(), linalg::IndexOp::create(b, *axis));
        Value isHere =
            arith::CmpIOp::create(b, arith::CmpIPredicate::eq, index, args[0]);
        return arith::SelectOp::create(b, isHere, emitConstant(b, type, 1),
                                       emitConstant(b, type, 0));
      });
  if (failed(result))
    return failure();
  return node.setResult(node.emitReshape(*result, input.shape));
}

//===----------------------------------------------------------------------===//
// TopK
//===----------------------------------------------------------------------===//

/// For each element, how many along the axis come before it: those that are
/// greater (or less), and equal ones with a lower index. NaN comes first.
static Tensor emitRanks(Node &node, Tensor input, int64_t axis, bool isMin) {
  B &b = node.b;
  int64_t rank = input.getRank();
  AffineMap identity = b.getMultiDimIdentityMap(rank + 1).dropResult(rank);
  SmallVector<AffineExpr> others(identity.getResults());
  others[axis] = b.getAffineDimExpr(rank);
  SmallVector<AffineMap> maps = {
      identity, AffineMap::get(rank + 1, 0, others, b.getContext()), identity};
  SmallVector<utils::IteratorType> iterators(rank + 1,
                                             utils::IteratorType::parallel);
  iterators.back() = utils::IteratorType::reduction;
  Type i64 = b.getI64Type();
  Value source = node.getValue(input);
  Value zeros = node.emitFill(node.emitScalar(i64, 0), input.shape);
  auto generic = linalg::GenericOp::create(
      b, TypeRange(zeros.getType()), ValueRange{source, source},
      ValueRange(zeros), maps, iterators,
      [&](OpBuilder &builder, Location loc, ValueRange args) {
        B b(loc, builder);
        Value isBefore = emitIsBefore(b, args[1], args[0], input.dtype, isMin);
        Value isEqual = emitIsEqual(b, args[0], args[1], input.dtype);
        if (isFloat(input.dtype)) {
          using P = arith::CmpFPredicate;
          Value isNaN = arith::CmpFOp::create(b, P::UNO, args[0], args[0]);
          Value otherIsNaN = arith::CmpFOp::create(b, P::UNO, args[1], args[1]);
          Value bothAre = arith::AndIOp::create(b, isNaN, otherIsNaN);
          Value onlyOther = arith::CmpIOp::create(b, arith::CmpIPredicate::ugt,
                                                  otherIsNaN, isNaN);
          isBefore = arith::OrIOp::create(b, isBefore, onlyOther);
          isEqual = arith::OrIOp::create(b, isEqual, bothAre);
        }
        Value isLower = arith::CmpIOp::create(b, arith::CmpIPredicate::ult,
                                              linalg::IndexOp::create(b, rank),
                                              linalg::IndexOp::create(b, axis));
        Value counts = arith::OrIOp::create(
            b, isBefore, arith::AndIOp::create(b, isEqual, isLower));
        linalg::YieldOp::create(
            b, ValueRange{arith::AddIOp::create(
                   b, args[2], arith::ExtUIOp::create(b, i64, counts))});
      });
  return node.makeTensor(DType::I64, input.shape, generic.getResult(0));
}

/// The elements of the ranks 0 to k - 1, and their indices.
static LogicalResult importTopK(Node &node) {
  Tensor input = node.getInput(0);
  bool isMin = !node.getFlag("largest", true);
  node.getFlag("sorted", true); // In order is one of any orders.
  FailureOr<int64_t> axis =
      node.normalizeAxis(node.getInt("axis", -1), input.getRank());
  if (failed(axis) || failed(node.expectTypes(input, Numbers)))
    return failure();
  Extent k;
  if (node.getVersion() < 10) {
    k = node.getInt("k", -1);
  } else {
    std::optional<ArrayRef<Extent>> given = node.getContents(1);
    if (!given || given->size() != 1)
      return node.requireKnown(1, "k");
    k = given->front();
  }
  const Extent &extent = input.shape[*axis];
  bool isTooLarge = k.getConstant() && extent.getConstant() &&
                    *k.getConstant() > *extent.getConstant();
  std::string message = "k is " + node.describe(k) + ", of " +
                        node.describe(extent) + " elements";
  if ((k.getConstant() && *k.getConstant() < 0) || isTooLarge)
    return node.error(message);
  B &b = node.b;
  if (k != extent && !(k.getConstant() && extent.getConstant()) &&
      failed(node.check(
          arith::CmpIOp::create(b, arith::CmpIPredicate::sle,
                                node.getSymbols().getValue(b, k),
                                node.getSymbols().getValue(b, extent)),
          message)))
    return failure();
  Tensor ranks = emitRanks(node, input, *axis, isMin);
  // Loops: the result's positions, then all elements along the axis.
  int64_t rank = input.getRank();
  AffineMap outMap = b.getMultiDimIdentityMap(rank + 1).dropResult(rank);
  SmallVector<AffineExpr> indices(outMap.getResults());
  indices[*axis] = b.getAffineDimExpr(rank);
  AffineMap inMap = AffineMap::get(rank + 1, 0, indices, b.getContext());
  SmallVector<utils::IteratorType> iterators(rank + 1,
                                             utils::IteratorType::parallel);
  iterators.back() = utils::IteratorType::reduction;
  Extents shape(input.shape);
  shape[*axis] = k;
  Value source = node.getValue(input);
  // One reduction for the elements, one for the indices: often only one of
  // them is used.
  for (auto [number, dtype] :
       {std::pair(0, input.dtype), std::pair(1, DType::I64)}) {
    if (!node.hasResult(number))
      continue;
    SmallVector<Value> operands = {ranks.value};
    SmallVector<AffineMap> maps = {inMap, outMap};
    bool isValue = number == 0;
    if (isValue) {
      operands.push_back(source);
      maps.insert(maps.begin(), inMap);
    }
    Type type = node.getElementType(dtype), i64 = b.getI64Type();
    Value init = node.emitFill(node.emitScalar(type, 0), shape);
    auto generic = linalg::GenericOp::create(
        b, TypeRange(init.getType()), operands, ValueRange(init), maps,
        iterators, [&](OpBuilder &builder, Location loc, ValueRange args) {
          B b(loc, builder);
          auto getIndex = [&](int64_t loop) -> Value {
            return arith::IndexCastOp::create(b, i64,
                                              linalg::IndexOp::create(b, loop));
          };
          Value isIt = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                             args[0], getIndex(*axis));
          Value element = isValue ? args[1] : getIndex(rank);
          linalg::YieldOp::create(b, ValueRange{arith::SelectOp::create(
                                         b, isIt, element, args.back())});
        });
    if (isValue && *axis == rank - 1)
      tern::TernDialect::SortedAttrHelper(generic->getContext())
          .setAttr(generic,
                   b.getStringAttr(isMin ? "ascending" : "descending"));
    node.setResult(number, node.makeTensor(dtype, shape, generic.getResult(0)));
  }
  return success();
}

//===----------------------------------------------------------------------===//
// CumSum, CumProd
//===----------------------------------------------------------------------===//

/// One slice along the axis after another.
/// Running sums or products of integers that are known, as a shape's are.
static std::optional<Tensor> foldCumulative(Node &node, const Tensor &input,
                                            bool isProduct, bool isExclusive,
                                            bool isReverse) {
  if (input.getRank() != 1 || !input.contents || isFloat(input.dtype))
    return std::nullopt;
  Tensor result = node.makeTensor(input.dtype, input.shape, nullptr);
  result.contents = input.contents;
  std::optional<Extent> total(isProduct ? 1 : 0);
  for (size_t i = 0, e = result.contents->size(); i < e; ++i) {
    Extent &element = (*result.contents)[isReverse ? e - 1 - i : i];
    std::optional<Extent> before = total;
    total =
        isProduct ? Extent::mul(*total, element) : Extent::add(*total, element);
    if (!total || !fitsType(*total, input.dtype))
      return std::nullopt;
    element = isExclusive ? *before : *total;
  }
  return result;
}

static LogicalResult importCumulative(Node &node, bool isProduct) {
  Tensor input = node.getInput(0);
  bool isExclusive = node.getFlag("exclusive", false);
  bool isReverse = node.getFlag("reverse", false);
  FailureOr<SmallVector<int64_t>> axes = node.getConstants(1, "the axis");
  if (failed(axes) || failed(node.expectTypes(input, Numbers)))
    return failure();
  if (axes->size() != 1)
    return node.error("the axis must be one");
  FailureOr<int64_t> axis = node.normalizeAxis(axes->front(), input.getRank());
  if (failed(axis))
    return failure();
  if (llvm::is_contained(input.shape, Extent(0))) {
    node.setResult(0, input);
    return success();
  }
  if (std::optional<Tensor> known =
          foldCumulative(node, input, isProduct, isExclusive, isReverse)) {
    node.setResult(0, *known);
    return success();
  }
  B &b = node.b;
  DType accumulator = getAccumulatorType(input.dtype);
  FailureOr<Tensor> wide = isFloat(input.dtype)
                               ? node.emitFloatCast(input, accumulator)
                               : FailureOr<Tensor>(input);
  if (failed(wide))
    return failure();
  Type type = node.getElementType(accumulator);
  Extents slice(input.shape);
  slice[*axis] = 1;
  Value source = node.getValue(*wide);
  Value neutral = node.emitScalar(type, isProduct ? 1 : 0);
  Value sums = node.emitFill(neutral, slice);
  Value empty = node.emitEmpty(type, input.shape);
  SmallVector<OpFoldResult> sizes, offsets(input.getRank(), b.getIndexAttr(0)),
      strides(input.getRank(), b.getIndexAttr(1));
  for (const Extent &extent : slice)
    sizes.push_back(node.getSymbols().getFoldResult(b, extent));
  Value extent = node.getSymbols().getValue(b, input.shape[*axis]);
  Value begin = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  auto sliceType = cast<RankedTensorType>(sums.getType());
  AffineMap identity = b.getMultiDimIdentityMap(input.getRank());
  SmallVector<utils::IteratorType> iterators(input.getRank(),
                                             utils::IteratorType::parallel);
  auto loop =
      scf::ForOp::create(b, begin, extent, one, ValueRange{empty, sums});
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(loop.getBody());
    Value index = loop.getInductionVar();
    if (isReverse)
      index = arith::SubIOp::create(b, arith::SubIOp::create(b, extent, one),
                                    index);
    offsets[*axis] = index;
    Value result = loop.getRegionIterArg(0), before = loop.getRegionIterArg(1);
    Value next = tensor::ExtractSliceOp::create(b, sliceType, source, offsets,
                                                sizes, strides);
    if (isExclusive)
      result = tensor::InsertSliceOp::create(b, before, result, offsets, sizes,
                                             strides);
    auto sum = linalg::GenericOp::create(
        b, TypeRange(sliceType), ValueRange(next), ValueRange(before),
        ArrayRef<AffineMap>{identity, identity}, iterators,
        [&](OpBuilder &builder, Location loc, ValueRange args) {
          B b(loc, builder);
          Value x = args[1], y = args[0], total;
          if (isFloat(input.dtype))
            total = isProduct ? arith::MulFOp::create(b, x, y).getResult()
                              : arith::AddFOp::create(b, x, y).getResult();
          else
            total = isProduct ? arith::MulIOp::create(b, x, y).getResult()
                              : arith::AddIOp::create(b, x, y).getResult();
          linalg::YieldOp::create(b, total);
        });
    if (!isExclusive)
      result = tensor::InsertSliceOp::create(b, sum.getResult(0), result,
                                             offsets, sizes, strides);
    scf::YieldOp::create(b, ValueRange{result, sum.getResult(0)});
  }
  Tensor result = node.makeTensor(accumulator, input.shape, loop.getResult(0));
  if (!isFloat(input.dtype)) {
    result.dtype = input.dtype;
    node.setResult(0, result);
    return success();
  }
  return node.setResult(node.emitFloatCast(result, input.dtype));
}

void tern::onnx_import::addSortingOps(OpTable &ops) {
  ops.onOp("ArgMax", 1, 1,
           [](Node &node) { return importArgReduction(node, false); });
  ops.onOp("ArgMin", 1, 1,
           [](Node &node) { return importArgReduction(node, true); });
  ops.onOp("Hardmax", 1, 1, importHardmax);
  ops.onOp("TopK", 1, {1, 2}, importTopK);
  ops.onOp("CumSum", 11, 2, [](Node &node) {
    return importCumulative(node, /*isProduct=*/false);
  });
  ops.onOp("CumProd", 26, 2, [](Node &node) {
    return importCumulative(node, /*isProduct=*/true);
  });
}
