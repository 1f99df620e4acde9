//===- Losses.cpp - Losses as linalg --------------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Losses.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/StringExtras.h"
#include <limits>

using namespace mlir;
using namespace tern;

LossInput tern::getInput(LossKind kind) {
  switch (kind) {
  case LossKind::SoftmaxCrossEntropy:
    return LossInput::Labels;
  case LossKind::MSE:
  case LossKind::L1:
  case LossKind::BCEWithLogits:
    return LossInput::Target;
  case LossKind::KL:
    return LossInput::Teacher;
  case LossKind::Graph:
    return LossInput::None;
  }
  llvm_unreachable("all losses are handled");
}

llvm::Expected<SmallVector<LossTerm>> tern::parseLoss(StringRef text) {
  static const std::pair<StringRef, LossKind> known[] = {
      {"softmax-cross-entropy", LossKind::SoftmaxCrossEntropy},
      {"mse", LossKind::MSE},
      {"l1", LossKind::L1},
      {"bce-with-logits", LossKind::BCEWithLogits},
      {"kl", LossKind::KL},
      {"graph", LossKind::Graph}};
  SmallVector<LossTerm> terms;
  SmallVector<StringRef> parts;
  text.split(parts, '+');
  for (StringRef part : parts) {
    LossTerm term{LossKind::Graph, 1.0};
    StringRef name = part.trim();
    if (name.contains('*')) {
      StringRef weight;
      std::tie(weight, name) = name.split('*');
      if (weight.trim().getAsDouble(term.weight))
        return llvm::createStringError("bad weight '" + weight.trim() +
                                       "' of a loss");
      name = name.trim();
    }
    const auto *it = llvm::find_if(
        known, [&](const auto &entry) { return entry.first == name; });
    if (it == std::end(known)) {
      std::vector<std::string> names;
      for (const auto &entry : known)
        names.push_back(entry.first.str());
      return llvm::createStringError(
          "unknown loss '" + name + "'; known are: " + llvm::join(names, ", ") +
          runtime::suggest(name, names));
    }
    term.kind = it->second;
    terms.push_back(term);
  }
  return terms;
}

namespace {

/// The rows of a tensor [..., C].
struct Rows {
  Rows(TensorBuilder &b, Value tensor)
      : sizes(b.sizesOf(tensor)), rank(sizes.size()), all(b.identity(rank)),
        perRow(b.leading(rank, rank - 1)), inRows(b.identity(rank - 1)),
        rows(ArrayRef(sizes).drop_back()) {}

  SmallVector<OpFoldResult> sizes;
  unsigned rank;
  /// Loops over all elements: of an operand [..., C], and one per row.
  AffineMap all, perRow;
  /// Loops over rows.
  AffineMap inRows;
  ArrayRef<OpFoldResult> rows;
};

/// The log of a softmax: x - m - log(sum), for each row.
struct LogSoftmax {
  Value x, m, logSum;
};

Value add(TensorBuilder &b, Value lhs, Value rhs) {
  return arith::AddFOp::create(b, lhs, rhs);
}
Value sub(TensorBuilder &b, Value lhs, Value rhs) {
  return arith::SubFOp::create(b, lhs, rhs);
}
Value mul(TensorBuilder &b, Value lhs, Value rhs) {
  return arith::MulFOp::create(b, lhs, rhs);
}

FloatAttr zero(TensorBuilder &b) { return b.getF32FloatAttr(0.0f); }

/// Sum over each row of `body` of the elements.
Value sumRows(TensorBuilder &b, const Rows &r, ValueRange inputs,
              ArrayRef<AffineMap> maps, TensorBuilder::Body body) {
  return b.reduce(r.rows, zero(b), inputs, maps, r.perRow,
                  [&](TensorBuilder &n, ValueRange args) {
                    return add(n, args.back(), body(n, args.drop_back()));
                  });
}

/// Sum over all elements of tensors of one shape.
Value sumAll(TensorBuilder &b, ValueRange inputs, TensorBuilder::Body body) {
  unsigned rank = cast<RankedTensorType>(inputs.front().getType()).getRank();
  SmallVector<AffineMap> maps(inputs.size(), b.identity(rank));
  return b.reduce({}, zero(b), inputs, maps, b.scalar(rank),
                  [&](TensorBuilder &n, ValueRange args) {
                    return add(n, args.back(), body(n, args.drop_back()));
                  });
}

/// The greatest element of each row, without a gradient: whatever is
/// subtracted before the exponential is added again after the logarithm.
Value detachedMax(TensorBuilder &b, const Rows &r, Value x) {
  auto lowest = b.getF32FloatAttr(-std::numeric_limits<float>::infinity());
  Value m = b.reduce(r.rows, lowest, x, r.all, r.perRow,
                     [](TensorBuilder &n, ValueRange args) -> Value {
                       return arith::MaximumFOp::create(n, args[1], args[0]);
                     });
  // The gradient is that of the zeros.
  return StraightThroughOp::create(b, m.getType(), b.filled(r.rows, zero(b)), m,
                                   Value());
}

LogSoftmax logSoftmax(TensorBuilder &b, const Rows &r, Value x) {
  Value m = detachedMax(b, r, x);
  Value sum = sumRows(b, r, {x, m}, {r.all, r.perRow},
                      [](TensorBuilder &n, ValueRange args) -> Value {
                        return math::ExpOp::create(n, sub(n, args[0], args[1]));
                      });
  Value logSum = b.map(r.rows, b.getF32Type(), sum, r.inRows,
                       [](TensorBuilder &n, ValueRange args) -> Value {
                         return math::LogOp::create(n, args[0]);
                       });
  return {x, m, logSum};
}

/// A scalar function of 0-d tensors.
Value scalarMap(TensorBuilder &b, ValueRange inputs, TensorBuilder::Body body) {
  SmallVector<AffineMap> maps(inputs.size(), b.identity(0));
  return b.map({}, b.getF32Type(), inputs, maps, body);
}

/// How many elements there are, as f32.
Value countElements(TensorBuilder &b, ArrayRef<OpFoldResult> sizes) {
  Value count = arith::ConstantIndexOp::create(b, 1);
  for (OpFoldResult size : sizes)
    count = arith::MulIOp::create(
        b, count, getValueOrCreateConstantIndexOp(b, b.getLoc(), size));
  Value integer = arith::IndexCastOp::create(b, b.getI64Type(), count);
  return arith::SIToFPOp::create(b, b.getF32Type(), integer);
}

Value divideBy(TensorBuilder &b, Value sum, Value count) {
  return scalarMap(b, sum, [&](TensorBuilder &n, ValueRange args) -> Value {
    return arith::DivFOp::create(n, args[0], count);
  });
}

Value softmaxCrossEntropy(TensorBuilder &b, Value logits, Value labels,
                          const LossOptions &options) {
  Rows r(b, logits);
  LogSoftmax ls = logSoftmax(b, r, logits);
  // A label out of range is the number of no class: nothing is read for it.
  Value picked = sumRows(
      b, r, {logits, labels}, {r.all, r.perRow},
      [&](TensorBuilder &n, ValueRange args) -> Value {
        Value index = linalg::IndexOp::create(n, r.rank - 1);
        Value number = arith::IndexCastOp::create(n, n.getI64Type(), index);
        Value isLabel =
            arith::CmpIOp::create(n, arith::CmpIPredicate::eq, number, args[1]);
        return arith::SelectOp::create(n, isLabel, args[0], n.constant(0));
      });
  auto isCounted = [&](TensorBuilder &n, Value label) -> Value {
    Value ignored =
        arith::ConstantOp::create(n, n.getI64IntegerAttr(options.ignoreIndex));
    return arith::CmpIOp::create(n, arith::CmpIPredicate::ne, label, ignored);
  };
  double smoothing = options.labelSmoothing;
  SmallVector<Value> inputs = {ls.m, ls.logSum, picked, labels};
  Value classes;
  if (smoothing != 0) {
    classes = countElements(b, r.sizes.back());
    inputs.push_back(sumRows(
        b, r, logits, r.all,
        [](TensorBuilder &, ValueRange args) -> Value { return args[0]; }));
  }
  SmallVector<AffineMap> maps(inputs.size(), r.inRows);
  Value perRow =
      b.map(r.rows, b.getF32Type(), inputs, maps,
            [&](TensorBuilder &n, ValueRange args) -> Value {
              Value x = args[2];
              if (smoothing != 0) {
                Value mean = arith::DivFOp::create(n, args[4], classes);
                x = add(n, mul(n, x, n.constant(1 - smoothing)),
                        mul(n, mean, n.constant(smoothing)));
              }
              // m - x first: both may be far from zero.
              Value loss = add(n, sub(n, args[0], x), args[1]);
              return arith::SelectOp::create(n, isCounted(n, args[3]), loss,
                                             n.constant(0));
            });
  Value sum = sumAll(b, perRow,
                     [](TensorBuilder &, ValueRange args) { return args[0]; });
  Value count =
      sumAll(b, labels, [&](TensorBuilder &n, ValueRange args) -> Value {
        return arith::UIToFPOp::create(n, n.getF32Type(),
                                       isCounted(n, args[0]));
      });
  return scalarMap(b, {sum, count},
                   [](TensorBuilder &n, ValueRange args) -> Value {
                     return arith::DivFOp::create(n, args[0], args[1]);
                   });
}

/// log(1 + exp(x)): the exponent is never positive, and at 0 the derivative is
/// one half.
Value softplus(TensorBuilder &b, Value x) {
  Value zero = b.constant(0);
  Value positive = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, zero);
  Value minus = arith::NegFOp::create(b, x);
  Value e =
      math::ExpOp::create(b, arith::SelectOp::create(b, positive, minus, x));
  Value rest = arith::SelectOp::create(b, positive, x, zero);
  return add(b, math::Log1pOp::create(b, e), rest);
}

Value meanOfElements(TensorBuilder &b, LossKind kind, Value output,
                     Value target) {
  Value sum = sumAll(
      b, {output, target}, [&](TensorBuilder &n, ValueRange args) -> Value {
        Value d = sub(n, args[0], args[1]);
        if (kind == LossKind::MSE)
          return mul(n, d, d);
        if (kind == LossKind::L1)
          return math::AbsFOp::create(n, d);
        return sub(n, softplus(n, args[0]), mul(n, args[0], args[1]));
      });
  return divideBy(b, sum, countElements(b, b.sizesOf(output)));
}

Value klDivergence(TensorBuilder &b, Value output, Value teacher,
                   double temperature) {
  auto cool = [&](Value x) {
    return b.zip(x, [&](TensorBuilder &n, ValueRange args) {
      return mul(n, args[0], n.constant(1 / temperature));
    });
  };
  Rows r(b, output);
  LogSoftmax p = logSoftmax(b, r, cool(teacher));
  LogSoftmax q = logSoftmax(b, r, cool(output));
  AffineMap maps[] = {r.all, r.perRow, r.perRow, r.all, r.perRow, r.perRow};
  Value sum = b.reduce(
      {}, zero(b), {p.x, p.m, p.logSum, q.x, q.m, q.logSum}, maps,
      b.scalar(r.rank), [](TensorBuilder &n, ValueRange args) -> Value {
        Value logP = sub(n, sub(n, args[0], args[1]), args[2]);
        Value logQ = sub(n, sub(n, args[3], args[4]), args[5]);
        // Where p is 0, so is the term, though log p is not finite.
        Value prob = math::ExpOp::create(n, logP);
        Value none = arith::CmpFOp::create(n, arith::CmpFPredicate::OEQ, prob,
                                           n.constant(0));
        Value term = mul(n, prob, sub(n, logP, logQ));
        term = arith::SelectOp::create(n, none, n.constant(0), term);
        return add(n, args[6], term);
      });
  Value mean = divideBy(b, sum, countElements(b, r.rows));
  return scalarMap(b, mean, [&](TensorBuilder &n, ValueRange args) {
    return mul(n, args[0], n.constant(temperature * temperature));
  });
}

} // namespace

Value tern::buildLoss(TensorBuilder &b, LossKind kind, Value output,
                      Value compared, const LossOptions &options) {
  switch (kind) {
  case LossKind::SoftmaxCrossEntropy:
    return softmaxCrossEntropy(b, output, compared, options);
  case LossKind::MSE:
  case LossKind::L1:
  case LossKind::BCEWithLogits:
    return meanOfElements(b, kind, output, compared);
  case LossKind::KL:
    return klDivergence(b, output, compared, options.temperature);
  case LossKind::Graph: {
    SmallVector<ReassociationIndices> none;
    auto type = cast<RankedTensorType>(output.getType());
    if (type.getRank() == 0)
      return output;
    return tensor::CollapseShapeOp::create(
        b, RankedTensorType::get({}, type.getElementType()), output, none);
  }
  }
  llvm_unreachable("all losses are handled");
}
