//===- MatMulNBits.cpp - com.microsoft.MatMulNBits ------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// com.microsoft.MatMulNBits of ONNX Runtime: y = a . w^T + bias with
// w[n, k] = (code[n, k] - zero[n, g]) * scale[n, g], where g is k's block or
// what the deprecated g_idx says. Codes fill bytes from their low bits.
//
//===----------------------------------------------------------------------===//

#include "../Model/Importer.h"
#include "../Model/TernaryFacts.h"
#include "Elementwise.h"
#include "Indexing.h"
#include "Quantization.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

namespace {
/// The operands of a node, checked and in the shapes they are indexed in.
struct QuantizedMatrix {
  int64_t n, k, bits, block;
  /// [N, blocks, bytes], u8.
  Tensor codes;
  /// [N, blocks].
  Tensor scales;
  /// [N, blocks] floats, or [N, bytes] u8 with several in a byte; or none.
  std::optional<Tensor> zeros;
  /// [K], i32.
  std::optional<Tensor> groups;

  int64_t getNumBlocks() const { return (k + block - 1) / block; }
  int64_t getPerByte() const { return 8 / bits; }
};
} // namespace

static FailureOr<QuantizedMatrix> getMatrix(Node &node) {
  QuantizedMatrix matrix;
  matrix.k = node.getInt("K", 0);
  matrix.n = node.getInt("N", 0);
  matrix.bits = node.getInt("bits", 4);
  matrix.block = node.getInt("block_size", 0);
  // How far an implementation may round activations: not at all is fine.
  node.getInt("accuracy_level", 0);
  if (node.getFlag("weight_prepacked", false))
    return node.error("weights that are packed for one processor "
                      "(weight_prepacked) are not supported");
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  if (matrix.k < 1 || matrix.n < 1 || matrix.k > most || matrix.n > most)
    return node.error("attributes 'K' and 'N' must be positive extents");
  if (matrix.bits != 2 && matrix.bits != 4 && matrix.bits != 8)
    return node.error("attribute 'bits' must be 2, 4 or 8");
  if (matrix.block < 16 || matrix.block > (int64_t(1) << 30) ||
      !llvm::isPowerOf2_64(matrix.block))
    return node.error(
        "attribute 'block_size' must be a power of two, at least 16");

  int64_t blocks = matrix.getNumBlocks();
  Tensor codes = node.getInput(1), scales = node.getInput(2);
  if (codes.dtype != DType::U8)
    return node.error("the weights must be u8");
  // ONNX Runtime's own tools leave out dimensions of these.
  FailureOr<Tensor> shaped = node.emitReshape(
      codes, {matrix.n, blocks, matrix.block * matrix.bits / 8});
  if (failed(shaped) || failed(node.expectTypes(scales, Floats)))
    return failure();
  matrix.codes = *shaped;
  auto setRows = [&](auto &rows, const Tensor &x, int64_t columns) {
    FailureOr<Tensor> shaped = node.emitReshape(x, {matrix.n, columns});
    if (succeeded(shaped))
      rows = *shaped;
    return success(succeeded(shaped));
  };
  if (failed(setRows(matrix.scales, scales, blocks)))
    return failure();
  if (node.hasInput(3)) {
    Tensor zeros = node.getInput(3);
    int64_t columns = blocks;
    if (zeros.dtype == DType::U8)
      columns = (blocks + matrix.getPerByte() - 1) / matrix.getPerByte();
    else if (!isFloat(zeros.dtype))
      return node.error("zero points must be u8 or floats");
    if (failed(setRows(matrix.zeros, zeros, columns)))
      return failure();
  }
  if (node.hasInput(4)) {
    Tensor groups = node.getInput(4);
    if (groups.dtype != DType::I32)
      return node.error("group indices must be i32");
    shaped = node.expectShape(groups, {matrix.k},
                              "group indices of shape " +
                                  node.describe(groups.shape) +
                                  " are not one for each of K");
    if (failed(shaped))
      return failure();
    matrix.groups = *shaped;
  }
  return matrix;
}

/// The field `index` of the bytes in row `row`, as an f32.
static Value emitField(B &b, const QuantizedMatrix &matrix, Value bytes,
                       ArrayRef<Value> row, Value index) {
  SmallVector<Value> position(row);
  int64_t fields = matrix.getPerByte();
  Value perByte = arith::ConstantIndexOp::create(b, fields);
  position.push_back(
      fields == 1 ? index
                  : arith::DivUIOp::create(b, index, perByte).getResult());
  Value field = tensor::ExtractOp::create(b, bytes, position);
  if (fields > 1) {
    Type i8 = b.getI8Type();
    Value place = arith::RemUIOp::create(b, index, perByte);
    Value shift = arith::MulIOp::create(
        b, arith::IndexCastOp::create(b, i8, place),
        arith::ConstantOp::create(b, b.getIntegerAttr(i8, matrix.bits)));
    Value mask = arith::ConstantOp::create(
        b, b.getIntegerAttr(i8, (1 << matrix.bits) - 1));
    field =
        arith::AndIOp::create(b, arith::ShRUIOp::create(b, field, shift), mask);
  }
  return arith::UIToFPOp::create(b, b.getF32Type(), field);
}

static Value toF32(B &b, Value value) {
  if (value.getType().isF32())
    return value;
  if (value.getType().isF64())
    return arith::TruncFOp::create(b, b.getF32Type(), value);
  return arith::ExtFOp::create(b, b.getF32Type(), value);
}

/// w [N, K] in f32, in one operation that reads bytes where they are.
static FailureOr<Tensor> emitDequantized(Node &node, QuantizedMatrix &matrix) {
  Value codes = node.getValue(matrix.codes);
  Value scales = node.getValue(matrix.scales);
  Value zeros = matrix.zeros ? node.getValue(*matrix.zeros) : Value();
  bool arePacked = matrix.zeros && matrix.zeros->dtype == DType::U8;
  SmallVector<Tensor> operands;
  if (matrix.groups)
    operands = {node.assumeShape(*matrix.groups, {matrix.k})};
  return node.emitMap(
      operands, {matrix.n, matrix.k}, DType::F32,
      [&](B &b, ValueRange args) -> Value {
        Value n = linalg::IndexOp::create(b, 0);
        Value k = linalg::IndexOp::create(b, 1);
        Value size = arith::ConstantIndexOp::create(b, matrix.block);
        Value block = arith::DivUIOp::create(b, k, size);
        Value code = emitField(b, matrix, codes, {n, block},
                               arith::RemUIOp::create(b, k, size));
        Value group = block;
        if (!args.empty())
          group = emitSafeIndex(
              b, args[0],
              arith::ConstantIndexOp::create(b, matrix.getNumBlocks()));
        Value zero;
        if (arePacked)
          zero = emitField(b, matrix, zeros, {n}, group);
        else if (zeros)
          zero = toF32(
              b, tensor::ExtractOp::create(b, zeros, ValueRange{n, group}));
        else
          zero = emitConstant(b, b.getF32Type(), 1 << (matrix.bits - 1));
        Value scale = toF32(
            b, tensor::ExtractOp::create(b, scales, ValueRange{n, group}));
        return arith::MulFOp::create(b, arith::SubFOp::create(b, code, zero),
                                     scale);
      });
}

/// The `tern.ternary` fact about the weights, if all that makes them is known.
static std::string findFact(Node &node, const QuantizedMatrix &matrix) {
  // As the model has them: a reshape does not move elements.
  std::optional<TensorData> codes = readConstant(node, node.getInput(1));
  std::optional<TensorData> scales = readConstant(node, node.getInput(2));
  std::optional<TensorData> zeros, groups;
  if (matrix.zeros)
    zeros = readConstant(node, node.getInput(3));
  if (matrix.groups)
    groups = readConstant(node, node.getInput(4));
  if (!codes || !scales || (matrix.zeros && !zeros) ||
      (matrix.groups && !groups))
    return "";
  int64_t blocks = matrix.getNumBlocks(), fields = matrix.getPerByte();
  int64_t bytesPerBlock = matrix.block / fields;
  auto getField = [&](const TensorData &data, int64_t byte, int64_t index) {
    unsigned bits = static_cast<uint8_t>(data.bytes[byte + index / fields]);
    return (bits >> (index % fields * matrix.bits)) & ((1 << matrix.bits) - 1);
  };
  auto getZero = [&](int64_t n, int64_t group) -> double {
    if (!zeros)
      return 1 << (matrix.bits - 1);
    if (zeros->dtype == DType::U8)
      return getField(*zeros, n * ((blocks + fields - 1) / fields), group);
    return readElement(*zeros, n * blocks + group);
  };
  // Elements of a group need not be adjacent: then rows are all there is.
  MagnitudeTable table({matrix.n, matrix.k},
                       groups ? Granules{0} : Granules{1, matrix.block});
  for (int64_t n = 0; n < matrix.n; ++n)
    for (int64_t k = 0; k < matrix.k; ++k) {
      int64_t block = k / matrix.block, group = block;
      if (groups) {
        group = static_cast<int64_t>(readElement(*groups, k));
        group = std::clamp<int64_t>(group < 0 ? group + blocks : group, 0,
                                    blocks - 1);
      }
      double code = getField(*codes, (n * blocks + block) * bytesPerBlock,
                             k % matrix.block);
      float value =
          static_cast<float>(code - getZero(n, group)) *
          static_cast<float>(readElement(*scales, n * blocks + group));
      if (!table.add(groups ? n : n * blocks + block, value))
        return "";
    }
  return table.getFact();
}

static LogicalResult importMatMulNBits(Node &node) {
  Tensor a = node.getInput(0);
  if (failed(node.expectTypes(a, Floats)))
    return failure();
  FailureOr<QuantizedMatrix> matrix = getMatrix(node);
  if (failed(matrix))
    return failure();
  if (a.shape.empty())
    return node.error("A needs at least one dimension");
  FailureOr<Tensor> weights = emitDequantized(node, *matrix);
  FailureOr<Tensor> wide = emitCast(node, a, DType::F32);
  if (failed(weights) || failed(wide))
    return failure();
  setTernaryFact(*weights, findFact(node, *matrix));
  FailureOr<Tensor> transposed = node.emitTranspose(*weights, {1, 0});
  if (failed(transposed))
    return failure();
  FailureOr<Tensor> result = node.emitMatmul(*wide, *transposed);
  if (failed(result))
    return failure();
  if (node.hasInput(5)) {
    FailureOr<Tensor> bias = node.expectShape(
        node.getInput(5), {matrix->n},
        "a bias of shape " + node.describe(node.getInput(5).shape) +
            " is not one for each of N");
    if (failed(bias) || failed(node.expectTypes(*bias, Floats)))
      return failure();
    bias = emitCast(node, *bias, DType::F32);
    result = combine<arith::AddFOp>(node, result, bias);
    if (failed(result))
      return failure();
  }
  return node.setResult(emitCast(node, *result, a.dtype));
}

void tern::onnx_import::addMatMulNBitsOps(OpTable &ops) {
  ops.onOp("com.microsoft", "MatMulNBits", 1, {3, 6}, importMatMulNBits);
}
