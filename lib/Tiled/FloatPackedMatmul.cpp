//===- FloatPackedMatmul.cpp - Packed products of float activations -------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The loop nest of tern.packed_matmul on f32:
//
//   for panels of P rows
//     for blocks of the layout, which begin at k0
//       codes[k - k0][P] = the panel's codes as bytes, rows side by side
//       for pieces: what a chunk of the sum's order has of these k
//         for tiles of T tokens
//           T x P accumulators: for k: accumulators += x[m, k] * codes[k - k0]
//
// Rows lie along vectors, so that each result adds its own terms in ascending
// order. Codes are -1, 0 and 1: products are exact, and targets without fused
// multiply-adds have the same sums. A chunk is 128 positions of a scale group,
// or of K. Where chunks and blocks end at different positions, the sums of the
// last chunk, and of the last group, stand in memory from block to block.
//
//===----------------------------------------------------------------------===//

#include "PackedKernelBuilder.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "tern/Dialect/Tern/IR/SumOrder.h"
#include "llvm/Support/MathExtras.h"
#include <numeric>

using namespace mlir;
using namespace tern;

/// Tokens for which sums are kept in memory.
static constexpr int64_t kStrip = 32;
/// Elements a side of the squares of bytes that are transposed in registers.
static constexpr int64_t kSquare = 16;

namespace {
class FloatKernel : PackedKernelBuilder {
public:
  FloatKernel(OpBuilder &builder, PackedMatmulOp op, SimdDotInterface target,
              SimdLayoutAttrInterface layout);

  Value build();

private:
  /// What is carried from loop to loop: the result, then sums of the chunk and
  /// of the group, where blocks cut these.
  using State = SmallVector<Value>;
  /// A range of tokens.
  struct Tokens {
    Value first, end;
  };
  /// A part of a chunk that lies in the blocks whose codes begin at `k0`.
  struct Piece {
    Value codes, k0, lower, upper;
    /// Whether chunk and group end with it; null: always.
    Value endsChunk, endsGroup;
    /// Of the group; one for each vector of columns.
    SmallVector<Value> scales;
  };

  State strip(Value panel, Tokens tokens, Value out);
  State blocks(Value panel, Value block, Tokens tokens, const State &state);
  Value transposeBytes(Value panel, Value block);
  Value unpack(Value panel, Value block);
  SmallVector<Value> loadScales(Value panel, Value group);
  State tokenTiles(Value panel, Tokens tokens, const Piece &piece, State state);
  State tile(Value panel, Value token, int64_t count, Value firstToken,
             const Piece &piece, State state);
  /// Adds the sums of a piece to what it is a part of.
  void finish(Value acc, Value token, Value stripToken, Value panel,
              int64_t column, const Piece &piece, State &state);

  int64_t group() { return op.getGroup(); }
  /// The chunk that position k is in, and where that begins.
  AffineExpr getChunk(AffineExpr k);
  AffineExpr getStart(AffineExpr chunk);
  /// Row `offset` of a panel.
  Value rowOf(Value panel, int64_t offset) {
    return apply(b.getAffineDimExpr(0) * panelRows + offset, {panel});
  }
  Value read(Value tensor, Value row, Value column, bool inBounds) {
    Type element = getElementTypeOrSelf(tensor);
    return vector::TransferReadOp::create(
        b, VectorType::get(columns, element), tensor, ValueRange{row, column},
        zeroOf(element), ArrayRef<bool>{inBounds});
  }
  void write(Value vector, Value &tensor, Value row, Value column,
             bool inBounds) {
    tensor = vector::TransferWriteOp::create(b, vector, tensor,
                                             ValueRange{row, column},
                                             ArrayRef<bool>{inBounds})
                 .getResult();
  }
  Value fillWithZeros(Value tensor) {
    return linalg::FillOp::create(b, zeroOf(getElementTypeOrSelf(tensor)),
                                  tensor)
        .getResult(0);
  }
  Value select(Value condition, Value yes, Value no) {
    return condition ? b.createOrFold<arith::SelectOp>(condition, yes, no)
                     : yes;
  }

  bool hasFma;
  int64_t tileTokens, columns, panelRows;
  /// Blocks that are unpacked together, and their positions.
  int64_t together, positions;
  /// Chunks of a group.
  int64_t chunksOfGroup = 1;
  /// Whether blocks cut chunks, and whether a group has several chunks.
  bool cutsChunks, splitsGroups;
  /// Whether a panel never reaches past the last row.
  bool whole;
  VectorType vectorType;
  /// Past the last position that has a scale.
  Value end;
};
} // namespace

FloatKernel::FloatKernel(OpBuilder &builder, PackedMatmulOp op,
                         SimdDotInterface target,
                         SimdLayoutAttrInterface layout)
    : PackedKernelBuilder(builder, op, layout),
      hasFma(getTarget(op).getMachine().hasFma) {
  MatmulKernel shape = target.getMatmulKernel(b.getF32Type());
  tileTokens = shape.rows;
  columns = shape.columns;
  // A single token has two vectors' sums of each register to wait for less.
  panelRows = llvm::alignTo(2 * columns, std::lcm(columns, kSquare));
  int64_t block = layout.getBlock();
  together = kPackedChunk % block == 0 ? kPackedChunk / block : 1;
  positions = together * block;
  if (group() == 0) {
    cutsChunks = positions % kPackedChunk != 0;
  } else {
    chunksOfGroup = llvm::divideCeil(group(), kPackedChunk);
    cutsChunks = positions % group() != 0 &&
                 (group() % positions != 0 || positions % kPackedChunk != 0);
  }
  splitsGroups = chunksOfGroup > 1;
  int64_t n = cast<RankedTensorType>(op.getInit().getType()).getDimSize(1);
  whole = !ShapedType::isDynamic(n) && n % panelRows == 0;
  vectorType = VectorType::get(columns, b.getF32Type());
}

AffineExpr FloatKernel::getChunk(AffineExpr k) {
  if (group() == 0)
    return k.floorDiv(kPackedChunk);
  return k.floorDiv(group()) * chunksOfGroup +
         (k % group()).floorDiv(kPackedChunk);
}

AffineExpr FloatKernel::getStart(AffineExpr chunk) {
  if (group() == 0)
    return chunk * kPackedChunk;
  return chunk.floorDiv(chunksOfGroup) * group() +
         chunk % chunksOfGroup * kPackedChunk;
}

/// The packed bytes of one block with rows side by side: [lane][row].
Value FloatKernel::transposeBytes(Value panel, Value block) {
  AffineExpr d0 = b.getAffineDimExpr(0), d1 = b.getAffineDimExpr(1);
  Type i8 = b.getI8Type();
  Value last = apply(d0 - 1, {size(op.getPacked(), 0)});
  Value empty =
      tensor::EmptyOp::create(b, ArrayRef<int64_t>{lanes, panelRows}, i8);
  // Rows past the last are read as others, and never stored.
  auto indices = [&](AffineExpr row, ArrayRef<OpFoldResult> operands,
                     Value lane) -> SmallVector<Value> {
    Value tile = min(apply(row.floorDiv(rows), operands), last);
    return {tile, block, apply(row % rows, operands), lane};
  };
  if (lanes % kSquare != 0)
    return loop(
        index(0), index(lanes), 1, empty, [&](Value lane, ValueRange outer) {
          return loop(index(0), index(panelRows), 1, outer,
                      [&](Value row, ValueRange inner) -> SmallVector<Value> {
                        Value byte = tensor::ExtractOp::create(
                            b, op.getPacked(),
                            indices(d0 * panelRows + d1, {panel, row}, lane));
                        return {tensor::InsertOp::create(
                            b, byte, inner[0], ValueRange{lane, row})};
                      });
        })[0];

  // Each round interleaves vectors half the square apart; as many rounds as
  // the side has bits exchange rows and columns.
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i < kSquare; ++i) {
    low.push_back(i / 2 + i % 2 * kSquare);
    high.push_back(kSquare / 2 + i / 2 + i % 2 * kSquare);
  }
  auto bytes = VectorType::get(kSquare, i8);
  return loop(
      index(0), index(lanes), kSquare, empty,
      [&](Value lane, ValueRange carried) -> SmallVector<Value> {
        Value result = carried[0];
        for (int64_t row = 0; row < panelRows; row += kSquare) {
          SmallVector<Value> square;
          for (int64_t i = 0; i < kSquare; ++i)
            square.push_back(vector::TransferReadOp::create(
                b, bytes, op.getPacked(),
                indices(d0 * panelRows + (row + i), {panel}, lane), zeroOf(i8),
                ArrayRef<bool>{true}));
          for (int64_t round = kSquare; round > 1; round /= 2) {
            SmallVector<Value> next;
            for (int64_t i = 0; i < kSquare / 2; ++i)
              for (ArrayRef<int64_t> mask : {ArrayRef(low), ArrayRef(high)})
                next.push_back(vector::ShuffleOp::create(
                    b, square[i], square[i + kSquare / 2], mask));
            square = next;
          }
          for (auto [i, vector] : llvm::enumerate(square))
            write(vector, result, apply(d0 + i, {lane}), index(row), true);
        }
        return {result};
      })[0];
}

/// The codes of the blocks from `block` on: [position][row].
Value FloatKernel::unpack(Value panel, Value block) {
  AffineExpr d0 = b.getAffineDimExpr(0), d1 = b.getAffineDimExpr(1);
  Type i8 = b.getI8Type();
  auto bytesType = VectorType::get(panelRows, i8);
  Value one = arith::ConstantOp::create(
      b, SplatElementsAttr::get(bytesType, int8_t(1)));
  Value empty =
      tensor::EmptyOp::create(b, ArrayRef<int64_t>{positions, panelRows}, i8);
  auto unpackBlock = [&](Value number, ValueRange outer) {
    Value bytes = transposeBytes(panel, apply(d0 + d1, {block, number}));
    return loop(index(0), index(lanes), 1, outer,
                [&](Value lane, ValueRange carried) -> SmallVector<Value> {
                  Value vector = vector::TransferReadOp::create(
                      b, bytesType, bytes, ValueRange{lane, index(0)},
                      zeroOf(i8), ArrayRef<bool>{true});
                  Value result = carried[0];
                  for (auto [field, code] : llvm::enumerate(
                           layout.buildUnpack(b, b.getLoc(), vector))) {
                    Value position =
                        apply(d0 * layout.getBlock() + d1 +
                                  static_cast<int64_t>(field) * lanes,
                              {number, lane});
                    write(arith::SubIOp::create(b, code, one), result, position,
                          index(0), true);
                  }
                  return {result};
                });
  };
  if (together == 1)
    return unpackBlock(index(0), empty)[0];
  Value rest = apply(d0 - d1, {size(op.getPacked(), 1), block});
  return loop(index(0), min(rest, index(together)), 1, empty, unpackBlock)[0];
}

SmallVector<Value> FloatKernel::loadScales(Value panel, Value group) {
  SmallVector<Value> vectors;
  Value last = apply(b.getAffineDimExpr(0) - 1, {size(op.getInit(), 1)});
  for (int64_t column = 0; column < panelRows; column += columns) {
    SmallVector<Value> scales;
    for (int64_t i = 0; i < columns; ++i) {
      Value row = rowOf(panel, column + i);
      scales.push_back(tensor::ExtractOp::create(
          b, op.getScales(), ValueRange{whole ? row : min(row, last), group}));
    }
    vectors.push_back(vector::FromElementsOp::create(b, vectorType, scales));
  }
  return vectors;
}

void FloatKernel::finish(Value acc, Value token, Value stripToken, Value panel,
                         int64_t column, const Piece &piece, State &state) {
  Value zero = zeroOf(vectorType), offset = index(column);
  Value &out = state[0];
  Value row = rowOf(panel, column);
  if (cutsChunks)
    write(select(piece.endsChunk, zero, acc), state[1], stripToken, offset,
          true);
  if (splitsGroups) {
    Value &groups = state.back();
    Value before = read(groups, stripToken, offset, true);
    acc =
        select(piece.endsChunk, arith::AddFOp::create(b, before, acc), before);
    write(select(piece.endsGroup, zero, acc), groups, stripToken, offset, true);
  }
  Value before = read(out, token, row, whole);
  Value after =
      piece.scales.empty()
          ? arith::AddFOp::create(b, before, acc).getResult()
          : math::FmaOp::create(b, acc, piece.scales[column / columns], before);
  write(select(splitsGroups ? piece.endsGroup : piece.endsChunk, after, before),
        out, token, row, whole);
}

FloatKernel::State FloatKernel::tile(Value panel, Value token, int64_t count,
                                     Value firstToken, const Piece &piece,
                                     State state) {
  AffineExpr d0 = b.getAffineDimExpr(0), d1 = b.getAffineDimExpr(1);
  // One token has the registers for all rows at once.
  int64_t width = count == 1 ? panelRows : columns;
  SmallVector<Value> at, inStrip;
  for (int64_t i = 0; i < count; ++i) {
    at.push_back(apply(d0 + i, {token}));
    inStrip.push_back(apply(d0 - d1, {at.back(), firstToken}));
  }
  for (int64_t first = 0; first < panelRows; first += width) {
    SmallVector<Value> accs;
    for (int64_t i = 0; i < count; ++i)
      for (int64_t column = first; column < first + width; column += columns)
        accs.push_back(cutsChunks
                           ? read(state[1], inStrip[i], index(column), true)
                           : zeroOf(vectorType));
    accs = loop(
        piece.lower, piece.upper, 1, accs, [&](Value k, ValueRange carried) {
          SmallVector<Value> codes, next;
          Value position = apply(d0 - d1, {k, piece.k0});
          for (int64_t column = first; column < first + width;
               column += columns)
            codes.push_back(arith::SIToFPOp::create(
                b, vectorType,
                read(piece.codes, position, index(column), true)));
          for (int64_t i = 0; i < count; ++i) {
            Value scalar = tensor::ExtractOp::create(b, op.getActivations(),
                                                     ValueRange{at[i], k});
            Value x = vector::BroadcastOp::create(b, vectorType, scalar);
            for (Value code : codes) {
              Value acc = carried[next.size()];
              if (hasFma)
                acc = math::FmaOp::create(b, x, code, acc);
              else
                acc = arith::AddFOp::create(b, acc,
                                            arith::MulFOp::create(b, x, code));
              next.push_back(acc);
            }
          }
          return next;
        });
    ArrayRef<Value> rest = accs;
    for (int64_t i = 0; i < count; ++i)
      for (int64_t column = first; column < first + width; column += columns) {
        finish(rest.front(), at[i], inStrip[i], panel, column, piece, state);
        rest = rest.drop_front();
      }
  }
  return state;
}

/// Whole tiles, then tiles of four tokens, then single ones.
FloatKernel::State FloatKernel::tokenTiles(Value panel, Tokens tokens,
                                           const Piece &piece, State state) {
  AffineExpr d0 = b.getAffineDimExpr(0), d1 = b.getAffineDimExpr(1);
  SmallVector<int64_t> counts = {tileTokens};
  if (tileTokens > 4)
    counts.push_back(4);
  if (tileTokens > 1)
    counts.push_back(1);
  Value first = tokens.first;
  for (int64_t count : counts) {
    Value stop =
        apply(d1 + (d0 - d1).floorDiv(count) * count, {tokens.end, first});
    std::optional<int64_t> from = getConstantIntValue(first),
                           to = getConstantIntValue(stop);
    if (from && to && *from == *to)
      continue;
    state = loop(first, stop, count, state, [&](Value m, ValueRange carried) {
      return tile(panel, m, count, tokens.first, piece, State(carried));
    });
    first = stop;
  }
  return state;
}

FloatKernel::State FloatKernel::blocks(Value panel, Value block, Tokens tokens,
                                       const State &state) {
  AffineExpr d0 = b.getAffineDimExpr(0);
  Piece shared;
  shared.codes = unpack(panel, block);
  shared.k0 = apply(d0 * layout.getBlock(), {block});
  Value stop = min(apply(d0 + positions, {shared.k0}), end);
  auto piece = [&](Value chunk, ValueRange carried) {
    Piece piece = shared;
    Value start = apply(getStart(d0), {chunk});
    Value chunkEnd = apply(d0 + kPackedChunk, {start});
    if (group() != 0) {
      Value owner = apply(d0.floorDiv(chunksOfGroup), {chunk});
      Value groupEnd = min(apply((d0 + 1) * group(), {owner}), end);
      chunkEnd = min(chunkEnd, groupEnd);
      piece.scales = loadScales(panel, owner);
      piece.upper = min(chunkEnd, stop);
      if (splitsGroups)
        piece.endsGroup = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                                piece.upper, groupEnd);
    } else {
      chunkEnd = min(chunkEnd, end);
      piece.upper = min(chunkEnd, stop);
    }
    piece.lower = b.createOrFold<arith::MaxUIOp>(start, shared.k0);
    if (cutsChunks)
      piece.endsChunk = arith::CmpIOp::create(b, arith::CmpIPredicate::eq,
                                              piece.upper, chunkEnd);
    return tokenTiles(panel, tokens, piece, State(carried));
  };
  Value first = apply(getChunk(d0), {shared.k0});
  Value last = apply(getChunk(d0 - 1) + 1, {stop});
  return loop(first, last, 1, state, piece);
}

FloatKernel::State FloatKernel::strip(Value panel, Tokens tokens, Value out) {
  State state = {out};
  // Zeros that several products start from are one value by and by, and fills
  // are taken apart again (`tern-unshare-destinations`).
  for (bool isNeeded : {cutsChunks, splitsGroups})
    if (isNeeded)
      state.push_back(fillWithZeros(tensor::EmptyOp::create(
          b, ArrayRef<int64_t>{kStrip, panelRows}, b.getF32Type())));
  state = loop(index(0), size(op.getPacked(), 1), together, state,
               [&](Value block, ValueRange carried) {
                 return blocks(panel, block, tokens, State(carried));
               });
  return {state[0]};
}

Value FloatKernel::build() {
  AffineExpr d0 = b.getAffineDimExpr(0);
  Value zero = index(0), out = fillWithZeros(op.getInit());
  Value tokens = size(out, 0);
  Value panels = apply(d0.ceilDiv(panelRows), {size(out, 1)});
  end = size(op.getActivations(), 1);
  if (group() != 0)
    end = min(end, apply(d0 * group(), {size(op.getScales(), 1)}));
  std::optional<int64_t> known = getConstantIntValue(tokens);
  return loop(zero, panels, 1, out, [&](Value panel, ValueRange carried) {
    if (known && *known <= kStrip)
      return strip(panel, {zero, tokens}, carried[0]);
    return loop(zero, tokens, kStrip, carried,
                [&](Value first, ValueRange inner) {
                  Value stop = min(apply(d0 + kStrip, {first}), tokens);
                  return strip(panel, {first, stop}, inner[0]);
                });
  })[0];
}

Value tern::buildFloatPackedMatmul(OpBuilder &builder, PackedMatmulOp op,
                                   SimdDotInterface target,
                                   SimdLayoutAttrInterface layout) {
  return FloatKernel(builder, op, target, layout).build();
}
