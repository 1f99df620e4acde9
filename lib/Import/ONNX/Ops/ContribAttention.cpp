//===- ContribAttention.cpp - com.microsoft: attention, embeddings --------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// com.microsoft operators into which ONNX Runtime's optimizer of transformers
// fuses embeddings and attention.
//
//===----------------------------------------------------------------------===//

#include "Attention.h"
#include "Elementwise.h"
#include "Indexing.h"
#include "Normalization.h"
#include "OpTable.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <limits>

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

//===----------------------------------------------------------------------===//
// Embeddings
//===----------------------------------------------------------------------===//

/// Rows of a table [rows, width] by indices [batch, positions] of input `i`, of
/// which one row may stand for all of the batch if it `isSpread`.
static FailureOr<Tensor> emitRows(Node &node, Tensor table, unsigned i,
                                  ArrayRef<Extent> shape,
                                  bool isSpread = false) {
  Tensor indices = node.getInput(i);
  if (indices.dtype != DType::I32 && indices.dtype != DType::I64)
    return node.error("input " + Twine(i) + " must be i32 or i64, not " +
                      getName(indices.dtype));
  std::string message = "input " + std::to_string(i) + " has shape " +
                        node.describe(indices.shape) + ", not " +
                        node.describe(shape);
  if (indices.getRank() != 2)
    return node.error(message);
  FailureOr<Tensor> fitting = node.expectShape(
      indices, {isSpread ? indices.shape[0] : shape[0], shape[1]}, message);
  if (failed(fitting))
    return failure();
  indices = *fitting;
  IndexForms forms;
  forms.negative = false;
  if (failed(node.requireBroadcast(indices.shape, shape, message)) ||
      failed(requireIndices(node, indices, table.shape[0], forms)))
    return failure();
  FailureOr<Tensor> spread = node.emitUnsqueeze(indices, {2});
  if (failed(spread))
    return failure();
  Value source = node.getValue(table);
  Value extent = getExtentValues(node, table.shape)[0];
  return node.emitMap({*spread}, {shape[0], shape[1], table.shape[1]},
                      table.dtype, [&](B &b, ValueRange args) -> Value {
                        return tensor::ExtractOp::create(
                            b, source,
                            ValueRange{emitSafeIndex(b, args[0], extent),
                                       linalg::IndexOp::create(b, 2)});
                      });
}

/// How many elements of each row of the mask are 1; none if there is no mask.
static FailureOr<Tensor> countPositions(Node &node, ArrayRef<Extent> shape) {
  Type i32 = node.b.getI32Type();
  if (!node.hasInput(7))
    return node.emitMap(
        {}, {shape[0]}, DType::I32,
        [&](B &b, ValueRange) -> Value { return emitConstant(b, i32, 0); });
  Tensor mask = node.getInput(7);
  if (mask.dtype != DType::I32)
    return node.error("the mask must be i32, not " + getName(mask.dtype));
  FailureOr<Tensor> fitting =
      node.expectShape(mask, shape,
                       "the mask has shape " + node.describe(mask.shape) +
                           ", not " + node.describe(shape));
  if (failed(fitting))
    return failure();
  FailureOr<Tensor> ones =
      node.emitMap({*fitting}, DType::I32, [&](B &b, ValueRange args) -> Value {
        Value isOne = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                            args[0], emitConstant(b, i32, 1));
        return arith::ExtUIOp::create(b, i32, isOne);
      });
  if (failed(ones))
    return failure();
  return node.emitSum(*ones, {1});
}

/// The normalization of the sum of the embeddings of words, of positions, which
/// are counted from 0 where they are not given, and of segments.
static LogicalResult importEmbedLayerNorm(Node &node) {
  double epsilon = node.getFloat("epsilon", 1e-12f);
  int64_t maskType = node.getInt("mask_index_type", 0);
  Tensor ids = node.getInput(0);
  if (maskType != 0)
    return node.error("attribute 'mask_index_type' is " + Twine(maskType) +
                      "; only 0 is supported");
  if (ids.getRank() != 2)
    return node.error("input 0 has shape " + node.describe(ids.shape) +
                      "; it must be [batch, positions]");
  for (unsigned i : {2, 3, 5, 6})
    if (!node.hasInput(i))
      return node.error("required input " + Twine(i) + " is missing");
  if (node.hasInput(1) != node.hasInput(4))
    return node.error("segments and their table must be given together");
  Tensor words = node.getInput(2);
  if (failed(node.expectTypes(words, Floats)))
    return failure();
  for (unsigned i = 2; i < 7; ++i) {
    if (!node.hasInput(i))
      continue;
    Tensor table = node.getInput(i);
    int64_t rank = i < 5 ? 2 : 1;
    if (table.dtype != words.dtype)
      return node.error("input " + Twine(i) + " is " + getName(table.dtype) +
                        ", input 2 is " + getName(words.dtype));
    if (table.getRank() != rank)
      return node.error("input " + Twine(i) + " has rank " +
                        Twine(table.getRank()) + ", not " + Twine(rank));
    if (failed(node.require(table.shape.back(), words.shape.back(),
                            "input " + Twine(i) + " of shape " +
                                node.describe(table.shape) +
                                " does not have the width of input 2, " +
                                node.describe(words.shape.back()))))
      return failure();
    Extents shape = table.shape;
    shape.back() = words.shape.back();
    node.getInput(i) = node.assumeShape(table, shape);
  }
  Extents shape = ids.shape;
  FailureOr<Tensor> sum = emitRows(node, words, 0, shape);
  Tensor positions = node.getInput(3);
  if (node.hasInput(8)) {
    sum = combine<arith::AddFOp>(
        node, sum, emitRows(node, positions, 8, shape, /*isSpread=*/true));
  } else {
    std::optional<Extent> rest = Extent::sub(positions.shape[0], shape[1]);
    if (!rest ||
        failed(node.requireNonNegative(
            *rest, "there are embeddings of " +
                       node.describe(positions.shape[0]) + " positions, and " +
                       node.describe(shape[1]) + " positions")))
      return failure();
    SmallVector<Span> ranges = getFullRanges(positions.shape);
    ranges[0] = {0, shape[1], 1};
    sum = combine<arith::AddFOp>(node, sum, emitSlice(node, positions, ranges));
  }
  if (node.hasInput(1))
    sum = combine<arith::AddFOp>(node, sum,
                                 emitRows(node, node.getInput(4), 1, shape));
  if (failed(sum))
    return failure();
  FailureOr<LayerNorm> norm =
      emitLayerNorm(node, *sum, node.getInput(5), node.getInput(6), 2, epsilon,
                    /*isRms=*/false);
  FailureOr<Tensor> counts = countPositions(node, shape);
  if (failed(norm) || failed(counts))
    return failure();
  node.setResult(0, norm->y);
  node.setResult(1, *counts);
  node.setResult(2, *sum);
  return success();
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

namespace {
/// What Attention and MultiHeadAttention have in common.
struct Operands {
  /// [batch, heads, positions, size]; the keys and values of the past come
  /// first.
  Tensor query, key, value;
  Extent past = 0;
  std::optional<Tensor> mask;
  /// What is added to the scores.
  std::optional<Tensor> bias;
};

struct Settings {
  int64_t heads;
  /// Of the scores; 0 is 1 / sqrt(size of a head).
  double scale;
  /// What is added to the scores of keys that the mask hides.
  double hidden;
  /// Queries see no later keys.
  bool isCausal;
};
} // namespace

static FailureOr<Settings> getSettings(Node &node) {
  Settings settings;
  settings.heads = node.getInt("num_heads", 0);
  settings.scale = node.getFloat("scale", 0);
  settings.hidden = node.getFloat("mask_filter_value", -10000);
  settings.isCausal = node.getFlag("unidirectional", false);
  if (settings.heads < 1)
    return node.error("attribute 'num_heads' is " + Twine(settings.heads));
  return settings;
}

/// The mask with four dimensions that broadcast to those of the scores: lengths
/// [batch], with as many starts behind [2 * batch], or numbers of which those
/// greater than 0 say what is seen, [batch, keys], [batch, queries, keys] or
/// [batch, 1, most keys, most keys]. Of lengths, the second tensor is the
/// starts.
static FailureOr<SmallVector<Tensor, 2>>
getMaskOperands(Node &node, const Operands &operands) {
  Tensor mask = *operands.mask;
  const Extent &batch = operands.query.shape[0];
  const Extent &queries = operands.query.shape[2];
  const Extent &keys = operands.key.shape[2];
  if (mask.dtype != DType::I32 && mask.dtype != DType::I64)
    return node.error("the mask must be i32, not " + getName(mask.dtype));
  std::string message =
      "the mask of shape " + node.describe(mask.shape) +
      " does not fit scores of shape " +
      node.describe({batch, operands.query.shape[1], queries, keys});
  SmallVector<Tensor, 2> result;
  auto add = [&](FailureOr<Tensor> tensor, ArrayRef<Extent> shape,
                 ArrayRef<int64_t> axes) -> LogicalResult {
    if (succeeded(tensor))
      tensor = node.expectShape(*tensor, shape, message);
    if (succeeded(tensor))
      tensor = node.emitUnsqueeze(*tensor, axes);
    if (failed(tensor))
      return failure();
    result.push_back(*tensor);
    return success();
  };
  switch (mask.getRank()) {
  case 1: {
    std::optional<Extent> twice = Extent::mul(2, batch);
    bool hasStarts = twice && mask.shape[0] == *twice && batch != Extent(0);
    auto part = [&](const Extent &start) -> FailureOr<Tensor> {
      return hasStarts ? emitSlice(node, mask, {Span{start, batch, 1}})
                       : FailureOr<Tensor>(mask);
    };
    if (failed(add(part(0), {batch}, {1, 2, 3})) ||
        (hasStarts && failed(add(part(batch), {batch}, {1, 2, 3}))))
      return failure();
    return result;
  }
  case 2:
    if (failed(add(mask, {batch, keys}, {1, 2})))
      return failure();
    return result;
  case 3:
    if (failed(add(mask, {batch, queries, keys}, {1})))
      return failure();
    return result;
  case 4: {
    std::optional<Extent> spare = Extent::sub(mask.shape[3], keys);
    FailureOr<Tensor> square = node.expectShape(
        mask, {batch, 1, mask.shape[3], mask.shape[3]}, message);
    if (failed(square) || !spare ||
        failed(node.requireNonNegative(*spare, message)))
      return failure();
    SmallVector<Span> ranges = getFullRanges(square->shape);
    ranges[2] = {operands.past, queries, 1};
    ranges[3] = {0, keys, 1};
    FailureOr<Tensor> part = emitSlice(node, *square, ranges);
    if (failed(part))
      return failure();
    result.push_back(*part);
    return result;
  }
  default:
    return node.error(message);
  }
}

/// What the mask and the order add to the scores, of `type`; none if all keys
/// are seen.
static FailureOr<std::optional<Tensor>> emitMask(Node &node,
                                                 const Operands &operands,
                                                 const Settings &settings,
                                                 DType dtype) {
  if (!operands.mask && !settings.isCausal)
    return std::optional<Tensor>();
  SmallVector<Tensor, 2> masks;
  Extents shape = {1, 1, 1, operands.key.shape[2]};
  bool isLengths = operands.mask && operands.mask->getRank() == 1;
  if (operands.mask) {
    FailureOr<SmallVector<Tensor, 2>> given = getMaskOperands(node, operands);
    if (failed(given))
      return failure();
    masks = *given;
    shape[0] = masks[0].shape[0];
    shape[2] = masks[0].shape[2];
  }
  if (settings.isCausal)
    shape[2] = operands.query.shape[2];
  Value past = node.getSymbols().getValue(node.b, operands.past);
  Value queries = node.getSymbols().getValue(node.b, operands.query.shape[2]);
  Type type = node.getElementType(dtype);
  using P = arith::CmpIPredicate;
  FailureOr<Tensor> result =
      node.emitMap(masks, shape, dtype, [&](B &b, ValueRange args) -> Value {
        Value seen = emitConstant(b, type, 0);
        Value hidden = emitConstant(b, type, settings.hidden);
        Value key = linalg::IndexOp::create(b, 3);
        if (isLengths) {
          auto position = [&](Value x) -> Value {
            return arith::IndexCastOp::create(b, b.getIndexType(), x);
          };
          Value isSeen =
              arith::CmpIOp::create(b, P::slt, key, position(args[0]));
          if (args.size() == 2) {
            Value hasBegun =
                arith::CmpIOp::create(b, P::sge, key, position(args[1]));
            isSeen = arith::AndIOp::create(b, isSeen, hasBegun);
          }
          seen = arith::SelectOp::create(b, isSeen, seen, hidden);
        } else if (!args.empty()) {
          Value zero = emitConstant(b, args[0].getType(), 0);
          Value isSeen = arith::CmpIOp::create(b, P::sgt, args[0], zero);
          seen = arith::SelectOp::create(b, isSeen, seen, hidden);
        }
        if (!settings.isCausal)
          return seen;
        // Not infinity: where a bias is the opposite, the sum is no NaN.
        Value never = emitConstant(b, type,
                                   dtype == DType::F64
                                       ? std::numeric_limits<double>::lowest()
                                       : std::numeric_limits<float>::lowest());
        Value row = linalg::IndexOp::create(b, 2);
        Value last = arith::AddIOp::create(b, row, past);
        Value isLater = arith::CmpIOp::create(b, P::sgt, key, last);
        // The last query sees all, also of more keys than there are queries.
        Value next = arith::AddIOp::create(
            b, row, arith::ConstantIndexOp::create(b, 1).getResult());
        Value isLast = arith::CmpIOp::create(b, P::eq, next, queries);
        never = arith::SelectOp::create(b, isLast, seen, never);
        return arith::SelectOp::create(b, isLater, never, seen);
      });
  if (failed(result))
    return failure();
  return std::optional<Tensor>(result);
}

/// softmax(query key^T * scale + mask + bias) value, [batch, positions, heads *
/// size].
static FailureOr<Tensor> emitAttention(Node &node, Operands operands,
                                       const Settings &settings) {
  DType dtype = operands.query.dtype, wide = getAccumulatorType(dtype);
  Type type = node.getElementType(wide);
  FailureOr<std::optional<Tensor>> mask =
      emitMask(node, operands, settings, wide);
  FailureOr<Tensor> keys = node.emitTranspose(operands.key, {0, 1, 3, 2});
  if (failed(mask) || failed(keys))
    return failure();
  FailureOr<Tensor> scores = node.emitMatmul(operands.query, *keys);
  if (succeeded(scores))
    scores = emitCast(node, *scores, wide);
  if (failed(scores))
    return failure();
  Value factor;
  if (settings.scale != 0) {
    factor = node.emitScalar(type, settings.scale);
  } else {
    Value size = node.emitExtentAsFloat(operands.query.shape[3], type);
    factor = arith::DivFOp::create(node.b, node.emitScalar(type, 1),
                                   math::SqrtOp::create(node.b, size));
  }
  SmallVector<Tensor> addends = {*scores};
  if (*mask)
    addends.push_back(**mask);
  if (operands.bias) {
    Tensor bias = *operands.bias;
    if (bias.dtype != dtype)
      return node.error("the bias of the scores must be " + getName(dtype) +
                        ", not " + getName(bias.dtype));
    if (bias.getRank() != 4)
      return node.error("the bias of the scores has shape " +
                        node.describe(bias.shape) + "; it must have rank 4");
    std::string message = "the bias of shape " + node.describe(bias.shape) +
                          " does not fit scores of shape " +
                          node.describe(scores->shape);
    // The batch and the heads may be 1.
    FailureOr<Tensor> fitting = node.expectShape(
        bias,
        {bias.shape[0], bias.shape[1], scores->shape[2], scores->shape[3]},
        message);
    if (failed(fitting) ||
        failed(node.requireBroadcast(fitting->shape, scores->shape, message)))
      return failure();
    FailureOr<Tensor> cast = emitCast(node, *fitting, wide);
    if (failed(cast))
      return failure();
    addends.push_back(*cast);
  }
  scores = node.emitMap(addends, scores->shape, wide,
                        [&](B &b, ValueRange args) -> Value {
                          Value sum = arith::MulFOp::create(b, args[0], factor);
                          for (Value addend : args.drop_front())
                            sum = arith::AddFOp::create(b, sum, addend);
                          return sum;
                        });
  if (failed(scores))
    return failure();
  FailureOr<Tensor> weights = emitSoftmax(node, *scores, {3});
  if (succeeded(weights))
    weights = emitCast(node, *weights, dtype);
  if (failed(weights))
    return failure();
  FailureOr<Tensor> result = node.emitMatmul(*weights, operands.value);
  if (failed(result))
    return failure();
  return joinHeads(node, *result, 3);
}

/// Columns of the last dimension.
static FailureOr<Tensor> emitColumns(Node &node, const Tensor &x,
                                     const Extent &start, const Extent &size) {
  SmallVector<Span> ranges = getFullRanges(x.shape);
  ranges.back() = {start, size, 1};
  return emitSlice(node, x, ranges);
}

/// The past's keys or values [batch, heads, positions, size] and the node's.
static FailureOr<Tensor> addPast(Node &node, Tensor past, const Tensor &own) {
  if (past.dtype != own.dtype || past.getRank() != 4)
    return node.error("past keys and values must be like those of the node");
  FailureOr<Tensor> fitting = node.expectShape(
      past, {own.shape[0], own.shape[1], past.shape[2], own.shape[3]},
      "past keys or values of shape " + node.describe(past.shape) +
          " do not fit those of the node, of shape " +
          node.describe(own.shape));
  if (failed(fitting))
    return failure();
  return emitConcat(node, {*fitting, own}, 2);
}

/// Puts the past [2, batch, heads, positions, size], of keys and of values, in
/// front of those of the node.
static LogicalResult addPacked(Node &node, Tensor past,
                               ArrayRef<int64_t> widths, Operands &operands) {
  if (past.getRank() != 5)
    return node.error("the past has shape " + node.describe(past.shape) +
                      "; it must be [2, batch, heads, positions, size]");
  if (widths[2] != widths[1])
    return node.error("with a past, keys and values must be of one size, not " +
                      Twine(widths[1]) + " and " + Twine(widths[2]));
  if (failed(node.require(past.shape[0], 2,
                          "the past has shape " + node.describe(past.shape) +
                              ", which is not one of keys and of values")))
    return failure();
  operands.past = past.shape[3];
  int64_t number = 0;
  for (Tensor *own : {&operands.key, &operands.value}) {
    SmallVector<Span> ranges = getFullRanges(past.shape);
    ranges[0] = {number++, 1, 1};
    FailureOr<Tensor> part = emitSlice(node, past, ranges);
    if (succeeded(part))
      part = node.emitReshape(*part, ArrayRef(past.shape).drop_front());
    if (succeeded(part))
      part = addPast(node, *part, *own);
    if (failed(part))
      return failure();
    *own = *part;
  }
  return success();
}

/// Queries, keys and values are input . weights + bias, side by side.
static LogicalResult importAttention(Node &node) {
  FailureOr<Settings> settings = getSettings(node);
  std::optional<SmallVector<int64_t>> sizes = node.getInts("qkv_hidden_sizes");
  bool isRotated = node.getFlag("do_rotary", false);
  node.getInt("rotary_embedding_dim", 0); // Of what is rotated.
  bool sharesBuffer = node.getFlag("past_present_share_buffer", false);
  if (failed(settings))
    return failure();
  if (isRotated)
    return node.error("attribute 'do_rotary' is not supported");
  if (sharesBuffer || node.hasInput(6))
    return node.error("a buffer that past and present share is not supported");
  Tensor x = node.getInput(0), weights = node.getInput(1);
  if (failed(node.expectTypes(x, Floats)))
    return failure();
  if (x.getRank() != 3 || weights.getRank() != 2)
    return node.error("the input has shape " + node.describe(x.shape) +
                      ", the weights " + node.describe(weights.shape) +
                      "; they must have 3 and 2 dimensions");
  for (unsigned i : {1, 2})
    if (node.hasInput(i) && node.getInput(i).dtype != x.dtype)
      return node.error("inputs have different element types");
  std::optional<int64_t> width = weights.shape[1].getConstant();
  if (!width)
    return node.error("the width of the weights must be known when compiling");
  SmallVector<int64_t> widths =
      sizes.value_or(SmallVector<int64_t>(3, *width / 3));
  if (widths.size() != 3 || widths[0] != widths[1] ||
      llvm::any_of(widths,
                   [&](int64_t size) {
                     return size < 1 || size > *width ||
                            size % settings->heads != 0;
                   }) ||
      widths[0] + widths[1] + widths[2] != *width)
    return node.error("weights of shape " + node.describe(weights.shape) +
                      " do not hold queries, keys and values of " +
                      Twine(settings->heads) + " heads");
  FailureOr<Tensor> all = node.emitMatmul(x, weights);
  if (succeeded(all) && node.hasInput(2)) {
    Tensor bias = node.getInput(2);
    FailureOr<Tensor> fitting =
        node.expectShape(bias, {*width},
                         "the bias has shape " + node.describe(bias.shape) +
                             ", not [" + Twine(*width) + "]");
    all = combine<arith::AddFOp>(node, all, fitting);
  }
  if (failed(all))
    return failure();
  Tensor parts[3];
  int64_t start = 0;
  for (int i = 0; i < 3; ++i) {
    FailureOr<Tensor> part = emitColumns(node, *all, start, widths[i]);
    if (succeeded(part))
      part = splitHeads(node, *part, settings->heads, "input");
    if (failed(part))
      return failure();
    parts[i] = *part;
    start += widths[i];
  }
  Operands operands;
  operands.query = parts[0];
  operands.key = parts[1];
  operands.value = parts[2];
  if (node.hasInput(4) &&
      failed(addPacked(node, node.getInput(4), widths, operands)))
    return failure();
  if (node.hasResult(1)) {
    if (widths[2] != widths[1])
      return node.error("keys and values of different sizes, " +
                        Twine(widths[1]) + " and " + Twine(widths[2]) +
                        ", do not make one present");
    FailureOr<Tensor> key = node.emitUnsqueeze(operands.key, {0});
    FailureOr<Tensor> value = node.emitUnsqueeze(operands.value, {0});
    if (failed(key) || failed(value))
      return failure();
    FailureOr<Tensor> present = emitConcat(node, {*key, *value}, 0);
    if (failed(present))
      return failure();
    node.setResult(1, *present);
  }
  if (node.hasInput(3))
    operands.mask = node.getInput(3);
  if (node.hasInput(5))
    operands.bias = node.getInput(5);
  return node.setResult(emitAttention(node, operands, *settings));
}

/// Reads queries, keys and values; keys and values may have rank 4 already.
static LogicalResult readThree(Node &node, Tensor &query, Tensor &key,
                               Tensor &value) {
  query = node.getInput(0);
  if (failed(node.expectTypes(query, Floats)))
    return failure();
  if (!node.hasInput(1) || !node.hasInput(2) || query.getRank() != 3)
    return node.error("queries, keys and values must be three inputs; packed "
                      "ones are not supported");
  if (node.hasInput(6) != node.hasInput(7))
    return node.error("past keys and past values must be given together");
  if (node.hasInput(8) || node.hasInput(9))
    return node.error("a buffer that past and present share is not supported");
  key = node.getInput(1);
  value = node.getInput(2);
  for (Tensor *tensor : {&key, &value}) {
    if (tensor->dtype != query.dtype)
      return node.error("inputs have different element types");
    if (tensor->getRank() != 3 && tensor->getRank() != 4)
      return node.error("keys or values have shape " +
                        node.describe(tensor->shape) +
                        "; packed ones are not supported");
  }
  bool isSplit = key.getRank() == 4;
  if (isSplit != (value.getRank() == 4))
    return node.error("keys have rank " + Twine(key.getRank()) +
                      ", values rank " + Twine(value.getRank()));
  if (isSplit)
    return success();
  FailureOr<Tensor> fitting = node.expectShape(
      key, {query.shape[0], key.shape[1], query.shape[2]},
      "keys of shape " + node.describe(key.shape) +
          " do not fit queries of shape " + node.describe(query.shape));
  if (failed(fitting))
    return failure();
  key = *fitting;
  return success();
}

/// Adds input 3, one bias for all three side by side.
static LogicalResult addThreeBiases(Node &node, Tensor &query, Tensor &key,
                                    Tensor &value) {
  Tensor bias = node.getInput(3);
  if (bias.dtype != query.dtype)
    return node.error("inputs have different element types");
  if (key.getRank() == 4)
    return node.error("a bias is not supported beside keys of rank 4");
  std::optional<Extent> start = Extent::mul(2, query.shape[2]);
  std::optional<Extent> width;
  if (start)
    width = Extent::add(*start, value.shape[2]);
  if (!width)
    return node.error("the width overflows");
  FailureOr<Tensor> all =
      node.expectShape(bias, {*width},
                       "the bias has shape " + node.describe(bias.shape) +
                           ", not [" + node.describe(*width) + "]");
  if (failed(all))
    return failure();
  auto add = [&](Tensor &x, const Extent &from) {
    FailureOr<Tensor> sum = combine<arith::AddFOp>(
        node, x, emitColumns(node, *all, from, x.shape[2]));
    if (succeeded(sum))
      x = *sum;
    return LogicalResult(sum);
  };
  if (failed(add(query, 0)) || failed(add(key, query.shape[2])) ||
      failed(add(value, *start)))
    return failure();
  return success();
}

/// Queries, keys and values are inputs, and have a bias, side by side.
static LogicalResult importMultiHeadAttention(Node &node) {
  FailureOr<Settings> settings = getSettings(node);
  if (failed(settings))
    return failure();
  Tensor query, key, value;
  if (failed(readThree(node, query, key, value)) ||
      (node.hasInput(3) && failed(addThreeBiases(node, query, key, value))))
    return failure();
  bool isSplit = key.getRank() == 4;
  FailureOr<Tensor> q = splitHeads(node, query, settings->heads, "query");
  FailureOr<Tensor> k = splitHeads(node, key, settings->heads, "key");
  FailureOr<Tensor> v = splitHeads(node, value, settings->heads, "value");
  if (failed(q) || failed(k) || failed(v))
    return failure();
  if (isSplit)
    k = node.expectShape(
        *k, {q->shape[0], q->shape[1], k->shape[2], q->shape[3]},
        "keys of shape " + node.describe(key.shape) +
            " do not fit queries of shape " + node.describe(query.shape));
  if (succeeded(k))
    v = node.expectShape(*v,
                         {k->shape[0], k->shape[1], k->shape[2],
                          isSplit ? k->shape[3] : v->shape[3]},
                         "values of shape " + node.describe(value.shape) +
                             " do not fit keys of shape " +
                             node.describe(key.shape));
  if (failed(k) || failed(v))
    return failure();
  Operands operands;
  operands.query = *q;
  operands.key = *k;
  operands.value = *v;
  if (node.hasInput(6)) {
    operands.past =
        node.getInput(6).getRank() == 4 ? node.getInput(6).shape[2] : Extent(0);
    k = addPast(node, node.getInput(6), *k);
    v = addPast(node, node.getInput(7), *v);
    if (failed(k) || failed(v))
      return failure();
    v = node.expectShape(*v,
                         {k->shape[0], k->shape[1], k->shape[2], v->shape[3]},
                         "there are not as many past keys as values");
    if (failed(v))
      return failure();
    operands.key = *k;
    operands.value = *v;
  }
  node.setResult(1, operands.key);
  node.setResult(2, operands.value);
  if (node.hasInput(4))
    operands.mask = node.getInput(4);
  if (node.hasInput(5))
    operands.bias = node.getInput(5);
  return node.setResult(emitAttention(node, operands, *settings));
}

void tern::onnx_import::addContribAttentionOps(OpTable &ops) {
  const char *domain = "com.microsoft";
  ops.onOp(domain, "EmbedLayerNormalization", 1, {1, 9}, importEmbedLayerNorm);
  ops.onOp(domain, "Attention", 1, {2, 7}, importAttention);
  ops.onOp(domain, "MultiHeadAttention", 1, {1, 10}, importMultiHeadAttention);
}
