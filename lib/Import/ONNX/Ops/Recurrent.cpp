//===- Recurrent.cpp - RNN, GRU, LSTM -------------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Recurrent.h"
#include "Elementwise.h"
#include "Indexing.h"
#include "Quantization.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

namespace {
/// What a direction computes.
struct DirectionResult {
  Tensor y, h, c;
};
} // namespace

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

/// Part of a tensor: one index along the first axis, which disappears, and a
/// range of `size` along the last, from `begin` on.
static Tensor emitPart(Node &node, Tensor tensor, OpFoldResult first,
                       int64_t begin, const Extent &size) {
  B &b = node.b;
  SmallVector<OpFoldResult> offsets(tensor.getRank(), b.getIndexAttr(0)),
      strides(tensor.getRank(), b.getIndexAttr(1)), sizes;
  Extents shape(ArrayRef(tensor.shape).drop_front());
  shape.back() = size;
  // MLIR has no offsets in dimensions of extent 0.
  if (llvm::is_contained(shape, Extent(0)))
    return node.makeTensor(
        tensor.dtype, shape,
        node.emitEmpty(node.getElementType(tensor.dtype), shape));
  offsets.front() = first;
  offsets.back() = b.getIndexAttr(begin);
  sizes.push_back(b.getIndexAttr(1));
  for (const Extent &extent : shape)
    sizes.push_back(node.getSymbols().getFoldResult(b, extent));
  Value source = node.getValue(tensor);
  return node.makeTensor(
      tensor.dtype, shape,
      tensor::ExtractSliceOp::create(b, node.getTensorType(tensor.dtype, shape),
                                     source, offsets, sizes, strides));
}

/// An operand in the accumulator's type, of a given shape.
static FailureOr<std::optional<Tensor>>
readOperand(Node &node, unsigned i, StringRef name, DType type,
            ArrayRef<Extent> shape, ArrayRef<int64_t> permutation = {}) {
  if (!node.hasInput(i))
    return std::optional<Tensor>();
  Tensor tensor = node.getInput(i);
  if (failed(node.expectTypes(tensor, Floats)))
    return failure();
  FailureOr<Tensor> operand = node.emitFloatCast(tensor, type);
  if (succeeded(operand) && !permutation.empty() &&
      tensor.shape.size() == permutation.size())
    operand = node.emitTranspose(*operand, permutation);
  if (failed(operand))
    return failure();
  operand = node.expectShape(*operand, shape,
                             "input " + name + " has shape " +
                                 node.describe(tensor.shape) + ", not " +
                                 node.describe(shape));
  if (failed(operand))
    return failure();
  return std::optional<Tensor>(operand);
}

LogicalResult tern::onnx_import::readHidden(Node &node, Layer &layer,
                                            const Extent &extent) {
  layer.hidden = node.getInt("hidden_size", extent.getConstant().value_or(0));
  if (layer.hidden < 1 || layer.hidden > (1 << 24))
    return node.error("the number of hidden units must be known, and sane");
  return node.require(extent, layer.hidden,
                      "attribute 'hidden_size' is " + Twine(layer.hidden) +
                          ", but the weights are of " + node.describe(extent));
}

LogicalResult tern::onnx_import::readState(Node &node, Layer &layer,
                                           DType type) {
  Extent directions = layer.numDirections, hidden = layer.hidden;
  SmallVector<int64_t> swap;
  if (layer.isBatchFirst)
    swap = {1, 0, 2};
  Extents state = {directions, layer.batch, hidden};
  auto bias = readOperand(node, 3, "B", type,
                          {directions, 2 * layer.numGates * layer.hidden});
  if (failed(bias))
    return failure();
  auto initialH = readOperand(node, 5, "initial_h", type, state, swap);
  if (failed(initialH))
    return failure();
  layer.bias = *bias;
  layer.initialH = *initialH;
  if (layer.cell == Cell::LSTM) {
    auto initialC = readOperand(node, 6, "initial_c", type, state, swap);
    auto peepholes =
        readOperand(node, 7, "P", type, {directions, 3 * layer.hidden});
    if (failed(initialC) || failed(peepholes))
      return failure();
    layer.initialC = *initialC;
    layer.peepholes = *peepholes;
  }
  if (node.hasInput(4)) {
    layer.lengths = node.getInput(4);
    const char *message = "sequence_lens must be i32, one for each sequence";
    if (layer.lengths->dtype != DType::I32)
      return node.error(message);
    FailureOr<Tensor> lengths =
        node.expectShape(*layer.lengths, {layer.batch}, message);
    if (failed(lengths))
      return failure();
    layer.lengths = *lengths;
    node.getValue(*layer.lengths);
    if (failed(requireUpTo(node, *layer.lengths, layer.time,
                           "sequence_lens must be from 0 to " +
                               node.describe(layer.time) +
                               ", the number of time steps")))
      return failure();
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Directions
//===----------------------------------------------------------------------===//

/// `next` where the time is before the sequence's end, or as `within` says,
/// else `other`.
static FailureOr<Tensor>
emitMasked(Node &node, const Layer &layer, Value time, const Tensor &next,
           const Tensor &other,
           arith::CmpIPredicate within = arith::CmpIPredicate::slt) {
  if (!layer.lengths)
    return next;
  FailureOr<Tensor> column = node.emitUnsqueeze(*layer.lengths, {1});
  if (failed(column))
    return failure();
  return node.emitMap(
      {*column, next, other}, next.dtype, [&](B &b, ValueRange args) -> Value {
        Value length = arith::IndexCastOp::create(b, b.getIndexType(), args[0]);
        Value isWithin = arith::CmpIOp::create(b, within, time, length);
        return arith::SelectOp::create(b, isWithin, args[1], args[2]);
      });
}

/// The state of a direction at the start: given, or zeros.
static Tensor emitInitial(Node &node, const Layer &layer,
                          const std::optional<Tensor> &given, int64_t d) {
  if (given)
    return emitPart(node, *given, node.b.getIndexAttr(d), 0, layer.hidden);
  Extents shape = {layer.batch, layer.hidden};
  return node.makeTensor(
      layer.x.dtype, shape,
      node.emitFill(node.emitScalar(node.getElementType(layer.x.dtype), 0),
                    shape));
}

/// The input of a layer of codes: what comes after the longest sequence has no
/// say in the range.
static FailureOr<Tensor> emitWithinLongest(Node &node, const Layer &layer) {
  if (!layer.wCodes || !layer.lengths)
    return layer.x;
  FailureOr<Tensor> longest = node.emitMax(*layer.lengths, {0});
  if (failed(longest))
    return failure();
  return node.emitMap(
      {layer.x, *longest}, layer.x.shape, layer.x.dtype,
      [&](B &b, ValueRange args) -> Value {
        Value end = arith::IndexCastOp::create(b, b.getIndexType(), args[1]);
        Value isWithin = arith::CmpIOp::create(
            b, arith::CmpIPredicate::slt, linalg::IndexOp::create(b, 0), end);
        return arith::SelectOp::create(b, isWithin, args[0],
                                       emitConstant(b, args[0].getType(), 0));
      });
}

/// A direction's part of a weight, to multiply with.
static FailureOr<Weight> emitWeight(Node &node, const Tensor &weight,
                                    const std::optional<Codes> &codes,
                                    int64_t d) {
  OpFoldResult index = node.b.getIndexAttr(d);
  Tensor part = emitPart(node, weight, index, 0, weight.shape[2]);
  if (!codes) {
    FailureOr<Tensor> matrix = node.emitTranspose(part, {1, 0});
    if (failed(matrix))
      return failure();
    return Weight{*matrix, std::nullopt};
  }
  auto getPart = [&](const Tensor &tensor) {
    return emitPart(node, tensor, index, 0, tensor.shape[1]);
  };
  FailureOr<Tensor> matrix = emitShifted(node, part, getPart(codes->zeroPoint));
  if (failed(matrix))
    return failure();
  return Weight{*matrix, getPart(codes->scale)};
}

namespace {
/// One direction of a layer: what its steps read, and the loop over time.
class Direction {
public:
  Direction(Node &node, const Layer &layer, int64_t d)
      : node(node), b(node.b), layer(layer), d(d), index(b.getIndexAttr(d)),
        type(node.getElementType(layer.x.dtype)),
        shape({layer.time, layer.batch, layer.hidden}),
        isLSTM(layer.cell == Cell::LSTM), isBackward(layer.isReverse || d == 1),
        isTurned(isBackward && layer.rCodes && layer.lengths) {}

  FailureOr<DirectionResult> emit();

private:
  DirectionResult emitNoSteps();
  LogicalResult readOperands();
  FailureOr<Tensor> addBias(FailureOr<Tensor> products);
  Value copyState(const Tensor &state);
  FailureOr<SmallVector<Value>> advance(Value time, ValueRange before,
                                        bool inPlace);
  FailureOr<SmallVector<Value>> emitSteps();

  Node &node;
  B &b;
  const Layer &layer;
  int64_t d;
  OpFoldResult index;
  Type type;
  /// Of the outputs.
  Extents shape;
  bool isLSTM, isBackward;
  /// What becomes codes together is what steps of one number read, also of
  /// sequences that end at other times: these are turned round.
  bool isTurned;

  /// The input's products and the biases, [time, batch, gates * hidden].
  Tensor sums;
  Weight recurrence;
  std::optional<Tensor> resetBias;
  SmallVector<Tensor> peepholes;
  /// The state at the start, and zeros like it.
  Tensor h, c, zeros;
};
} // namespace

/// Without a step the state stays what it is.
DirectionResult Direction::emitNoSteps() {
  DirectionResult result;
  result.h = result.c = emitInitial(node, layer, layer.initialH, d);
  if (isLSTM)
    result.c = emitInitial(node, layer, layer.initialC, d);
  result.y = node.makeTensor(layer.x.dtype, shape, node.emitEmpty(type, shape));
  return result;
}

/// Adds the biases of the input and of the recurrence; of a GRU's recurrence
/// that of the last gate is `resetBias`.
FailureOr<Tensor> Direction::addBias(FailureOr<Tensor> products) {
  int64_t width = layer.numGates * layer.hidden;
  Tensor inputBias = emitPart(node, *layer.bias, index, 0, width);
  Tensor ownBias = emitPart(node, *layer.bias, index, width, width);
  products = combine<arith::AddFOp>(node, products, inputBias);
  if (layer.cell != Cell::GRU)
    return combine<arith::AddFOp>(node, products, ownBias);
  // The last gate's is reset with the rest, or added after.
  FailureOr<Tensor> row = node.emitReshape(ownBias, {Extent(1), width});
  if (failed(row))
    return failure();
  Tensor last = getGates(node, *row, layer, 2);
  Tensor noBias = last;
  noBias.value = node.emitFill(
      node.emitScalar(node.getElementType(last.dtype), 0), last.shape);
  SmallVector<OpFoldResult> offsets = {b.getIndexAttr(0),
                                       b.getIndexAttr(2 * layer.hidden)};
  SmallVector<OpFoldResult> sizes = {b.getIndexAttr(1),
                                     b.getIndexAttr(layer.hidden)};
  SmallVector<OpFoldResult> strides(2, b.getIndexAttr(1));
  Tensor others = *row;
  others.value = tensor::InsertSliceOp::create(
      b, noBias.value, node.getValue(*row), offsets, sizes, strides);
  products = combine<arith::AddFOp>(node, products, others);
  // Broadcast to the batch.
  FailureOr<Tensor> flat = node.emitReshape(last, {layer.hidden});
  if (failed(flat))
    return failure();
  resetBias = *flat;
  return products;
}

/// Everything that does not depend on the state, for all times at once.
LogicalResult Direction::readOperands() {
  FailureOr<Weight> w = emitWeight(node, layer.w, layer.wCodes, d);
  FailureOr<Weight> r = emitWeight(node, layer.r, layer.rCodes, d);
  FailureOr<Tensor> x = emitWithinLongest(node, layer);
  if (failed(w) || failed(r) || failed(x))
    return failure();
  recurrence = *r;
  FailureOr<Tensor> products = emitProduct(node, *x, *w);
  if (layer.bias)
    products = addBias(products);
  if (succeeded(products) && isTurned)
    products = emitReverseSequence(node, *products, *layer.lengths, 0);
  if (failed(products))
    return failure();
  sums = *products;
  if (layer.peepholes)
    for (int64_t gate = 0; gate < 3; ++gate)
      peepholes.push_back(emitPart(node, *layer.peepholes, index,
                                   gate * layer.hidden, layer.hidden));
  h = emitInitial(node, layer, layer.initialH, d);
  c = h;
  if (isLSTM)
    c = emitInitial(node, layer, layer.initialC, d);
  zeros = h;
  zeros.value = node.emitFill(node.emitScalar(type, 0), h.shape);
  return success();
}

/// The loop writes where its state is: not to what the caller gave.
Value Direction::copyState(const Tensor &state) {
  Extents spread = {Extent(1)};
  spread.append(state.shape);
  SmallVector<OpFoldResult> sizes = {b.getIndexAttr(1)},
                            offsets(3, b.getIndexAttr(0)),
                            strides(3, b.getIndexAttr(1));
  for (const Extent &extent : state.shape)
    sizes.push_back(node.getSymbols().getFoldResult(b, extent));
  Tensor read = state;
  Value value = node.getValue(read);
  Value copied = tensor::InsertSliceOp::create(
      b, value, node.emitEmpty(type, spread), offsets, sizes, strides);
  return tensor::CollapseShapeOp::create(
      b, copied, ArrayRef<ReassociationIndices>{{0, 1}, {2}});
}

/// One step, from the outputs so far and the state to the next ones. With
/// `inPlace`, these are where those were.
FailureOr<SmallVector<Value>> Direction::advance(Value time, ValueRange before,
                                                 bool inPlace) {
  Step step{layer,
            static_cast<unsigned>(d),
            emitPart(node, sums, time, 0, layer.numGates * layer.hidden),
            node.makeTensor(h.dtype, h.shape, before[1]),
            c,
            recurrence,
            resetBias,
            peepholes};
  if (isLSTM)
    step.c.value = before[2];
  Tensor oldH = step.h, oldC = step.c;
  if (layer.rCodes) {
    // The output of the step before, which is zero behind the end.
    FailureOr<Tensor> read =
        emitMasked(node, layer, time, step.h, zeros, arith::CmpIPredicate::sle);
    if (failed(read))
      return failure();
    step.read = *read;
  }
  FailureOr<Tensor> next = emitStep(node, step);
  if (failed(next))
    return failure();
  FailureOr<Tensor> output = emitMasked(node, layer, time, *next, zeros);
  FailureOr<Tensor> newH = emitMasked(node, layer, time, *next, oldH);
  FailureOr<Tensor> newC = emitMasked(node, layer, time, step.c, oldC);
  if (failed(output) || failed(newH) || failed(newC))
    return failure();
  SmallVector<OpFoldResult> offsets = {time, b.getIndexAttr(0),
                                       b.getIndexAttr(0)};
  SmallVector<OpFoldResult> sizes = {
      b.getIndexAttr(1), node.getSymbols().getFoldResult(b, layer.batch),
      b.getIndexAttr(layer.hidden)};
  SmallVector<OpFoldResult> strides(3, b.getIndexAttr(1));
  SmallVector<Value> after = {tensor::InsertSliceOp::create(
      b, output->value, before[0], offsets, sizes, strides)};
  // Where the state was, once nothing reads it any more.
  auto keep = [&](Tensor &state, unsigned number) -> Value {
    if (!inPlace)
      return node.getValue(state);
    return bufferization::MaterializeInDestinationOp::create(b, state.value,
                                                             before[number])
        .getResult();
  };
  after.push_back(keep(*newH, 1));
  if (isLSTM)
    after.push_back(keep(*newC, 2));
  return after;
}

/// The outputs of all steps, and the state after the last.
FailureOr<SmallVector<Value>> Direction::emitSteps() {
  Value all = node.emitEmpty(type, shape);
  Value begin = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value end = node.getSymbols().getValue(b, layer.time);
  if (layer.time.isConstant(1)) {
    // A loop would be unrolled, and its state not be its own any more.
    SmallVector<Value> before = {all, node.getValue(h)};
    if (isLSTM)
      before.push_back(node.getValue(c));
    return advance(begin, before, /*inPlace=*/false);
  }
  SmallVector<Value> inits = {all, copyState(h)};
  if (isLSTM)
    inits.push_back(copyState(c));
  auto loop = scf::ForOp::create(b, begin, end, one, inits);
  OpBuilder::InsertionGuard guard(b);
  Symbols::Values known = node.getSymbols().saveValues();
  b.setInsertionPointToStart(loop.getBody());
  Value time = loop.getInductionVar();
  if (isBackward && !isTurned)
    time = arith::SubIOp::create(
        b, arith::SubIOp::create(b, end, one).getResult(), time);
  FailureOr<SmallVector<Value>> after =
      advance(time, loop.getRegionIterArgs(), /*inPlace=*/true);
  if (failed(after))
    return failure();
  scf::YieldOp::create(b, *after);
  node.getSymbols().restoreValues(std::move(known));
  return llvm::to_vector_of<Value>(loop.getResults());
}

FailureOr<DirectionResult> Direction::emit() {
  if (layer.time.isConstant(0) || layer.batch.isConstant(0))
    return emitNoSteps();
  if (failed(readOperands()))
    return failure();
  FailureOr<SmallVector<Value>> last = emitSteps();
  if (failed(last))
    return failure();
  DirectionResult result;
  result.y = node.makeTensor(h.dtype, shape, (*last)[0]);
  if (isTurned) {
    FailureOr<Tensor> y =
        emitReverseSequence(node, result.y, *layer.lengths, 0);
    if (failed(y))
      return failure();
    result.y = *y;
  }
  result.h = node.makeTensor(h.dtype, h.shape, (*last)[1]);
  result.c = result.h;
  if (isLSTM)
    result.c.value = (*last)[2];
  return result;
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

LogicalResult tern::onnx_import::emitLayer(Node &node, const Layer &layer,
                                           DType type) {
  SmallVector<DirectionResult, 2> results;
  for (int64_t d = 0; d < layer.numDirections; ++d) {
    FailureOr<DirectionResult> result = Direction(node, layer, d).emit();
    if (failed(result))
      return failure();
    results.push_back(*result);
  }
  // Directions side by side: [time, directions, batch, hidden] and
  // [directions, batch, hidden].
  auto join = [&](Tensor DirectionResult::*part, int64_t axis,
                  ArrayRef<int64_t> permutation) -> FailureOr<Tensor> {
    FailureOr<Tensor> joined = node.emitUnsqueeze(results[0].*part, {axis});
    if (failed(joined))
      return failure();
    if (results.size() == 2) {
      Extents shape(joined->shape);
      shape[axis] = 2;
      Value value = node.emitEmpty(node.getElementType(layer.x.dtype), shape);
      SmallVector<OpFoldResult> sizes,
          offsets(shape.size(), node.b.getIndexAttr(0)),
          strides(shape.size(), node.b.getIndexAttr(1));
      for (const Extent &extent : joined->shape)
        sizes.push_back(node.getSymbols().getFoldResult(node.b, extent));
      bool isEmpty = llvm::is_contained(shape, Extent(0));
      for (int64_t d = 0; d < 2 && !isEmpty; ++d) {
        offsets[axis] = node.b.getIndexAttr(d);
        value = tensor::InsertSliceOp::create(node.b,
                                              node.getValue(results[d].*part),
                                              value, offsets, sizes, strides);
      }
      joined = node.makeTensor(layer.x.dtype, shape, value);
    }
    if (layer.isBatchFirst)
      joined = node.emitTranspose(*joined, permutation);
    if (failed(joined))
      return failure();
    return node.emitFloatCast(*joined, type);
  };
  for (auto [i, part, axis] : {std::tuple(0, &DirectionResult::y, 1),
                               std::tuple(1, &DirectionResult::h, 0),
                               std::tuple(2, &DirectionResult::c, 0)}) {
    if (!node.hasResult(i))
      continue;
    FailureOr<Tensor> joined = join(part, axis,
                                    i == 0 ? ArrayRef<int64_t>{2, 0, 1, 3}
                                           : ArrayRef<int64_t>{1, 0, 2});
    if (failed(joined))
      return failure();
    node.setResult(i, *joined);
  }
  return success();
}

static LogicalResult importRecurrent(Node &node, Cell cell) {
  Layer layer;
  layer.cell = cell;
  layer.isBatchFirst = node.getFlag("layout", false);
  if (node.getVersion() < 7)
    node.getFlag("output_sequence", false);
  Tensor x = node.getInput(0);
  DType type = x.dtype, accumulator = getAccumulatorType(type);
  if (failed(node.expectTypes(x, Floats)) ||
      failed(readAttributes(node, layer)))
    return failure();
  Tensor &w = node.getInput(1), &r = node.getInput(2);
  if (x.getRank() != 3 || w.getRank() != 3 || r.getRank() != 3)
    return node.error("the input and the weights must have rank 3");
  if (failed(readHidden(node, layer, r.shape[2])))
    return failure();
  layer.time = x.shape[layer.isBatchFirst ? 1 : 0];
  layer.batch = x.shape[layer.isBatchFirst ? 0 : 1];
  Extent directions = layer.numDirections, hidden = layer.hidden;
  Extent width = layer.numGates * layer.hidden;
  SmallVector<int64_t> swap;
  if (layer.isBatchFirst)
    swap = {1, 0, 2};
  auto xs = readOperand(node, 0, "X", accumulator,
                        {layer.time, layer.batch, x.shape[2]}, swap);
  if (failed(xs))
    return failure();
  auto ws =
      readOperand(node, 1, "W", accumulator, {directions, width, x.shape[2]});
  if (failed(ws))
    return failure();
  auto rs = readOperand(node, 2, "R", accumulator, {directions, width, hidden});
  if (failed(rs))
    return failure();
  layer.x = **xs;
  layer.w = **ws;
  layer.r = **rs;
  if (failed(readState(node, layer, accumulator)))
    return failure();
  return emitLayer(node, layer, type);
}

void tern::onnx_import::addRecurrentOps(OpTable &ops) {
  ops.onOp("RNN", 1, {3, 6},
           [](Node &node) { return importRecurrent(node, Cell::RNN); });
  ops.onOp("GRU", 1, {3, 6},
           [](Node &node) { return importRecurrent(node, Cell::GRU); });
  ops.onOp("LSTM", 1, {3, 8},
           [](Node &node) { return importRecurrent(node, Cell::LSTM); });
}
