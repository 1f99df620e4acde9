//===- Attention.cpp - The operator Attention -----------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Attention.h"
#include "Elementwise.h"
#include "Indexing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include <cmath>
#include <limits>

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

static constexpr double infinity = std::numeric_limits<double>::infinity();

FailureOr<Tensor> tern::onnx_import::splitHeads(Node &node, const Tensor &x,
                                                int64_t heads,
                                                const char *name) {
  if (x.getRank() == 4)
    return x;
  if (x.getRank() != 3 || heads < 1)
    return node.error(Twine("input ") + name + " of shape " +
                      node.describe(x.shape) +
                      " must have 4 dimensions, or 3 and a number of heads");
  std::optional<Extent> size =
      x.shape[2].getConstant()
          ? Extent::divExact(x.shape[2], heads)
          : node.getSymbols().floorDiv(node.b, x.shape[2], heads);
  if (!size)
    return node.error(Twine("input ") + name + " of shape " +
                      node.describe(x.shape) + " has no " + Twine(heads) +
                      " heads");
  FailureOr<Tensor> parts =
      node.emitReshape(x, {x.shape[0], x.shape[1], heads, *size});
  if (failed(parts))
    return failure();
  return node.emitTranspose(*parts, {0, 2, 1, 3});
}

FailureOr<Tensor> tern::onnx_import::joinHeads(Node &node, Tensor x,
                                               int64_t rank) {
  if (rank == 4)
    return x;
  std::optional<Extent> width = Extent::mul(x.shape[1], x.shape[3]);
  if (!width)
    return node.error("the extent of the result overflows");
  FailureOr<Tensor> moved = node.emitTranspose(x, {0, 2, 1, 3});
  if (failed(moved))
    return failure();
  return node.emitReshape(*moved, {x.shape[0], x.shape[2], *width});
}

static FailureOr<Tensor> scale(Node &node, const Tensor &x, Value factor) {
  Type type = node.getElementType(x.dtype);
  if (factor.getType() != type)
    factor = arith::TruncFOp::create(node.b, type, factor);
  return node.emitMap({x}, x.dtype, [&](B &b, ValueRange args) -> Value {
    return arith::MulFOp::create(b, args[0], factor);
  });
}

namespace {
/// The operands of an Attention node, with four dimensions.
struct Heads {
  Tensor query, key, value;
  /// Positions that precede those of the node's own keys.
  Extent past = 0;
  /// How many queries there are for each head of the keys.
  Extent group = 1;
};
} // namespace

static FailureOr<Heads> getHeads(Node &node) {
  int64_t queryHeads = node.getInt("q_num_heads", 0);
  int64_t keyHeads = node.getInt("kv_num_heads", 0);
  Heads heads;
  for (unsigned i = 0; i < 3; ++i)
    if (node.getInput(i).dtype != node.getInput(0).dtype)
      return node.error("inputs have different element types");
  FailureOr<Tensor> query = splitHeads(node, node.getInput(0), queryHeads, "Q");
  FailureOr<Tensor> key = splitHeads(node, node.getInput(1), keyHeads, "K");
  FailureOr<Tensor> value = splitHeads(node, node.getInput(2), keyHeads, "V");
  if (failed(query) || failed(key) || failed(value))
    return failure();
  if (node.hasInput(4) != node.hasInput(5) ||
      (node.hasInput(4) && node.hasInput(6)))
    return node.error("past keys and past values must be given together, and "
                      "without a number of keys");
  if (node.hasInput(4)) {
    if (node.getInput(4).getRank() != 4 || node.getInput(5).getRank() != 4 ||
        node.getInput(4).dtype != key->dtype ||
        node.getInput(5).dtype != value->dtype)
      return node.error("past keys and values must be like those of the node");
    heads.past = node.getInput(4).shape[2];
    key = emitConcat(node, {node.getInput(4), *key}, 2);
    value = emitConcat(node, {node.getInput(5), *value}, 2);
    if (failed(key) || failed(value))
      return failure();
  }
  Extents wantedKey = key->shape, wantedValue = value->shape;
  wantedKey[0] = wantedValue[0] = query->shape[0];
  wantedKey[3] = query->shape[3];
  key = node.expectShape(*key, wantedKey,
                         "the shape " + node.describe(key->shape) +
                             " of the keys does not fit that of the queries");
  if (failed(key))
    return failure();
  wantedValue[1] = key->shape[1];
  wantedValue[2] = key->shape[2];
  value = node.expectShape(*value, wantedValue,
                           "the shape " + node.describe(value->shape) +
                               " of the values does not fit that of the keys");
  if (failed(value))
    return failure();
  heads.query = *query;
  heads.key = *key;
  heads.value = *value;
  const Extent &many = query->shape[1], &few = key->shape[1];
  std::optional<Extent> group =
      many.getConstant() && few.getConstant()
          ? Extent::divExact(many, few)
          : node.getSymbols().floorDiv(node.b, many, few);
  if (!group)
    return node.error("the number of heads of the queries, " +
                      node.describe(many) +
                      ", is no multiple of that of the "
                      "keys, " +
                      node.describe(few));
  heads.group = *group;
  return heads;
}

/// Queries that share keys stand one after another as if they were one head's.
static FailureOr<Tensor> groupQueries(Node &node, const Heads &heads,
                                      Tensor query) {
  if (heads.group.isConstant(1))
    return query;
  std::optional<Extent> rows = Extent::mul(heads.group, query.shape[2]);
  if (!rows)
    return node.error("the number of queries overflows");
  return node.emitReshape(
      query, {query.shape[0], heads.key.shape[1], *rows, query.shape[3]});
}

static FailureOr<Tensor> ungroup(Node &node, const Heads &heads, Tensor x) {
  if (heads.group.isConstant(1))
    return x;
  return node.emitReshape(
      x, {x.shape[0], heads.query.shape[1], heads.query.shape[2], x.shape[3]});
}

namespace {
/// Which keys a query sees, and what is added to its scores.
class BiasBuilder {
public:
  BiasBuilder(Node &node, const Heads &heads, DType dtype)
      : node(node), heads(heads), dtype(dtype),
        type(node.getElementType(dtype)),
        shape({heads.query.shape[2], heads.key.shape[2]}) {}

  FailureOr<std::optional<Tensor>> emit();

private:
  LogicalResult readMask();
  LogicalResult readCount();
  Value emitElement(B &b, ValueRange args);
  Value loadMask(B &b);

  Node &node;
  const Heads &heads;
  DType dtype;
  Type type;
  /// Keys before a query, and after it, that it sees; any if negative.
  int64_t left = -1, right = -1;
  /// Of the bias, and what it is computed from element by element.
  Extents shape;
  SmallVector<Tensor> operands;
  /// The mask, if there is one; and if it is for fewer keys, its value and
  /// extents, and for how many.
  std::optional<Tensor> given;
  Value mask, maskKeys;
  SmallVector<Value> maskExtents;
  bool hasCount = false;
  Value past, numQueries;
};
} // namespace

LogicalResult BiasBuilder::readMask() {
  given = node.getInput(3);
  if (given->dtype != DType::Bool && given->dtype != heads.query.dtype)
    return node.error("the mask's element type is " + getName(given->dtype));
  if (given->getRank() < 1 || given->getRank() > 4)
    return node.error("the mask has shape " + node.describe(given->shape));
  const Extent &width = given->shape.back(), &keys = heads.key.shape[2];
  Extents wanted(given->shape);
  // Keys beyond the mask are not seen; a mask of one column is for all.
  bool isShort = width != keys && !width.isConstant(1);
  if (isShort) {
    mask = node.getValue(*given);
    maskKeys = node.getSymbols().getValue(node.b, width);
    wanted.back() = keys;
  }
  FailureOr<Extents> all = node.broadcast(shape, wanted);
  if (failed(all))
    return failure();
  shape = *all;
  if (!isShort)
    operands.push_back(*given);
  return success();
}

LogicalResult BiasBuilder::readCount() {
  Tensor count = node.getInput(6);
  const Extent &batch = heads.query.shape[0];
  if (count.dtype != DType::I64 || count.getRank() != 1)
    return node.error("the number of keys must be a vector of int64");
  FailureOr<Tensor> fitting = node.expectShape(
      count, {batch},
      "a number of keys of shape " + node.describe(count.shape) +
          " does not fit a batch of " + node.describe({batch}));
  if (failed(fitting))
    return failure();
  FailureOr<Tensor> column = node.emitUnsqueeze(*fitting, {1, 2, 3});
  FailureOr<Extents> all = node.broadcast(shape, {batch, 1, 1, 1});
  if (failed(column) || failed(all))
    return failure();
  shape = *all;
  operands.push_back(*column);
  return success();
}

/// The mask's element, of a mask for fewer keys.
Value BiasBuilder::loadMask(B &b) {
  SmallVector<Value> position;
  int64_t rank = shape.size();
  for (int64_t i = 0, n = given->getRank(); i < n; ++i) {
    Value index = linalg::IndexOp::create(b, rank - n + i);
    position.push_back(given->shape[i].isConstant(1)
                           ? arith::ConstantIndexOp::create(b, 0).getResult()
                           : emitSafeIndex(b, index, maskExtents[i]));
  }
  return tensor::ExtractOp::create(b, mask, position);
}

Value BiasBuilder::emitElement(B &b, ValueRange args) {
  using P = arith::CmpIPredicate;
  Value zero = emitConstant(b, type, 0);
  Value hidden = emitConstant(b, type, -infinity);
  Value isSeen = emitConstant(b, b.getI1Type(), 1);
  auto also = [&](Value condition) {
    isSeen = arith::AndIOp::create(b, isSeen, condition);
  };
  Value row = linalg::IndexOp::create(b, shape.size() - 2);
  Value key = linalg::IndexOp::create(b, shape.size() - 1);
  Value result = zero;
  if (given) {
    if (mask)
      also(arith::CmpIOp::create(b, P::slt, key, maskKeys));
    Value element = mask ? loadMask(b) : args[0];
    if (given->dtype == DType::Bool)
      also(element);
    else
      result = getBitWidth(dtype) > getBitWidth(given->dtype)
                   ? arith::ExtFOp::create(b, type, element).getResult()
                   : element;
  }
  // The position of the query, counted as those of the keys are.
  Value position = arith::AddIOp::create(b, row, past);
  if (hasCount) {
    Value seen = arith::IndexCastOp::create(b, b.getIndexType(), args.back());
    also(arith::CmpIOp::create(b, P::slt, key, seen));
    position = arith::AddIOp::create(
        b, row, arith::SubIOp::create(b, seen, numQueries).getResult());
  }
  Value distance = arith::SubIOp::create(b, position, key);
  if (left >= 0)
    also(arith::CmpIOp::create(b, P::sle, distance,
                               arith::ConstantIndexOp::create(b, left)));
  if (right >= 0)
    also(arith::CmpIOp::create(b, P::sge, distance,
                               arith::ConstantIndexOp::create(b, -right)));
  return arith::SelectOp::create(b, isSeen, result, hidden);
}

FailureOr<std::optional<Tensor>> BiasBuilder::emit() {
  bool isCausal = node.getFlag("is_causal", false);
  left = node.getInt("left_window_size", -1);
  right = node.getInt("right_window_size", -1);
  if (left < -1 || right < -1)
    return node.error("a window size is negative");
  if (isCausal)
    right = right < 0 ? 0 : std::min<int64_t>(right, 0);
  bool hasMask = node.hasInput(3);
  hasCount = node.hasInput(6);
  if (!hasMask && !hasCount && left < 0 && right < 0)
    return std::optional<Tensor>();
  if ((hasMask && failed(readMask())) || (hasCount && failed(readCount())))
    return failure();
  Symbols &symbols = node.getSymbols();
  past = symbols.getValue(node.b, heads.past);
  numQueries = symbols.getValue(node.b, heads.query.shape[2]);
  if (mask)
    maskExtents = getExtentValues(node, given->shape);
  FailureOr<Tensor> bias =
      node.emitMap(operands, shape, dtype,
                   [&](B &b, ValueRange args) { return emitElement(b, args); });
  if (failed(bias))
    return failure();
  return std::optional<Tensor>(bias);
}

/// What is added to the scores, in `dtype`: minus infinity for keys that a
/// query does not see. None if each sees all.
static FailureOr<std::optional<Tensor>> getBias(Node &node, const Heads &heads,
                                                DType dtype) {
  return BiasBuilder(node, heads, dtype).emit();
}

/// A fourth result is the scores after so many steps.
static LogicalResult setScores(Node &node, const Heads &heads, int64_t step,
                               int64_t mode, const Tensor &scores) {
  if (mode != step || !node.hasResult(3))
    return success();
  FailureOr<Tensor> cast = emitCast(node, scores, heads.query.dtype);
  if (failed(cast))
    return failure();
  node.setResult(3, *cast);
  return success();
}

/// softmax(Q K^T * scale + bias) V.
static LogicalResult importAttention(Node &node) {
  if (failed(node.expectTypes(node.getInput(0), Floats)))
    return failure();
  double softcap = node.getFloat("softcap", 0);
  int64_t mode = node.getInt("qk_matmul_output_mode", 0);
  // What is computed in narrow types is at least as exact.
  node.getInt("softmax_precision", 1);
  if (mode < 0 || mode > 3)
    return node.error("attribute 'qk_matmul_output_mode' is " + Twine(mode));
  FailureOr<Heads> heads = getHeads(node);
  if (failed(heads))
    return failure();
  DType dtype = heads->query.dtype, wide = getAccumulatorType(dtype);
  if (node.hasResult(1))
    node.setResult(1, heads->key);
  if (node.hasResult(2))
    node.setResult(2, heads->value);

  // Half of the scale for either operand, lest products of halves overflow.
  Type type = node.getElementType(wide);
  Value factor;
  if (node.hasAttribute("scale")) {
    factor = node.emitScalar(type, std::sqrt(node.getFloat("scale", 1)));
  } else {
    Value size = node.emitExtentAsFloat(heads->query.shape[3], type);
    Value root = math::SqrtOp::create(node.b, size);
    Value inverse =
        arith::DivFOp::create(node.b, node.emitScalar(type, 1), root);
    factor = math::SqrtOp::create(node.b, inverse);
  }
  FailureOr<Tensor> query = scale(node, heads->query, factor);
  FailureOr<Tensor> key = scale(node, heads->key, factor);
  if (failed(query) || failed(key))
    return failure();
  query = groupQueries(node, *heads, *query);
  key = node.emitTranspose(*key, {0, 1, 3, 2});
  if (failed(query) || failed(key))
    return failure();
  FailureOr<Tensor> scores = node.emitMatmul(*query, *key);
  if (succeeded(scores))
    scores = ungroup(node, *heads, *scores);
  if (failed(scores) || failed(setScores(node, *heads, 0, mode, *scores)))
    return failure();

  scores = emitCast(node, *scores, wide);
  if (succeeded(scores) && softcap > 0)
    scores = node.emitMap({*scores}, wide, [&](B &b, ValueRange args) -> Value {
      Value cap = emitConstant(b, type, softcap);
      Value ratio = arith::DivFOp::create(b, args[0], cap);
      return arith::MulFOp::create(b, math::TanhOp::create(b, ratio), cap);
    });
  if (failed(scores) || failed(setScores(node, *heads, 1, mode, *scores)))
    return failure();
  FailureOr<std::optional<Tensor>> bias = getBias(node, *heads, wide);
  if (failed(bias))
    return failure();
  if (*bias) {
    if (failed(node.requireBroadcast((*bias)->shape, scores->shape,
                                     "the mask does not fit scores of shape " +
                                         node.describe(scores->shape))))
      return failure();
    scores = node.emitMap({*scores, **bias}, scores->shape, wide,
                          [](B &b, ValueRange args) -> Value {
                            return arith::AddFOp::create(b, args[0], args[1]);
                          });
  }
  if (failed(scores) || failed(setScores(node, *heads, 2, mode, *scores)))
    return failure();
  FailureOr<Tensor> weights = emitSoftmax(node, *scores, {3});
  if (succeeded(weights) && *bias) {
    // A query that sees nothing has no weights, instead of NaN.
    int64_t last = (*bias)->getRank() - 1;
    FailureOr<Tensor> most = node.emitMax(**bias, {last});
    if (succeeded(most))
      most = node.emitUnsqueeze(*most, {last});
    if (failed(most))
      return failure();
    weights = node.emitMap(
        {*weights, *most}, weights->shape, wide,
        [&](B &b, ValueRange args) -> Value {
          Value seesNone =
              arith::CmpFOp::create(b, arith::CmpFPredicate::OEQ, args[1],
                                    emitConstant(b, type, -infinity));
          return arith::SelectOp::create(b, seesNone, emitConstant(b, type, 0),
                                         args[0]);
        });
  }
  if (failed(weights) || failed(setScores(node, *heads, 3, mode, *weights)))
    return failure();
  weights = emitCast(node, *weights, dtype);
  if (succeeded(weights))
    weights = groupQueries(node, *heads, *weights);
  if (failed(weights))
    return failure();
  FailureOr<Tensor> result = node.emitMatmul(*weights, heads->value);
  if (succeeded(result))
    result = ungroup(node, *heads, *result);
  if (succeeded(result))
    result = joinHeads(node, *result, node.getInput(0).getRank());
  return node.setResult(result);
}

void tern::onnx_import::addAttentionOps(OpTable &ops) {
  ops.onOp("Attention", 23, {3, 7}, importAttention);
}
