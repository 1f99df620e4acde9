//===- RotaryEmbedding.cpp - The operator RotaryEmbedding -----------------===//
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
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

/// Cosines or sines [batch, positions, half]: given so, or rows of a table
/// [positions, half] that `position_ids` [batch, positions] name.
static FailureOr<Tensor> getTable(Node &node, unsigned input,
                                  const Extent &batch,
                                  const Extent &positions) {
  Tensor table = node.getInput(input);
  std::string name = input == 1 ? "cos_cache" : "sin_cache";
  bool hasPositions = node.hasInput(3);
  int64_t rank = hasPositions ? 2 : 3;
  if (table.dtype != node.getInput(0).dtype)
    return node.error(name + " has another element type than the input");
  if (table.getRank() != rank)
    return node.error(name + " has rank " + Twine(table.getRank()) + ", not " +
                      Twine(rank));
  if (!hasPositions)
    return node.expectShape(table, {batch, positions, table.shape[2]},
                            name + " has shape " + node.describe(table.shape) +
                                ", which does not fit " +
                                node.describe({batch, positions}) +
                                " positions");
  Tensor ids = node.getInput(3);
  FailureOr<Tensor> fitting =
      node.expectShape(ids, {batch, positions},
                       "position_ids have shape " + node.describe(ids.shape) +
                           ", not " + node.describe({batch, positions}));
  if (failed(fitting) || failed(requireIndices(node, *fitting, table.shape[0])))
    return failure();
  Value source = node.getValue(table), rows = node.getValue(*fitting);
  Value extent = getExtentValues(node, table.shape)[0];
  return node.emitMap({}, {batch, positions, table.shape[1]}, table.dtype,
                      [&](B &b, ValueRange) -> Value {
                        Value row = tensor::ExtractOp::create(
                            b, rows,
                            ValueRange{linalg::IndexOp::create(b, 0),
                                       linalg::IndexOp::create(b, 1)});
                        return tensor::ExtractOp::create(
                            b, source,
                            ValueRange{emitSafeIndex(b, row, extent),
                                       linalg::IndexOp::create(b, 2)});
                      });
}

/// a * b + sign * c * d, in the accumulator's type.
static FailureOr<Tensor> rotate(Node &node, const Tensor &a, const Tensor &b,
                                const Tensor &c, const Tensor &d, bool adds) {
  return node.emitMap({a, b, c, d}, a.dtype, [&](B &builder, ValueRange args) {
    Value first = arith::MulFOp::create(builder, args[0], args[1]);
    Value second = arith::MulFOp::create(builder, args[2], args[3]);
    if (adds)
      return arith::AddFOp::create(builder, first, second).getResult();
    return arith::SubFOp::create(builder, first, second).getResult();
  });
}

/// The input as [batch, heads, positions, size] or [batch, positions, heads,
/// size].
static FailureOr<Tensor> splitInput(Node &node, const Tensor &input,
                                    int64_t heads) {
  const Extents &shape = input.shape;
  FailureOr<Tensor> x =
      node.emitFloatCast(input, getAccumulatorType(input.dtype));
  if (failed(x))
    return failure();
  if (shape.size() == 4) {
    if (heads != 0 &&
        failed(node.require(shape[1], heads,
                            "attribute 'num_heads' is " + Twine(heads) +
                                ", the input has " + node.describe(shape[1]))))
      return failure();
    return x;
  }
  if (heads == 0)
    return node.error("an input of rank 3 needs attribute 'num_heads'");
  std::optional<Extent> size =
      node.getSymbols().floorDiv(node.b, shape[2], heads);
  if (!size)
    return node.error("cannot tell the size of a head; fix dynamic "
                      "dimensions with --dim");
  // Reports what is no multiple of the number of heads.
  return node.emitReshape(*x, {shape[0], shape[1], heads, *size});
}

namespace {
/// The cosines and sines of the angles at each position, to multiply with.
struct Angles {
  Tensor cosine, sine;
  /// Of each, for half of the elements that turn.
  Extent half;
};
} // namespace

/// The angles for `x`, of which axis `time` has the positions, in its type.
/// `declared` elements of each head turn; 0 stands for all.
static FailureOr<Angles> getAngles(Node &node, const Tensor &x, int64_t time,
                                   int64_t declared) {
  const Extents &split = x.shape;
  const Tensor &cosines = node.getInput(1), &sines = node.getInput(2);
  if (node.hasInput(3) && cosines.getRank() == 2 && sines.getRank() == 2 &&
      failed(node.require(sines.shape[0], cosines.shape[0],
                          "cos_cache and sin_cache have " +
                              node.describe(cosines.shape[0]) + " and " +
                              node.describe(sines.shape[0]) + " positions")))
    return failure();
  FailureOr<Tensor> cosine = getTable(node, 1, split[0], split[time]);
  FailureOr<Tensor> sine = getTable(node, 2, split[0], split[time]);
  if (failed(cosine) || failed(sine))
    return failure();
  Extent half = cosine->shape[2];
  std::optional<Extent> turned = Extent::mul(half, 2);
  if (!turned)
    return node.error("the extent of the result overflows");
  std::string message =
      "cos_cache and sin_cache have " + node.describe(half) + " and " +
      node.describe(sine->shape[2]) + " angles for each position; half of " +
      (declared ? std::to_string(declared) : node.describe(split[3])) +
      " elements turn";
  if (failed(node.require(sine->shape[2], half, message)) ||
      failed(node.require(*turned, declared ? Extent(declared) : split[3],
                          message)))
    return failure();
  for (FailureOr<Tensor> *angles : {&cosine, &sine}) {
    *angles = node.emitFloatCast(**angles, x.dtype);
    if (succeeded(*angles))
      *angles = node.emitUnsqueeze(**angles, {3 - time});
    if (failed(*angles))
      return failure();
  }
  return Angles{*cosine, *sine, half};
}

/// The elements that turn, turned.
static FailureOr<Tensor> emitTurned(Node &node, const Tensor &x,
                                    const Angles &angles, bool isInterleaved) {
  const Extents &split = x.shape;
  const Extent &half = angles.half;
  SmallVector<Span> ranges = getFullRanges(split);
  auto take = [&](const Span &span) {
    ranges[3] = span;
    return emitSlice(node, x, ranges);
  };
  FailureOr<Tensor> first = take({0, half, isInterleaved ? 2 : 1});
  FailureOr<Tensor> second =
      isInterleaved ? take({1, half, 2}) : take({half, half, 1});
  if (failed(first) || failed(second))
    return failure();
  FailureOr<Tensor> real =
      rotate(node, *first, angles.cosine, *second, angles.sine, /*adds=*/false);
  FailureOr<Tensor> imaginary =
      rotate(node, *first, angles.sine, *second, angles.cosine, /*adds=*/true);
  if (failed(real) || failed(imaginary))
    return failure();
  if (!isInterleaved)
    return emitConcat(node, {*real, *imaginary}, 3);
  real = node.emitUnsqueeze(*real, {4});
  imaginary = node.emitUnsqueeze(*imaginary, {4});
  if (failed(real) || failed(imaginary))
    return failure();
  FailureOr<Tensor> pairs = emitConcat(node, {*real, *imaginary}, 4);
  if (failed(pairs))
    return failure();
  return node.emitReshape(
      *pairs, {split[0], split[1], split[2], *Extent::mul(half, 2)});
}

/// The first elements of each head, in pairs (x1, x2), turn by the angles of
/// their position: (cos x1 - sin x2, sin x1 + cos x2); the rest stays. Pairs
/// are neighbours (interleaved) or an element of either half. The input is
/// [batch, heads, positions, size] or [batch, positions, heads * size].
static LogicalResult importRotaryEmbedding(Node &node) {
  Tensor input = node.getInput(0);
  bool isInterleaved = node.getFlag("interleaved", false);
  int64_t heads = node.getInt("num_heads", 0);
  int64_t declared = node.getInt("rotary_embedding_dim", 0);
  int64_t rank = input.getRank();
  if (failed(node.expectTypes(input, Floats)))
    return failure();
  if (rank != 3 && rank != 4)
    return node.error("the input has rank " + Twine(rank) + ", not 3 or 4");
  if (heads < 0 || declared < 0)
    return node.error("attribute 'num_heads' or 'rotary_embedding_dim' is "
                      "negative");
  FailureOr<Tensor> x = splitInput(node, input, heads);
  if (failed(x))
    return failure();
  FailureOr<Angles> angles = getAngles(node, *x, rank == 3 ? 1 : 2, declared);
  if (failed(angles))
    return failure();
  FailureOr<Tensor> result = emitTurned(node, *x, *angles, isInterleaved);
  const Extent &size = x->shape[3];
  Extent turned = *Extent::mul(angles->half, 2);
  if (succeeded(result) && turned != size) {
    std::optional<Extent> rest = Extent::sub(size, turned);
    if (!rest ||
        failed(node.requireNonNegative(
            *rest, "attribute 'rotary_embedding_dim' is " + Twine(declared) +
                       ", a head has " + node.describe(size) + " elements")))
      return failure();
    SmallVector<Span> ranges = getFullRanges(x->shape);
    ranges[3] = {turned, *rest, 1};
    FailureOr<Tensor> kept = emitSlice(node, *x, ranges);
    if (failed(kept))
      return failure();
    result = emitConcat(node, {*result, *kept}, 3);
  }
  if (succeeded(result))
    result = node.emitFloatCast(*result, input.dtype);
  if (succeeded(result) && rank == 3)
    result = node.emitReshape(*result, input.shape);
  return node.setResult(result);
}

void tern::onnx_import::addRotaryEmbeddingOps(OpTable &ops) {
  ops.onOp("RotaryEmbedding", 23, {3, 4}, importRotaryEmbedding);
}
