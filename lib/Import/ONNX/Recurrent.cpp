//===- Recurrent.cpp - RNN, GRU, LSTM -------------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Elementwise.h"
#include "Indexing.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

namespace {
enum class Cell { RNN, GRU, LSTM };

/// An activation function with its parameters.
struct Activation {
  std::string name; // In lower case.
  double alpha, beta;
};

/// The operands of a layer, in f32 for narrower types, in the layout [time,
/// batch, ...]; and its attributes.
struct Layer {
  Cell cell;
  int64_t numGates, numDirections, hidden;
  Extent time, batch;
  Tensor x, w, r;
  std::optional<Tensor> bias, lengths, initialH, initialC, peepholes;
  SmallVector<Activation> activations;
  double clip = 0;
  bool linearBeforeReset = false, inputForget = false, isReverse = false;
};

/// What a direction computes.
struct DirectionResult {
  Tensor y, h, c;
};
} // namespace

//===----------------------------------------------------------------------===//
// Scalar functions
//===----------------------------------------------------------------------===//

static std::optional<std::pair<double, double>>
getDefaultParameters(StringRef name) {
  if (name == "leakyrelu")
    return std::pair(0.01, 0.0);
  if (name == "elu" || name == "thresholdedrelu")
    return std::pair(1.0, 0.0);
  if (name == "hardsigmoid")
    return std::pair(0.2, 0.5);
  if (name == "affine" || name == "scaledtanh")
    return std::pair(1.0, name == "affine" ? 0.0 : 1.0);
  for (StringRef known : {"relu", "tanh", "sigmoid", "softsign", "softplus"})
    if (name == known)
      return std::pair(0.0, 0.0);
  return std::nullopt;
}

static Value emitActivation(B &b, Value x, const Activation &f) {
  Type type = x.getType();
  auto number = [&](double value) { return emitConstant(b, type, value); };
  auto add = [&](Value l, Value r) -> Value {
    return arith::AddFOp::create(b, l, r);
  };
  auto mul = [&](Value l, Value r) -> Value {
    return arith::MulFOp::create(b, l, r);
  };
  auto choose = [&](arith::CmpFPredicate predicate, double bound, Value yes,
                    Value no) -> Value {
    Value condition = arith::CmpFOp::create(b, predicate, x, number(bound));
    return arith::SelectOp::create(b, condition, yes, no);
  };
  using P = arith::CmpFPredicate;
  if (f.name == "tanh")
    return math::TanhOp::create(b, x);
  if (f.name == "sigmoid") {
    Value e = math::ExpOp::create(b, arith::NegFOp::create(b, x));
    return arith::DivFOp::create(b, number(1), add(number(1), e));
  }
  if (f.name == "relu")
    return choose(P::UGT, 0, x, number(0));
  if (f.name == "leakyrelu")
    return choose(P::OLT, 0, mul(x, number(f.alpha)), x);
  if (f.name == "thresholdedrelu")
    return choose(P::UGT, f.alpha, x, number(0));
  if (f.name == "affine")
    return add(mul(x, number(f.alpha)), number(f.beta));
  if (f.name == "scaledtanh")
    return mul(number(f.alpha),
               math::TanhOp::create(b, mul(x, number(f.beta))));
  if (f.name == "hardsigmoid") {
    Value line = add(mul(x, number(f.alpha)), number(f.beta));
    Value positive = arith::MaximumFOp::create(b, line, number(0));
    return arith::MinimumFOp::create(b, positive, number(1));
  }
  if (f.name == "elu")
    return choose(P::OLT, 0, mul(number(f.alpha), math::ExpM1Op::create(b, x)),
                  x);
  Value magnitude = math::AbsFOp::create(b, x);
  if (f.name == "softsign")
    return arith::DivFOp::create(b, x, add(number(1), magnitude));
  // softplus
  Value e = math::ExpOp::create(b, arith::NegFOp::create(b, magnitude));
  return add(arith::MaximumFOp::create(b, x, number(0)),
             math::Log1pOp::create(b, e));
}

/// The activation of a sum that is clipped first, if it is.
static Value emitGate(B &b, Value sum, const Layer &layer, unsigned index) {
  if (layer.clip > 0) {
    Value high = emitConstant(b, sum.getType(), layer.clip);
    Value low = emitConstant(b, sum.getType(), -layer.clip);
    sum = arith::MaximumFOp::create(
        b, arith::MinimumFOp::create(b, sum, high).getResult(), low);
  }
  return emitActivation(b, sum, layer.activations[index]);
}

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

static FailureOr<Tensor> add(Node &node, FailureOr<Tensor> lhs,
                             FailureOr<Tensor> rhs) {
  if (failed(lhs) || failed(rhs))
    return failure();
  return node.emitMap({*lhs, *rhs}, lhs->dtype,
                      [](B &b, ValueRange args) -> Value {
                        return arith::AddFOp::create(b, args[0], args[1]);
                      });
}

/// Columns [gate * hidden, (gate + count) * hidden) of a matrix.
static Tensor getGates(Node &node, Tensor matrix, const Layer &layer,
                       int64_t gate, int64_t count = 1) {
  B &b = node.b;
  Extents shape = {matrix.shape[0], count * layer.hidden};
  SmallVector<OpFoldResult> offsets = {b.getIndexAttr(0),
                                       b.getIndexAttr(gate * layer.hidden)};
  SmallVector<OpFoldResult> sizes = {
      node.getSymbols().getFoldResult(b, shape[0]),
      b.getIndexAttr(count * layer.hidden)};
  SmallVector<OpFoldResult> strides(2, b.getIndexAttr(1));
  Value source = node.getValue(matrix);
  return node.makeTensor(
      matrix.dtype, shape,
      tensor::ExtractSliceOp::create(b, node.getTensorType(matrix.dtype, shape),
                                     source, offsets, sizes, strides));
}

//===----------------------------------------------------------------------===//
// Cells
//===----------------------------------------------------------------------===//

namespace {
/// What a step reads: sums of the input's products and biases, the state, the
/// transposed recurrence weight [hidden, gates * hidden].
struct Step {
  const Layer &layer;
  unsigned direction;
  Tensor input, h, c, recurrence;
  /// GRU: the recurrence's bias of the last gate, kept apart.
  std::optional<Tensor> resetBias;
  /// LSTM: [hidden] each, of the gates i, o and f.
  SmallVector<Tensor> peepholes;

  /// The activation number `i` of this direction.
  unsigned f(unsigned i) const {
    return direction * (layer.activations.size() / layer.numDirections) + i;
  }
};
} // namespace

static FailureOr<Tensor> emitRNNStep(Node &node, Step &step) {
  FailureOr<Tensor> product = node.emitMatmul(step.h, step.recurrence);
  if (failed(product))
    return failure();
  return node.emitMap({step.input, *product}, step.h.dtype,
                      [&](B &b, ValueRange args) -> Value {
                        Value sum = arith::AddFOp::create(b, args[0], args[1]);
                        return emitGate(b, sum, step.layer, step.f(0));
                      });
}

static FailureOr<Tensor> emitGRUStep(Node &node, Step &step) {
  const Layer &layer = step.layer;
  DType type = step.h.dtype;
  // z and r.
  FailureOr<Tensor> product =
      node.emitMatmul(step.h, getGates(node, step.recurrence, layer, 0, 2));
  if (failed(product))
    return failure();
  FailureOr<Tensor> gates =
      node.emitMap({getGates(node, step.input, layer, 0, 2), *product}, type,
                   [&](B &b, ValueRange args) -> Value {
                     Value sum = arith::AddFOp::create(b, args[0], args[1]);
                     return emitGate(b, sum, layer, step.f(0));
                   });
  if (failed(gates))
    return failure();
  Tensor z = getGates(node, *gates, layer, 0);
  Tensor r = getGates(node, *gates, layer, 1);
  Tensor weight = getGates(node, step.recurrence, layer, 2);
  auto multiply = [&](Tensor lhs, Tensor rhs) {
    return node.emitMap({lhs, rhs}, type, [](B &b, ValueRange args) -> Value {
      return arith::MulFOp::create(b, args[0], args[1]);
    });
  };
  FailureOr<Tensor> reset = failure();
  if (layer.linearBeforeReset) {
    reset = node.emitMatmul(step.h, weight);
    if (step.resetBias)
      reset = add(node, reset, *step.resetBias);
    if (succeeded(reset))
      reset = multiply(r, *reset);
  } else {
    reset = multiply(r, step.h);
    if (succeeded(reset))
      reset = node.emitMatmul(*reset, weight);
    if (step.resetBias)
      reset = add(node, reset, *step.resetBias);
  }
  if (failed(reset))
    return failure();
  return node.emitMap(
      {getGates(node, step.input, layer, 2), *reset, z, step.h}, type,
      [&](B &b, ValueRange args) -> Value {
        Value sum = arith::AddFOp::create(b, args[0], args[1]);
        Value candidate = emitGate(b, sum, layer, step.f(1));
        Value one = emitConstant(b, sum.getType(), 1);
        Value rest = arith::SubFOp::create(b, one, args[2]);
        return arith::AddFOp::create(
            b, arith::MulFOp::create(b, rest, candidate).getResult(),
            arith::MulFOp::create(b, args[2], args[3]).getResult());
      });
}

/// The new state; `step.c` becomes the new cell.
static FailureOr<Tensor> emitLSTMStep(Node &node, Step &step) {
  const Layer &layer = step.layer;
  DType type = step.h.dtype;
  FailureOr<Tensor> sums =
      add(node, step.input, node.emitMatmul(step.h, step.recurrence));
  if (failed(sums))
    return failure();
  // The order of the gates is i, o, f, c; that of the peepholes i, o, f.
  SmallVector<Tensor> operands;
  for (int64_t gate : {0, 2, 3})
    operands.push_back(getGates(node, *sums, layer, gate));
  operands.push_back(step.c);
  bool peeps = !step.peepholes.empty();
  if (peeps) {
    operands.push_back(step.peepholes[0]);
    operands.push_back(step.peepholes[2]);
  }
  FailureOr<Tensor> cell =
      node.emitMap(operands, type, [&](B &b, ValueRange args) -> Value {
        Value i = args[0], f = args[1], c = args[3];
        if (peeps) {
          i = arith::AddFOp::create(
              b, i, arith::MulFOp::create(b, args[4], c).getResult());
          f = arith::AddFOp::create(
              b, f, arith::MulFOp::create(b, args[5], c).getResult());
        }
        i = emitGate(b, i, layer, step.f(0));
        f = layer.inputForget
                ? arith::SubFOp::create(b, emitConstant(b, i.getType(), 1), i)
                      .getResult()
                : emitGate(b, f, layer, step.f(0));
        Value candidate = emitGate(b, args[2], layer, step.f(1));
        return arith::AddFOp::create(
            b, arith::MulFOp::create(b, f, c).getResult(),
            arith::MulFOp::create(b, i, candidate).getResult());
      });
  if (failed(cell))
    return failure();
  operands = {getGates(node, *sums, layer, 1), *cell};
  if (peeps)
    operands.push_back(step.peepholes[1]);
  step.c = *cell;
  return node.emitMap(operands, type, [&](B &b, ValueRange args) -> Value {
    Value o = args[0];
    if (peeps)
      o = arith::AddFOp::create(
          b, o, arith::MulFOp::create(b, args[2], args[1]).getResult());
    o = emitGate(b, o, layer, step.f(0));
    return arith::MulFOp::create(
        b, o, emitActivation(b, args[1], layer.activations[step.f(2)]));
  });
}

//===----------------------------------------------------------------------===//
// Directions
//===----------------------------------------------------------------------===//

/// `next` where the time is before the sequence's end, else `other`.
static FailureOr<Tensor> emitMasked(Node &node, const Layer &layer, Value time,
                                    Tensor next, Tensor other) {
  if (!layer.lengths)
    return next;
  FailureOr<Tensor> column = node.emitUnsqueeze(*layer.lengths, {1});
  if (failed(column))
    return failure();
  return node.emitMap(
      {*column, next, other}, next.dtype, [&](B &b, ValueRange args) -> Value {
        Value length = arith::IndexCastOp::create(b, b.getIndexType(), args[0]);
        Value isWithin =
            arith::CmpIOp::create(b, arith::CmpIPredicate::slt, time, length);
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

static FailureOr<DirectionResult> emitDirection(Node &node, const Layer &layer,
                                                int64_t d) {
  B &b = node.b;
  OpFoldResult index = b.getIndexAttr(d);
  int64_t width = layer.numGates * layer.hidden;
  // Everything that does not depend on the state, for all times at once.
  Extent inputs = layer.x.shape[2];
  Tensor w = emitPart(node, layer.w, index, 0, inputs);
  Tensor r = emitPart(node, layer.r, index, 0, layer.hidden);
  FailureOr<Tensor> wt = node.emitTranspose(w, {1, 0});
  FailureOr<Tensor> rt = node.emitTranspose(r, {1, 0});
  if (failed(wt) || failed(rt))
    return failure();
  FailureOr<Tensor> sums = node.emitMatmul(layer.x, *wt);
  std::optional<Tensor> resetBias;
  if (layer.bias) {
    Tensor inputBias = emitPart(node, *layer.bias, index, 0, width);
    Tensor ownBias = emitPart(node, *layer.bias, index, width, width);
    sums = add(node, sums, inputBias);
    if (layer.cell != Cell::GRU) {
      sums = add(node, sums, ownBias);
    } else {
      // The last gate's is reset with the rest, or added after.
      FailureOr<Tensor> row = node.emitReshape(ownBias, {Extent(1), width});
      if (failed(row))
        return failure();
      resetBias = getGates(node, *row, layer, 2);
      Tensor zeros = *resetBias;
      zeros.value = node.emitFill(
          node.emitScalar(node.getElementType(zeros.dtype), 0), zeros.shape);
      SmallVector<OpFoldResult> offsets = {b.getIndexAttr(0),
                                           b.getIndexAttr(2 * layer.hidden)};
      SmallVector<OpFoldResult> sizes = {b.getIndexAttr(1),
                                         b.getIndexAttr(layer.hidden)};
      SmallVector<OpFoldResult> strides(2, b.getIndexAttr(1));
      Tensor others = *row;
      others.value = tensor::InsertSliceOp::create(
          b, zeros.value, node.getValue(*row), offsets, sizes, strides);
      sums = add(node, sums, others);
      // Broadcast to the batch.
      FailureOr<Tensor> flat = node.emitReshape(*resetBias, {layer.hidden});
      if (failed(flat))
        return failure();
      resetBias = *flat;
    }
  }
  if (failed(sums))
    return failure();
  SmallVector<Tensor> peepholes;
  if (layer.peepholes)
    for (int64_t gate = 0; gate < 3; ++gate)
      peepholes.push_back(emitPart(node, *layer.peepholes, index,
                                   gate * layer.hidden, layer.hidden));
  Tensor h = emitInitial(node, layer, layer.initialH, d);
  Tensor c = h;
  if (layer.cell == Cell::LSTM)
    c = emitInitial(node, layer, layer.initialC, d);
  Type type = node.getElementType(layer.x.dtype);
  Tensor zeros = h;
  zeros.value = node.emitFill(node.emitScalar(type, 0), h.shape);
  Extents shape = {layer.time, layer.batch, layer.hidden};
  Value all = node.emitEmpty(type, shape);

  Value begin = arith::ConstantIndexOp::create(b, 0);
  Value one = arith::ConstantIndexOp::create(b, 1);
  Value end = node.getSymbols().getValue(b, layer.time);
  // The loop writes where its state is: not to what the caller gave.
  auto copy = [&](Tensor tensor) -> Value {
    Extents spread = {Extent(1)};
    spread.append(tensor.shape);
    SmallVector<OpFoldResult> sizes = {b.getIndexAttr(1)},
                              offsets(3, b.getIndexAttr(0)),
                              strides(3, b.getIndexAttr(1));
    for (const Extent &extent : tensor.shape)
      sizes.push_back(node.getSymbols().getFoldResult(b, extent));
    Value value = node.getValue(tensor);
    Value copied = tensor::InsertSliceOp::create(
        b, value, node.emitEmpty(type, spread), offsets, sizes, strides);
    return tensor::CollapseShapeOp::create(
        b, copied, ArrayRef<ReassociationIndices>{{0, 1}, {2}});
  };
  // One step, from the state and the outputs so far to the next ones. With
  // `inPlace`, these are where those were.
  bool isLSTM = layer.cell == Cell::LSTM;
  auto advance = [&](Value time, ValueRange before,
                     bool inPlace) -> FailureOr<SmallVector<Value>> {
    Step step{layer,
              static_cast<unsigned>(d),
              emitPart(node, *sums, time, 0, width),
              node.makeTensor(h.dtype, h.shape, before[1]),
              c,
              *rt,
              resetBias,
              peepholes};
    if (isLSTM)
      step.c.value = before[2];
    Tensor oldH = step.h, oldC = step.c;
    FailureOr<Tensor> next = layer.cell == Cell::RNN ? emitRNNStep(node, step)
                             : layer.cell == Cell::GRU
                                 ? emitGRUStep(node, step)
                                 : emitLSTMStep(node, step);
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
  };
  SmallVector<Value> last;
  if (layer.time.isConstant(1)) {
    // A loop would be unrolled, and its state not be its own any more.
    SmallVector<Value> before = {all, node.getValue(h)};
    if (isLSTM)
      before.push_back(node.getValue(c));
    FailureOr<SmallVector<Value>> after =
        advance(begin, before, /*inPlace=*/false);
    if (failed(after))
      return failure();
    last = *after;
  } else {
    SmallVector<Value> inits = {all, copy(h)};
    if (isLSTM)
      inits.push_back(copy(c));
    auto loop = scf::ForOp::create(b, begin, end, one, inits);
    OpBuilder::InsertionGuard guard(b);
    Symbols::Values known = node.getSymbols().saveValues();
    b.setInsertionPointToStart(loop.getBody());
    Value time = loop.getInductionVar();
    if (layer.isReverse || d == 1)
      time = arith::SubIOp::create(
          b, arith::SubIOp::create(b, end, one).getResult(), time);
    FailureOr<SmallVector<Value>> after =
        advance(time, loop.getRegionIterArgs(), /*inPlace=*/true);
    if (failed(after))
      return failure();
    scf::YieldOp::create(b, *after);
    node.getSymbols().restoreValues(std::move(known));
    last = llvm::to_vector_of<Value>(loop.getResults());
  }
  DirectionResult result;
  result.y = node.makeTensor(h.dtype, shape, last[0]);
  result.h = node.makeTensor(h.dtype, h.shape, last[1]);
  result.c = result.h;
  if (isLSTM)
    result.c.value = last[2];
  return result;
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

static LogicalResult readActivations(Node &node, Layer &layer) {
  std::vector<std::string> names;
  if (std::optional<std::vector<std::string>> given =
          node.getStrings("activations"))
    names = *given;
  else
    for (int64_t d = 0; d < layer.numDirections; ++d) {
      if (layer.cell != Cell::RNN)
        names.push_back("Sigmoid");
      names.push_back("Tanh");
      if (layer.cell == Cell::LSTM)
        names.push_back("Tanh");
    }
  size_t perDirection = layer.cell == Cell::RNN   ? 1
                        : layer.cell == Cell::GRU ? 2
                                                  : 3;
  if (names.size() != perDirection * layer.numDirections)
    return node.error("attribute 'activations' has " + Twine(names.size()) +
                      " elements");
  SmallVector<double> alphas = node.getFloats("activation_alpha");
  SmallVector<double> betas = node.getFloats("activation_beta");
  size_t nextAlpha = 0, nextBeta = 0;
  for (const std::string &name : names) {
    std::string lower = StringRef(name).lower();
    auto defaults = getDefaultParameters(lower);
    if (!defaults)
      return node.error("activation " + quote(name) + " is not supported");
    Activation f{lower, defaults->first, defaults->second};
    bool hasAlpha = f.alpha != 0, hasBeta = f.beta != 0 || lower == "affine";
    if (hasAlpha && nextAlpha < alphas.size())
      f.alpha = alphas[nextAlpha++];
    if (hasBeta && nextBeta < betas.size())
      f.beta = betas[nextBeta++];
    layer.activations.push_back(f);
  }
  return success();
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
  return std::optional(*operand);
}

static LogicalResult importRecurrent(Node &node, Cell cell) {
  Layer layer;
  layer.cell = cell;
  layer.numGates = cell == Cell::RNN ? 1 : cell == Cell::GRU ? 3 : 4;
  StringRef direction = node.getString("direction", "forward");
  if (direction != "forward" && direction != "reverse" &&
      direction != "bidirectional")
    return node.error("attribute 'direction' is " + quote(direction));
  layer.numDirections = direction == "bidirectional" ? 2 : 1;
  layer.isReverse = direction == "reverse";
  layer.clip = node.getFloat("clip", 0);
  bool batchFirst = node.getFlag("layout", false);
  if (cell == Cell::GRU)
    layer.linearBeforeReset = node.getFlag("linear_before_reset", false);
  if (cell == Cell::LSTM)
    layer.inputForget = node.getFlag("input_forget", false);
  if (node.getVersion() < 7)
    node.getFlag("output_sequence", false);
  Tensor x = node.getInput(0);
  DType type = x.dtype, accumulator = getAccumulatorType(type);
  if (failed(node.expectTypes(x, Floats)) ||
      failed(readActivations(node, layer)))
    return failure();
  Tensor &w = node.getInput(1), &r = node.getInput(2);
  if (x.getRank() != 3 || w.getRank() != 3 || r.getRank() != 3)
    return node.error("the input and the weights must have rank 3");
  layer.hidden =
      node.getInt("hidden_size", r.shape[2].getConstant().value_or(0));
  if (layer.hidden < 1 || layer.hidden > (1 << 24))
    return node.error("the number of hidden units must be known, and sane");
  if (failed(node.require(r.shape[2], layer.hidden,
                          "attribute 'hidden_size' is " + Twine(layer.hidden) +
                              ", but the weights are of " +
                              node.describe(r.shape[2]))))
    return failure();
  layer.time = x.shape[batchFirst ? 1 : 0];
  layer.batch = x.shape[batchFirst ? 0 : 1];
  Extent directions = layer.numDirections, hidden = layer.hidden;
  Extent width = layer.numGates * layer.hidden;
  SmallVector<int64_t> swap;
  if (batchFirst)
    swap = {1, 0, 2};
  Extents state = {directions, layer.batch, hidden};
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
  auto bias = readOperand(node, 3, "B", accumulator,
                          {directions, 2 * layer.numGates * layer.hidden});
  if (failed(bias))
    return failure();
  auto initialH = readOperand(node, 5, "initial_h", accumulator, state, swap);
  if (failed(initialH))
    return failure();
  layer.x = **xs;
  layer.w = **ws;
  layer.r = **rs;
  layer.bias = *bias;
  layer.initialH = *initialH;
  if (cell == Cell::LSTM) {
    auto initialC = readOperand(node, 6, "initial_c", accumulator, state, swap);
    auto peepholes =
        readOperand(node, 7, "P", accumulator, {directions, 3 * layer.hidden});
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

  SmallVector<DirectionResult, 2> results;
  for (int64_t d = 0; d < layer.numDirections; ++d) {
    FailureOr<DirectionResult> result = emitDirection(node, layer, d);
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
      Value value = node.emitEmpty(node.getElementType(accumulator), shape);
      SmallVector<OpFoldResult> sizes,
          offsets(shape.size(), node.b.getIndexAttr(0)),
          strides(shape.size(), node.b.getIndexAttr(1));
      for (const Extent &extent : joined->shape)
        sizes.push_back(node.getSymbols().getFoldResult(node.b, extent));
      for (int64_t d = 0; d < 2; ++d) {
        offsets[axis] = node.b.getIndexAttr(d);
        value = tensor::InsertSliceOp::create(node.b,
                                              node.getValue(results[d].*part),
                                              value, offsets, sizes, strides);
      }
      joined = node.makeTensor(accumulator, shape, value);
    }
    if (batchFirst)
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

void tern::onnx_import::addRecurrentOps(OpTable &ops) {
  ops.onOp("RNN", 1, {3, 6},
           [](Node &node) { return importRecurrent(node, Cell::RNN); });
  ops.onOp("GRU", 1, {3, 6},
           [](Node &node) { return importRecurrent(node, Cell::GRU); });
  ops.onOp("LSTM", 1, {3, 8},
           [](Node &node) { return importRecurrent(node, Cell::LSTM); });
}
