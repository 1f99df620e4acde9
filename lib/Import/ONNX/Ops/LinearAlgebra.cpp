//===- LinearAlgebra.cpp - MatMul and Gemm --------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinearAlgebra.h"
#include "../Model/Importer.h"
#include "Node.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"

using namespace mlir;
using namespace tern::onnx_import;

Value tern::onnx_import::emitProductSum(ImplicitLocOpBuilder &b,
                                        ValueRange factors, Value sum) {
  Type type = sum.getType();
  bool isFloating = isa<FloatType>(type);
  Value product;
  for (Value factor : factors) {
    if (factor.getType() != type)
      factor = arith::ExtFOp::create(b, type, factor);
    if (!product)
      product = factor;
    else if (isFloating)
      product = arith::MulFOp::create(b, product, factor);
    else
      product = arith::MulIOp::create(b, product, factor);
  }
  return isFloating ? arith::AddFOp::create(b, sum, product).getResult()
                    : arith::AddIOp::create(b, sum, product).getResult();
}

/// What a matmul accumulates in starts from zero.
static Value emitZeros(Node &node, DType accumulator, ArrayRef<Extent> shape) {
  return node.emitFill(node.emitScalar(node.getElementType(accumulator), 0),
                       shape);
}

/// lhs [M, K] times rhs [K, N]: a linalg.matmul.
static FailureOr<Tensor> emitMatrixProduct(Node &node, Tensor lhs, Tensor rhs) {
  DType accumulator = getAccumulatorType(lhs.dtype);
  Extents shape = {lhs.shape[0], rhs.shape[1]};
  node.getImporter().noteLinearUse(rhs, /*channelAxis=*/1);
  Value a = node.getValue(lhs), b = node.getValue(rhs);
  Value zeros = emitZeros(node, accumulator, shape);
  auto matmul = linalg::MatmulOp::create(node.b, TypeRange(zeros.getType()),
                                         ValueRange{a, b}, ValueRange(zeros));
  return node.emitFloatCast(
      node.makeTensor(accumulator, shape, matmul.getResult(0)), lhs.dtype);
}

/// lhs [B, M, K] times rhs [B, K, N]: a linalg.batch_matmul.
static FailureOr<Tensor> emitBatchProduct(Node &node, Tensor lhs, Tensor rhs) {
  DType accumulator = getAccumulatorType(lhs.dtype);
  Extents shape = {lhs.shape[0], lhs.shape[1], rhs.shape[2]};
  Value a = node.getValue(lhs), b = node.getValue(rhs);
  Value zeros = emitZeros(node, accumulator, shape);
  auto matmul = linalg::BatchMatmulOp::create(
      node.b, TypeRange(zeros.getType()), ValueRange{a, b}, ValueRange(zeros));
  return node.emitFloatCast(
      node.makeTensor(accumulator, shape, matmul.getResult(0)), lhs.dtype);
}

/// Stacks of matrices whose leading dimensions are broadcast to `batch`: a
/// linalg.generic, which reads the operands where they are instead of
/// repeating them.
static FailureOr<Tensor> emitBroadcastProduct(Node &node, Tensor lhs,
                                              Tensor rhs,
                                              ArrayRef<Extent> batch) {
  DType accumulator = getAccumulatorType(lhs.dtype);
  int64_t numBatch = batch.size(), numLoops = numBatch + 3;
  // Loops: the batch, then m, n, k.
  Extents shape(batch.begin(), batch.end());
  shape.push_back(lhs.shape.end()[-2]);
  shape.push_back(rhs.shape.back());
  ImplicitLocOpBuilder &b = node.b;
  SmallVector<Value> operands;
  SmallVector<AffineMap> maps;
  for (auto [operand, row, column] :
       {std::tuple(&lhs, numBatch, numBatch + 2),
        std::tuple(&rhs, numBatch + 2, numBatch + 1)}) {
    Extents whole(batch.begin(), batch.end());
    whole.append(operand->shape.end() - 2, operand->shape.end());
    FailureOr<Tensor> stretched = node.emitStretch(*operand, whole);
    if (failed(stretched))
      return failure();
    *operand = *stretched;
    // Without the dimensions of extent 1 that are repeated.
    Extents kept;
    SmallVector<AffineExpr> exprs;
    int64_t leading = operand->getRank() - 2;
    for (int64_t i = 0; i < leading; ++i) {
      int64_t loop = numBatch - leading + i;
      if (operand->shape[i] != batch[loop])
        continue;
      kept.push_back(operand->shape[i]);
      exprs.push_back(b.getAffineDimExpr(loop));
    }
    kept.append(operand->shape.end() - 2, operand->shape.end());
    exprs.append({b.getAffineDimExpr(row), b.getAffineDimExpr(column)});
    FailureOr<Tensor> squeezed = node.emitReshape(*operand, kept);
    if (failed(squeezed))
      return failure();
    operands.push_back(node.getValue(*squeezed));
    maps.push_back(AffineMap::get(numLoops, 0, exprs, b.getContext()));
  }
  Value sums = tern::buildGeneric(
      b, b.getLoc(), operands, maps, emitZeros(node, accumulator, shape),
      b.getMultiDimIdentityMap(numLoops).dropResult(numLoops - 1),
      [](ImplicitLocOpBuilder &b, ValueRange args) {
        return emitProductSum(b, args.drop_back(), args.back());
      });
  return node.emitFloatCast(node.makeTensor(accumulator, shape, sums),
                            lhs.dtype);
}

/// Makes all leading dimensions of a stack of matrices one.
static FailureOr<Tensor> collapseBatch(Node &node, Tensor operand) {
  std::optional<Extent> count =
      Extent::product(ArrayRef(operand.shape).drop_back(2));
  if (!count)
    return node.error("the number of matrices overflows");
  Extents shape = {*count};
  shape.append(operand.shape.end() - 2, operand.shape.end());
  return node.emitReshape(operand, shape);
}

FailureOr<Tensor> Node::emitMatmul(Tensor lhs, Tensor rhs) {
  if (lhs.shape.empty() || rhs.shape.empty())
    return error("a matrix product needs operands of rank 1 or more");
  Extent &ownK = lhs.shape.back();
  Extent &otherK = rhs.shape.size() == 1 ? rhs.shape[0] : rhs.shape.end()[-2];
  if (failed(require(ownK, otherK,
                     "shapes " + describe(lhs.shape) + " and " +
                         describe(rhs.shape) + " do not match")))
    return failure();
  Extents agreed(lhs.shape);
  agreed.back() = otherK.getConstant() ? otherK : ownK;
  const Extent k = agreed.back();
  lhs = assumeShape(lhs, agreed);
  agreed = rhs.shape;
  (rhs.shape.size() == 1 ? agreed[0] : agreed.end()[-2]) = k;
  rhs = assumeShape(rhs, agreed);
  // The shape of the result, with vectors as matrices of one row or column
  // meanwhile.
  bool isRow = lhs.getRank() == 1, isColumn = rhs.getRank() == 1;
  Extents full, visible;
  FailureOr<Tensor> a =
      isRow ? emitUnsqueeze(lhs, {0}) : FailureOr<Tensor>(lhs);
  FailureOr<Tensor> c =
      isColumn ? emitUnsqueeze(rhs, {1}) : FailureOr<Tensor>(rhs);
  if (failed(a) || failed(c))
    return failure();
  ArrayRef<Extent> aBatch = ArrayRef(a->shape).drop_back(2);
  ArrayRef<Extent> cBatch = ArrayRef(c->shape).drop_back(2);
  FailureOr<Extents> batch = broadcast(aBatch, cBatch);
  if (failed(batch))
    return failure();
  full = visible = *batch;
  full.push_back(a->shape.end()[-2]);
  full.push_back(c->shape.back());
  if (!isRow)
    visible.push_back(full.end()[-2]);
  if (!isColumn)
    visible.push_back(full.back());
  if (failed(checkShape(lhs.dtype, full)))
    return failure();

  FailureOr<Tensor> product = failure();
  if (c->getRank() == 2) {
    // One product for all rows, however many leading dimensions they have.
    std::optional<Extent> rows =
        Extent::product(ArrayRef(a->shape).drop_back());
    if (!rows)
      return error("the number of rows overflows");
    FailureOr<Tensor> flat = emitReshape(*a, {*rows, k});
    if (failed(flat))
      return failure();
    product = emitMatrixProduct(*this, *flat, *c);
  } else if (aBatch != cBatch) {
    product = emitBroadcastProduct(*this, *a, *c, *batch);
  } else {
    for (FailureOr<Tensor> *operand : {&a, &c}) {
      *operand = collapseBatch(*this, **operand);
      if (failed(*operand))
        return failure();
    }
    product = emitBatchProduct(*this, *a, *c);
  }
  if (failed(product))
    return failure();
  return emitReshape(*product, visible);
}

static LogicalResult importMatMul(Node &node) {
  FailureOr<SmallVector<Tensor>> inputs = node.getSameTyped(Numbers);
  if (failed(inputs))
    return failure();
  return node.setResult(node.emitMatmul((*inputs)[0], (*inputs)[1]));
}

/// Multiplies by an attribute, unless it is 1.
static FailureOr<Tensor> scale(Node &node, Tensor operand, double factor) {
  if (factor == 1)
    return operand;
  Value scalar = node.emitScalar(node.getElementType(operand.dtype), factor);
  bool isFloatType = isFloat(operand.dtype);
  return node.emitMap({operand}, operand.dtype,
                      [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
                        if (isFloatType)
                          return arith::MulFOp::create(b, args[0], scalar);
                        return arith::MulIOp::create(b, args[0], scalar);
                      });
}

static FailureOr<Tensor> add(Node &node, Tensor lhs, Tensor rhs,
                             ArrayRef<Extent> shape) {
  bool isFloatType = isFloat(lhs.dtype);
  return node.emitMap({lhs, rhs}, shape, lhs.dtype,
                      [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
                        if (isFloatType)
                          return arith::AddFOp::create(b, args[0], args[1]);
                        return arith::AddIOp::create(b, args[0], args[1]);
                      });
}

FailureOr<Tensor> tern::onnx_import::emitGemm(Node &node) {
  double alpha = node.getFloat("alpha", 1), beta = node.getFloat("beta", 1);
  bool transA = node.getFlag("transA", false),
       transB = node.getFlag("transB", false);
  if (node.getVersion() < 7)
    node.getFlag("broadcast",
                 false); // C has always been broadcast by NumPy's rule.
  Tensor a = node.getInput(0), b = node.getInput(1);
  if (failed(node.expectTypes(a, Numbers)))
    return failure();
  if (a.dtype != b.dtype ||
      (node.hasInput(2) && a.dtype != node.getInput(2).dtype))
    return node.error("inputs have different element types");
  if (a.getRank() != 2 || b.getRank() != 2)
    return node.error("inputs must be matrices, not of shapes " +
                      node.describe(a.shape) + " and " +
                      node.describe(b.shape));
  if (isInteger(a.dtype) && (alpha != 1 || beta != 1))
    return node.error("alpha and beta must be 1 for integers");
  FailureOr<Tensor> result = a, weight = b;
  if (transA)
    result = node.emitTranspose(a, {1, 0});
  if (transB)
    weight = node.emitTranspose(b, {1, 0});
  result = node.emitMatmul(*result, *weight);
  if (failed(result))
    return failure();
  result = scale(node, *result, alpha);
  if (succeeded(result) && node.hasInput(2)) {
    FailureOr<Tensor> c = scale(node, node.getInput(2), beta);
    if (failed(c))
      return failure();
    if (failed(node.requireBroadcast(c->shape, result->shape,
                                     "C of shape " + node.describe(c->shape) +
                                         " does not broadcast to " +
                                         node.describe(result->shape))))
      return failure();
    result = add(node, *result, *c, result->shape);
  }
  return result;
}

void tern::onnx_import::addLinearAlgebraOps(OpTable &ops) {
  ops.onOp("MatMul", 1, 2, importMatMul);
  ops.onOp("Gemm", 1, {2, 3},
           [](Node &node) { return node.setResult(emitGemm(node)); });
}
