//===- LowerPackedMatmul.cpp - Packed products to microkernels ------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The loop nest of tern.packed_matmul:
//
//   for m in tokens, T at a time (then the rest one by one)
//     sums = for block: sum of the activations          (integers only)
//     for n in row tiles
//       acc[T][R] = for block: for row: unpack lanes bytes to F vectors of
//                   codes 0..2; dot with F vectors of activations
//       out[m, n tile] = acc - sums
//
// Codes are unpacked as 0..2, one more than they are, so the sum of the
// activations is subtracted once per token: sum (c + 1) q = sum c q + sum q.
// With scale groups, a loop over groups surrounds the blocks, and activations
// outside the group are masked to zero: lanes divide the group, so a vector
// of activations is in a group or out of it as a whole.
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "tern/Dialect/Tern/IR/TargetInterfaces.h"
#include "tern/Tiled/Passes.h"

namespace tern {
#define GEN_PASS_DEF_TERNLOWERPACKEDMATMUL
#include "tern/Tiled/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// Builds the loop nest for one operation.
class Microkernel {
public:
  Microkernel(OpBuilder &b, PackedMatmulOp op, SimdDotInterface target,
              SimdLayoutAttrInterface layout)
      : b(b), loc(op.getLoc()), op(op), target(target),
        kernel(target.getPackedKernel()),
        hasFma(getTarget(op).getMachine().hasFma), layout(layout),
        rows(layout.getRows()), lanes(layout.getLanes()),
        fields(layout.getFields()), f32(b.getF32Type()), f64(b.getF64Type()) {
    integer = getElementTypeOrSelf(op.getActivations()).isInteger(8);
    byteVector = VectorType::get(lanes, b.getI8Type());
    accType = target.getAccumulatorType(lanes);
  }

  Value build();

private:
  /// One range of tokens, `count` of them at a time.
  Value tokenLoop(Value out, Value lower, Value upper, int64_t count);
  /// All row tiles for the tokens m, ..., m + count - 1.
  Value rowTileLoop(Value out, Value m, int64_t count);
  /// Row tile `n` for `count` tokens; `sums` are the tokens' activation sums.
  Value rowTile(Value out, Value m, Value n, ValueRange sums, int64_t count);
  /// Adds blocks [lower, upper) to the accumulators; `group` restricts them
  /// to one scale group, if not null.
  SmallVector<Value> blockLoop(Value lower, Value upper, Value m, Value n,
                               Value group, int64_t count);
  /// Sum of the activations of each token in blocks [lower, upper).
  SmallVector<Value> activationSums(Value lower, Value upper, Value m,
                                    Value group, int64_t count);
  /// The same of float activations, as one f64 for each token and row: the
  /// lanes' sums, added in their order. Accumulators of all rows and lanes at
  /// once would not fit the registers, so a few lanes of a row go through the
  /// blocks at a time.
  SmallVector<Value> floatSums(Value lower, Value upper, Value m, Value n,
                               Value group, int64_t count);
  /// sum + x * code, of which the product is exact.
  Value addProduct(Value x, Value code, Value sum) {
    if (hasFma)
      return math::FmaOp::create(b, loc, x, code, sum);
    Value product = arith::MulFOp::create(b, loc, x, code);
    return arith::AddFOp::create(b, loc, sum, product);
  }
  /// The first elements of all vectors, then the second, and so on.
  SmallVector<Value> columnsOf(ArrayRef<Value> vectors);
  /// The vectors of activations of token `m` that block `block` meets, masked
  /// to `group`: `type` of them from lane `lane` of each field.
  SmallVector<Value> loadActivations(Value m, Value block, Value group,
                                     VectorType type, Value lane);
  /// First and past-the-last block that hold positions of `group`.
  std::pair<Value, Value> groupBlocks(Value group);

  Value index(int64_t value) {
    return arith::ConstantIndexOp::create(b, loc, value);
  }
  Value zeroOf(Type type) {
    return arith::ConstantOp::create(b, loc, b.getZeroAttr(type));
  }
  Value size(Value tensor, int64_t dim) {
    return getValueOrCreateConstantIndexOp(
        b, loc, tensor::getMixedSize(b, loc, tensor, dim));
  }
  /// expr of d0, d1, ... over `operands`.
  Value apply(AffineExpr expr, ArrayRef<OpFoldResult> operands) {
    return getValueOrCreateConstantIndexOp(
        b, loc,
        affine::makeComposedFoldedAffineApply(
            b, loc, AffineMap::get(operands.size(), 0, expr), operands));
  }
  /// A loop that carries `inits`; `body` returns their next values.
  SmallVector<Value>
  loop(Value lower, Value upper, int64_t step, ValueRange inits,
       function_ref<SmallVector<Value>(Value, ValueRange)> body) {
    auto forOp = scf::ForOp::create(
        b, loc, lower, upper, index(step), inits,
        [&](OpBuilder &, Location, Value iv, ValueRange carried) {
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPointToStart(iv.getParentBlock());
          SmallVector<Value> next = body(iv, carried);
          scf::YieldOp::create(b, loc, next);
        });
    return SmallVector<Value>(forOp.getResults());
  }

  OpBuilder &b;
  Location loc;
  PackedMatmulOp op;
  SimdDotInterface target;
  PackedKernel kernel;
  bool hasFma;
  SimdLayoutAttrInterface layout;
  int64_t rows, lanes, fields;
  Type f32, f64;
  bool integer;
  VectorType byteVector, accType;
};
} // namespace

SmallVector<Value> Microkernel::loadActivations(Value m, Value block,
                                                Value group, VectorType type,
                                                Value lane) {
  Value padding = zeroOf(type.getElementType());
  AffineExpr d0 = b.getAffineDimExpr(0), d1 = b.getAffineDimExpr(1);
  SmallVector<Value> vectors;
  for (int64_t field = 0; field < fields; ++field) {
    Value k = apply(d0 * layout.getBlock() + field * lanes + d1, {block, lane});
    Value vector = vector::TransferReadOp::create(
        b, loc, type, op.getActivations(), ValueRange{m, k}, padding,
        ArrayRef<bool>{true});
    if (group) {
      Value owner =
          apply(d0.floorDiv(static_cast<int64_t>(op.getGroup())), {k});
      Value inside =
          arith::CmpIOp::create(b, loc, arith::CmpIPredicate::eq, owner, group);
      vector = arith::SelectOp::create(b, loc, inside, vector, zeroOf(type));
    }
    vectors.push_back(vector);
  }
  return vectors;
}

std::pair<Value, Value> Microkernel::groupBlocks(Value group) {
  AffineExpr d0 = b.getAffineDimExpr(0);
  int64_t extent = op.getGroup(), block = layout.getBlock();
  Value blocks = size(op.getPacked(), 1);
  Value first = apply((d0 * extent).floorDiv(block), {group});
  Value last = apply(((d0 + 1) * extent).ceilDiv(block), {group});
  // The last group may be cut short.
  return {first, arith::MinUIOp::create(b, loc, last, blocks)};
}

SmallVector<Value> Microkernel::activationSums(Value lower, Value upper,
                                               Value m, Value group,
                                               int64_t count) {
  SmallVector<Value> inits(count, zeroOf(accType));
  SmallVector<Value> sums =
      loop(lower, upper, 1, inits, [&](Value block, ValueRange carried) {
        Value one = arith::ConstantOp::create(
            b, loc, SplatElementsAttr::get(byteVector, int8_t(1)));
        SmallVector<Value> ones(fields, one), next;
        for (int64_t token = 0; token < count; ++token) {
          Value at = apply(b.getAffineDimExpr(0) + token, {m});
          next.push_back(target.buildDot(
              b, loc, ones,
              loadActivations(at, block, group, byteVector, index(0)),
              carried[token]));
        }
        return next;
      });
  for (Value &sum : sums)
    sum = vector::ReductionOp::create(b, loc, vector::CombiningKind::ADD, sum);
  return sums;
}

SmallVector<Value> Microkernel::blockLoop(Value lower, Value upper, Value m,
                                          Value n, Value group, int64_t count) {
  SmallVector<Value> inits(count * rows, zeroOf(accType));
  return loop(lower, upper, 1, inits, [&](Value block, ValueRange carried) {
    SmallVector<SmallVector<Value>> activations;
    for (int64_t token = 0; token < count; ++token)
      activations.push_back(
          loadActivations(apply(b.getAffineDimExpr(0) + token, {m}), block,
                          group, byteVector, index(0)));
    Value padding = zeroOf(b.getI8Type());
    SmallVector<Value> next(carried);
    for (int64_t row = 0; row < rows; ++row) {
      Value bytes = vector::TransferReadOp::create(
          b, loc, byteVector, op.getPacked(),
          ValueRange{n, block, index(row), index(0)}, padding,
          ArrayRef<bool>{true});
      SmallVector<Value> codes = layout.buildUnpack(b, loc, bytes);
      for (int64_t token = 0; token < count; ++token) {
        Value &acc = next[token * rows + row];
        acc = target.buildDot(b, loc, codes, activations[token], acc);
      }
    }
    return next;
  });
}

SmallVector<Value> Microkernel::columnsOf(ArrayRef<Value> vectors) {
  int64_t count = vectors.size();
  int64_t width = cast<VectorType>(vectors[0].getType()).getDimSize(0);
  auto shuffle = [&](Value x, Value y, ArrayRef<int64_t> mask) -> Value {
    return vector::ShuffleOp::create(b, loc, x, y, mask);
  };
  SmallVector<Value> columns;
  if (count != 4 || width % 2 != 0) {
    for (int64_t lane = 0; lane < width; ++lane) {
      SmallVector<Value> elements;
      for (Value vector : vectors)
        elements.push_back(vector::ExtractOp::create(b, loc, vector, lane));
      columns.push_back(vector::FromElementsOp::create(
          b, loc, VectorType::get(count, f64), elements));
    }
    return columns;
  }
  // Pairs of neighbours first, each of which is then two halves of a column.
  SmallVector<int64_t> even, odd;
  for (int64_t lane = 0; lane < width; lane += 2) {
    even.append({lane, width + lane});
    odd.append({lane + 1, width + lane + 1});
  }
  Value pairs[2][2];
  for (int64_t half = 0; half < 2; ++half)
    for (int64_t parity = 0; parity < 2; ++parity)
      pairs[parity][half] = shuffle(vectors[2 * half], vectors[2 * half + 1],
                                    parity ? odd : even);
  for (int64_t lane = 0; lane < width; ++lane) {
    int64_t at = lane / 2 * 2;
    columns.push_back(shuffle(pairs[lane % 2][0], pairs[lane % 2][1],
                              {at, at + 1, width + at, width + at + 1}));
  }
  return columns;
}

SmallVector<Value> Microkernel::floatSums(Value lower, Value upper, Value m,
                                          Value n, Value group, int64_t count) {
  int64_t width = std::min<int64_t>(lanes, kernel.floatLanes);
  int64_t together = kernel.floatRows;
  if (rows % together != 0)
    together = 1;
  auto bytesType = VectorType::get(width, b.getI8Type());
  auto floats = VectorType::get(width, f32), wide = VectorType::get(width, f64);
  auto tokens = VectorType::get(count, f64);
  Value padding = zeroOf(b.getI8Type());
  Value one = arith::ConstantOp::create(
      b, loc, SplatElementsAttr::get(bytesType, int8_t(1)));

  // Adds to `before`, sums of the tokens for each of the rows, those of the
  // lanes: lane by lane, of which each has been summed over the blocks.
  auto sumLanes = [&](int64_t row, Value lane, ValueRange before) {
    SmallVector<Value> inits(together * count, zeroOf(wide));
    SmallVector<Value> sums =
        loop(lower, upper, 1, inits, [&](Value block, ValueRange carried) {
          SmallVector<SmallVector<Value>> codes;
          for (int64_t i = 0; i < together; ++i) {
            Value bytes = vector::TransferReadOp::create(
                b, loc, bytesType, op.getPacked(),
                ValueRange{n, block, index(row + i), lane}, padding,
                ArrayRef<bool>{true});
            codes.push_back(layout.buildUnpack(b, loc, bytes));
            for (Value &code : codes.back()) {
              code = arith::SubIOp::create(b, loc, code, one);
              code = arith::SIToFPOp::create(b, loc, wide, code);
            }
          }
          SmallVector<Value> next(carried);
          for (int64_t token = 0; token < count; ++token) {
            Value at = apply(b.getAffineDimExpr(0) + token, {m});
            for (auto [field, x] : llvm::enumerate(
                     loadActivations(at, block, group, floats, lane))) {
              // The product is exact. The sum is f64 and rounded once in the
              // end: codes make terms cancel, and f32 would keep noise only.
              Value wideX = arith::ExtFOp::create(b, loc, wide, x);
              for (int64_t i = 0; i < together; ++i) {
                Value &sum = next[i * count + token];
                sum = addProduct(wideX, codes[i][field], sum);
              }
            }
          }
          return next;
        });
    SmallVector<Value> results(before);
    for (auto [i, result] : llvm::enumerate(results))
      for (Value column : columnsOf(ArrayRef(sums).slice(i * count, count)))
        result = arith::AddFOp::create(b, loc, result, column);
    return results;
  };

  SmallVector<Value> results(count * rows);
  for (int64_t row = 0; row < rows; row += together) {
    SmallVector<Value> zeros(together, zeroOf(tokens));
    SmallVector<Value> sums = loop(index(0), index(lanes), width, zeros,
                                   [&](Value lane, ValueRange before) {
                                     return sumLanes(row, lane, before);
                                   });
    for (auto [i, sum] : llvm::enumerate(sums))
      for (int64_t token = 0; token < count; ++token)
        results[token * rows + row + i] =
            vector::ExtractOp::create(b, loc, sum, token);
  }
  return results;
}

Value Microkernel::rowTile(Value out, Value m, Value n, ValueRange sums,
                           int64_t count) {
  Value zero = index(0), blocks = size(op.getPacked(), 1);
  Value nRows = size(out, 1);
  AffineExpr d0 = b.getAffineDimExpr(0);
  Value n0 = apply(d0 * rows, {n});

  // Sums of blocks [lower, upper): i32, without the one that codes are too high
  // by, or f64.
  auto sumBlocks = [&](Value lower, Value upper, Value group,
                       ValueRange tokenSums) {
    if (!integer)
      return floatSums(lower, upper, m, n, group, count);
    SmallVector<Value> results = blockLoop(lower, upper, m, n, group, count);
    for (auto [i, sum] : llvm::enumerate(results)) {
      sum =
          vector::ReductionOp::create(b, loc, vector::CombiningKind::ADD, sum);
      sum = arith::SubIOp::create(b, loc, sum, tokenSums[i / rows]);
    }
    return results;
  };
  auto widen = [&](Value sum) -> Value {
    return integer ? arith::SIToFPOp::create(b, loc, f64, sum).getResult()
                   : sum;
  };
  // Rows past N share a tile with the last ones: read any scale for them.
  auto scaleOf = [&](int64_t row, Value group) -> Value {
    Value last = apply(d0 - 1, {nRows});
    Value at = apply(d0 + row, {n0});
    at = arith::MinUIOp::create(b, loc, at, last);
    Value scale = tensor::ExtractOp::create(b, loc, op.getScales(),
                                            ValueRange{at, group});
    return arith::ExtFOp::create(b, loc, f64, scale);
  };

  SmallVector<Value> results;
  if (!op.getScales()) {
    results = sumBlocks(zero, blocks, Value(), sums);
  } else if (op.getGroup() == 0) {
    results = sumBlocks(zero, blocks, Value(), sums);
    for (auto [i, result] : llvm::enumerate(results))
      result =
          arith::MulFOp::create(b, loc, widen(result), scaleOf(i % rows, zero));
  } else {
    SmallVector<Value> inits(count * rows, zeroOf(f64));
    results = loop(
        zero, size(op.getScales(), 1), 1, inits,
        [&](Value group, ValueRange carried) {
          auto [lower, upper] = groupBlocks(group);
          SmallVector<Value> groupSums;
          if (integer)
            groupSums = activationSums(lower, upper, m, group, count);
          SmallVector<Value> partial =
              sumBlocks(lower, upper, group, groupSums);
          SmallVector<Value> next;
          for (auto [i, sum] : llvm::enumerate(partial)) {
            Value scaled = arith::MulFOp::create(b, loc, widen(sum),
                                                 scaleOf(i % rows, group));
            next.push_back(arith::AddFOp::create(b, loc, carried[i], scaled));
          }
          return next;
        });
  }
  for (Value &result : results)
    if (result.getType() == f64)
      result = arith::TruncFOp::create(b, loc, f32, result);

  Type element = getElementTypeOrSelf(out);
  auto rowVector = VectorType::get(rows, element);
  int64_t staticRows = cast<RankedTensorType>(out.getType()).getDimSize(1);
  bool whole = !ShapedType::isDynamic(staticRows) && staticRows % rows == 0;
  for (int64_t token = 0; token < count; ++token) {
    Value vector = vector::FromElementsOp::create(
        b, loc, rowVector, ArrayRef(results).slice(token * rows, rows));
    Value at = apply(d0 + token, {m});
    out = vector::TransferWriteOp::create(
              b, loc, vector, out, ValueRange{at, n0}, ArrayRef<bool>{whole})
              .getResult();
  }
  return out;
}

Value Microkernel::rowTileLoop(Value out, Value m, int64_t count) {
  Value zero = index(0);
  SmallVector<Value> sums;
  if (integer && op.getGroup() == 0)
    sums = activationSums(zero, size(op.getPacked(), 1), m, Value(), count);
  return loop(zero, size(op.getPacked(), 0), 1, out,
              [&](Value n, ValueRange carried) -> SmallVector<Value> {
                return {rowTile(carried[0], m, n, sums, count)};
              })[0];
}

Value Microkernel::tokenLoop(Value out, Value lower, Value upper,
                             int64_t count) {
  return loop(lower, upper, count, out,
              [&](Value m, ValueRange carried) -> SmallVector<Value> {
                return {rowTileLoop(carried[0], m, count)};
              })[0];
}

Value Microkernel::build() {
  Value out = op.getInit();
  Value zero = index(0), tokens = size(out, 0);
  int64_t tile = kernel.tokens;
  AffineExpr d0 = b.getAffineDimExpr(0);
  Value whole = apply(d0.floorDiv(tile) * tile, {tokens});
  if (tile > 1 && getConstantIntValue(whole) != 0)
    out = tokenLoop(out, zero, whole, tile);
  else
    whole = zero;
  std::optional<int64_t> rest = getConstantIntValue(tokens);
  if (!rest || *rest % tile != 0 || tile == 1)
    out = tokenLoop(out, whole, tokens, 1);
  return out;
}

LogicalResult tern::lowerPackedMatmulToSimd(RewriterBase &rewriter,
                                            PackedMatmulOp op) {
  SimdDotInterface simd = getSimdDot(op);
  if (!simd)
    return failure();
  auto layout = dyn_cast<SimdLayoutAttrInterface>(op.getLayout());
  if (!layout)
    return op.emitError() << "no kernel of processors multiplies with layout "
                          << op.getLayout();
  rewriter.replaceOp(op, Microkernel(rewriter, op, simd, layout).build());
  return success();
}

namespace {
struct LowerPackedMatmulPass
    : tern::impl::TernLowerPackedMatmulBase<LowerPackedMatmulPass> {
  void runOnOperation() override {
    SmallVector<PackedMatmulOp> ops;
    getOperation().walk([&](PackedMatmulOp op) { ops.push_back(op); });
    if (ops.empty())
      return;
    TargetLoweringInterface lowering = getTargetLowering(getOperation());
    if (!lowering)
      return signalPassFailure();
    IRRewriter rewriter(&getContext());
    for (PackedMatmulOp op : ops) {
      rewriter.setInsertionPoint(op);
      if (failed(lowering.lowerPackedMatmul(rewriter, op)))
        return signalPassFailure();
    }
  }
};
} // namespace
