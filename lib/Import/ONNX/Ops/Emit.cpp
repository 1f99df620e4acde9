//===- Emit.cpp - Node::emit: maps, reductions, reshapes ------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Model/Importer.h"
#include "Node.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"
#include <limits>

using namespace mlir;
using namespace tern::onnx_import;

//===----------------------------------------------------------------------===//
// Element by element
//===----------------------------------------------------------------------===//

FailureOr<Tensor> Node::emitMap(ArrayRef<Tensor> operands, DType resultType,
                                ScalarBuilder body) {
  Extents shape;
  for (const Tensor &operand : operands) {
    FailureOr<Extents> next = broadcast(shape, operand.shape);
    if (failed(next))
      return failure();
    shape = *next;
  }
  return emitMap(operands, shape, resultType, body);
}

FailureOr<Tensor> Node::emitMap(ArrayRef<Tensor> operands,
                                ArrayRef<Extent> shape, DType resultType,
                                ScalarBuilder body) {
  if (failed(checkShape(resultType, shape)))
    return failure();
  if (std::optional<Tensor> known = evaluate(operands, shape, resultType, body))
    return *known;
  FailureOr<Value> value = emitGeneric(operands, shape, resultType, body);
  if (failed(value))
    return failure();
  return makeTensor(resultType, shape, *value);
}

FailureOr<Value> Node::emitGeneric(ArrayRef<Tensor> operands,
                                   ArrayRef<Extent> shape, DType resultType,
                                   ScalarBuilder body) {
  int64_t rank = shape.size();
  SmallVector<Value> values;
  SmallVector<AffineMap> maps;
  for (const Tensor &given : operands) {
    FailureOr<Tensor> stretched = emitStretch(given, shape);
    if (failed(stretched))
      return failure();
    Tensor operand = *stretched;
    // Dimensions of extent 1 that are repeated are dropped, so that indexing
    // maps stay projections.
    Extents kept;
    SmallVector<AffineExpr> exprs;
    int64_t offset = rank - operand.getRank();
    for (auto [i, extent] : llvm::enumerate(operand.shape)) {
      if (extent != shape[offset + i] && extent.isConstant(1))
        continue;
      kept.push_back(extent);
      exprs.push_back(b.getAffineDimExpr(offset + i));
    }
    values.push_back(emitReassociation(getValue(operand), operand.shape, kept,
                                       operand.dtype));
    maps.push_back(AffineMap::get(rank, 0, exprs, b.getContext()));
  }
  Value empty = emitEmpty(getElementType(resultType), shape);
  return tern::buildGeneric(b, b.getLoc(), values, maps, empty,
                            b.getMultiDimIdentityMap(rank),
                            [&](ImplicitLocOpBuilder &nested, ValueRange args) {
                              return body(nested, args.drop_back());
                            });
}

FailureOr<Tensor> Node::emitFloatCast(Tensor operand, DType type) {
  if (operand.dtype == type)
    return operand;
  bool widens = getBitWidth(type) > getBitWidth(operand.dtype);
  return emitMap(
      {operand}, type, [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
        if (widens)
          return arith::ExtFOp::create(b, getElementType(type), args[0]);
        return arith::TruncFOp::create(b, getElementType(type), args[0]);
      });
}

//===----------------------------------------------------------------------===//
// Reductions
//===----------------------------------------------------------------------===//

FailureOr<Tensor> Node::emitReduce(Tensor operand, ArrayRef<int64_t> axes,
                                   Value init, ScalarBuilder body) {
  // A reduction that reduces nothing would not be fused well.
  if (axes.empty() && init.getType() == getElementType(operand.dtype))
    return emitMap({operand}, operand.dtype,
                   [&](ImplicitLocOpBuilder &b, ValueRange args) {
                     return body(b, {args[0], init});
                   });
  int64_t rank = operand.getRank();
  Extents shape;
  SmallVector<AffineExpr> exprs;
  for (int64_t i = 0; i < rank; ++i) {
    if (llvm::is_contained(axes, i))
      continue;
    shape.push_back(operand.shape[i]);
    exprs.push_back(b.getAffineDimExpr(i));
  }
  Value value = getValue(operand);
  Value filled = emitFill(init, shape);
  Value folded = tern::buildGeneric(
      b, b.getLoc(), value, b.getMultiDimIdentityMap(rank), filled,
      AffineMap::get(rank, 0, exprs, b.getContext()), body);
  return makeTensor(operand.dtype, shape, folded);
}

FailureOr<Tensor> Node::emitSum(Tensor operand, ArrayRef<int64_t> axes) {
  DType type = operand.dtype, accumulator = getAccumulatorType(type);
  FailureOr<Tensor> wide = isFloat(type) ? emitFloatCast(operand, accumulator)
                                         : FailureOr<Tensor>(operand);
  if (failed(wide))
    return failure();
  FailureOr<Tensor> sum =
      emitReduce(*wide, axes, emitScalar(getElementType(accumulator), 0),
                 [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
                   if (isFloat(type))
                     return arith::AddFOp::create(b, args[1], args[0]);
                   return arith::AddIOp::create(b, args[1], args[0]);
                 });
  if (failed(sum) || !isFloat(type))
    return sum;
  return emitFloatCast(*sum, type);
}

FailureOr<Tensor> Node::emitMax(Tensor operand, ArrayRef<int64_t> axes) {
  DType type = operand.dtype;
  Type element = getElementType(type);
  if (isFloat(type))
    return emitReduce(
        operand, axes,
        emitScalar(element, -std::numeric_limits<double>::infinity()),
        [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
          return arith::MaximumFOp::create(b, args[1], args[0]);
        });
  unsigned width = getBitWidth(type);
  APInt least = isUnsigned(type) ? APInt::getZero(width)
                                 : APInt::getSignedMinValue(width);
  Value init = arith::ConstantOp::create(b, b.getIntegerAttr(element, least));
  return emitReduce(operand, axes, init,
                    [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
                      if (isUnsigned(type))
                        return arith::MaxUIOp::create(b, args[1], args[0]);
                      return arith::MaxSIOp::create(b, args[1], args[0]);
                    });
}

FailureOr<Tensor> Node::emitMean(Tensor operand, ArrayRef<int64_t> axes) {
  Extents reduced;
  for (int64_t axis : axes)
    reduced.push_back(operand.shape[axis]);
  std::optional<Extent> count = Extent::product(reduced);
  if (!count)
    return error("the number of elements overflows");
  DType type = operand.dtype, accumulator = getAccumulatorType(type);
  FailureOr<Tensor> wide = emitFloatCast(operand, accumulator);
  if (failed(wide))
    return failure();
  FailureOr<Tensor> sum = emitSum(*wide, axes);
  if (failed(sum))
    return failure();
  Value divisor = emitExtentAsFloat(*count, getElementType(accumulator));
  FailureOr<Tensor> mean =
      emitMap({*sum}, accumulator,
              [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
                return arith::DivFOp::create(b, args[0], divisor);
              });
  if (failed(mean))
    return failure();
  return emitFloatCast(*mean, type);
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

/// Matches the dimensions of two shapes of which one is a grouping of the
/// other's: groups of `fine` whose products are the extents of `coarse`.
static bool groupDims(ArrayRef<Extent> fine, ArrayRef<Extent> coarse,
                      SmallVectorImpl<ReassociationIndices> &groups) {
  groups.clear();
  if (coarse.empty())
    return llvm::all_of(fine, [](const Extent &e) { return e.isConstant(1); });
  size_t next = 0;
  for (const Extent &extent : coarse) {
    ReassociationIndices &group = groups.emplace_back();
    std::optional<Extent> product = Extent(1);
    do {
      if (next == fine.size())
        return false;
      product = Extent::mul(*product, fine[next]);
      group.push_back(next++);
    } while (product && *product != extent);
    if (!product)
      return false;
  }
  // What is left over must be ones.
  for (; next < fine.size(); ++next) {
    if (!fine[next].isConstant(1))
      return false;
    groups.back().push_back(next);
  }
  return true;
}

/// The finest shape that both are refinements of; their products are equal.
static Extents getCommonShape(ArrayRef<Extent> a, ArrayRef<Extent> b) {
  Extents result;
  std::optional<Extent> x = Extent(1), y = Extent(1);
  auto take = [](std::optional<Extent> &product, ArrayRef<Extent> &extents) {
    product = product ? Extent::mul(*product, extents.front()) : std::nullopt;
    extents = extents.drop_front();
  };
  while (!a.empty() && !b.empty()) {
    take(x, a);
    take(y, b);
    while (x && y && *x != *y && !(a.empty() && b.empty())) {
      if (b.empty() || (!a.empty() && Extent::divExact(*y, *x)))
        take(x, a);
      else
        take(y, b);
    }
    if (!x || !y || *x != *y)
      return {};
    result.push_back(*x);
    x = y = Extent(1);
  }
  // What is left over are ones: they belong to any group.
  return result;
}

/// Reshapes by collapsing or expanding; null if neither does it.
/// Whether an extent is 0 that is the product of some that are not known: MLIR
/// wants it to be unknown.
static bool isHiddenZero(ArrayRef<Extent> coarse, ArrayRef<Extent> fine,
                         ArrayRef<ReassociationIndices> groups) {
  return llvm::any_of(llvm::zip_equal(coarse, groups), [&](auto pair) {
    auto [extent, group] = pair;
    return extent.isConstant(0) && llvm::any_of(group, [&](int64_t dim) {
             return !fine[dim].getConstant();
           });
  });
}

Value Node::emitReassociation(Value value, ArrayRef<Extent> from,
                              ArrayRef<Extent> to, DType dtype) {
  if (from == to)
    return value;
  SmallVector<ReassociationIndices> groups;
  RankedTensorType type = getTensorType(dtype, to);
  if (from.size() > to.size()) {
    if (!groupDims(from, to, groups))
      return nullptr;
    if (isHiddenZero(to, from, groups))
      return emitEmpty(type.getElementType(), to);
    // Folds with an expansion that made the value.
    return b.createOrFold<tensor::CollapseShapeOp>(type, value, groups);
  }
  if (from.size() == to.size() || !groupDims(to, from, groups))
    return nullptr;
  if (isHiddenZero(from, to, groups))
    return emitEmpty(type.getElementType(), to);
  SmallVector<OpFoldResult> sizes;
  for (const Extent &extent : to)
    sizes.push_back(getSymbols().getFoldResult(b, extent));
  return tensor::ExpandShapeOp::create(b, type, value, groups, sizes);
}

FailureOr<Tensor> Node::emitReshape(Tensor operand, ArrayRef<Extent> shape) {
  if (failed(checkShape(operand.dtype, shape)))
    return failure();
  std::optional<Extent> before = Extent::product(operand.shape);
  std::optional<Extent> after = Extent::product(shape);
  if (!before || !after)
    return error("the number of elements overflows");
  if (*before != *after) {
    // Through a vector, whose extent is one and the other.
    if (failed(require(*before, *after,
                       "cannot reshape " + describe(operand.shape) + " to " +
                           describe(shape) +
                           ": the numbers of elements differ")))
      return failure();
    FailureOr<Tensor> flat = emitReshape(operand, {*before});
    if (failed(flat))
      return failure();
    return emitReshape(assumeShape(*flat, {*after}), shape);
  }
  Tensor result = operand;
  result.shape.assign(shape.begin(), shape.end());
  if (operand.shape == result.shape)
    return result;
  result.parameter.clear();
  if (operand.contents || operand.constant) {
    if (operand.constant)
      result.constant =
          operand.constant.reshape(getTensorType(operand.dtype, result.shape));
    // Code for elements that are known as well: it may read parameters.
    result.value = operand.contents && operand.value
                       ? emitReassociation(operand.value, operand.shape, shape,
                                           operand.dtype)
                       : nullptr;
    result.loc = b.getLoc();
    return result;
  }
  Value source = getValue(operand);
  result.value = emitReassociation(source, operand.shape, shape, operand.dtype);
  if (result.value)
    return result;
  if (before->isConstant(0)) {
    result.value = emitEmpty(getElementType(operand.dtype), shape);
    return result;
  }
  // Through the finest shape that is coarser than both.
  Extents coarse = getCommonShape(operand.shape, shape);
  if (Value collapsed =
          emitReassociation(source, operand.shape, coarse, operand.dtype))
    result.value = emitReassociation(collapsed, coarse, shape, operand.dtype);
  if (!result.value)
    return error("cannot reshape " + describe(operand.shape) + " to " +
                 describe(shape));
  return result;
}

FailureOr<Tensor> Node::emitUnsqueeze(Tensor operand, ArrayRef<int64_t> axes) {
  Extents shape(operand.shape);
  for (int64_t axis : axes)
    shape.insert(shape.begin() + axis, Extent(1));
  return emitReshape(operand, shape);
}

FailureOr<Tensor> Node::emitTranspose(Tensor operand,
                                      ArrayRef<int64_t> permutation) {
  Tensor result = operand;
  result.loc = b.getLoc();
  bool isIdentity = true;
  for (auto [i, axis] : llvm::enumerate(permutation)) {
    result.shape[i] = operand.shape[axis];
    isIdentity &= axis == static_cast<int64_t>(i);
  }
  if (isIdentity)
    return operand;
  if (std::optional<Tensor> moved = pickElements(
          operand, result.shape, [&](SmallVectorImpl<int64_t> &position) {
            SmallVector<int64_t> from(position.begin(), position.end());
            for (auto [to, axis] : llvm::zip_equal(from, permutation))
              position[axis] = to;
          }))
    return *moved;
  result.contents.reset();
  result.constant = nullptr;
  // Only matrices get here with a parameter worth following.
  result.isTransposed = !operand.isTransposed;
  if (operand.getRank() != 2)
    result.parameter.clear();
  Value source = getValue(operand);
  Value empty = emitEmpty(getElementType(operand.dtype), result.shape);
  result.value =
      linalg::TransposeOp::create(b, source, empty, permutation)->getResult(0);
  return result;
}
