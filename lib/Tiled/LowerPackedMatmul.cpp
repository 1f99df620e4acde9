//===- LowerPackedMatmul.cpp - Packed products to microkernels ------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The loop nest of tern.packed_matmul on i8 (floats: FloatPackedMatmul.cpp):
//
//   for m in tokens, T at a time (then the rest one by one)
//     sums = for block: sum of the activations
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

#include "PackedKernelBuilder.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "tern/Tiled/Passes.h"

namespace tern {
#define GEN_PASS_DEF_TERNLOWERPACKEDMATMUL
#include "tern/Tiled/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

/// Builds the loop nest for one operation.
class Microkernel : PackedKernelBuilder {
public:
  Microkernel(OpBuilder &builder, PackedMatmulOp op, SimdDotInterface target,
              SimdLayoutAttrInterface layout)
      : PackedKernelBuilder(builder, op, layout), target(target),
        kernel(target.getPackedKernel()), f32(b.getF32Type()) {
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
  /// The vectors of activations of token `m` that block `block` meets, masked
  /// to `group`.
  SmallVector<Value> loadActivations(Value m, Value block, Value group);
  /// First and past-the-last block that hold positions of `group`.
  std::pair<Value, Value> groupBlocks(Value group);

  SimdDotInterface target;
  PackedKernel kernel;
  Type f32;
  VectorType byteVector, accType;
};
} // namespace

SmallVector<Value> Microkernel::loadActivations(Value m, Value block,
                                                Value group) {
  Value padding = zeroOf(b.getI8Type());
  AffineExpr d0 = b.getAffineDimExpr(0);
  SmallVector<Value> vectors;
  for (int64_t field = 0; field < fields; ++field) {
    Value k = apply(d0 * layout.getBlock() + field * lanes, {block});
    Value vector = vector::TransferReadOp::create(
        b, byteVector, op.getActivations(), ValueRange{m, k}, padding,
        ArrayRef<bool>{true});
    if (group) {
      Value owner =
          apply(d0.floorDiv(static_cast<int64_t>(op.getGroup())), {k});
      Value inside =
          arith::CmpIOp::create(b, arith::CmpIPredicate::eq, owner, group);
      vector = arith::SelectOp::create(b, inside, vector, zeroOf(byteVector));
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
  return {first, arith::MinUIOp::create(b, last, blocks)};
}

SmallVector<Value> Microkernel::activationSums(Value lower, Value upper,
                                               Value m, Value group,
                                               int64_t count) {
  SmallVector<Value> inits(count, zeroOf(accType));
  SmallVector<Value> sums =
      loop(lower, upper, 1, inits, [&](Value block, ValueRange carried) {
        Value one = arith::ConstantOp::create(
            b, SplatElementsAttr::get(byteVector, int8_t(1)));
        SmallVector<Value> ones(fields, one), next;
        for (int64_t token = 0; token < count; ++token) {
          Value at = apply(b.getAffineDimExpr(0) + token, {m});
          next.push_back(target.buildDot(b, b.getLoc(), ones,
                                         loadActivations(at, block, group),
                                         carried[token]));
        }
        return next;
      });
  for (Value &sum : sums)
    sum = vector::ReductionOp::create(b, vector::CombiningKind::ADD, sum);
  return sums;
}

SmallVector<Value> Microkernel::blockLoop(Value lower, Value upper, Value m,
                                          Value n, Value group, int64_t count) {
  SmallVector<Value> inits(count * rows, zeroOf(accType));
  return loop(lower, upper, 1, inits, [&](Value block, ValueRange carried) {
    SmallVector<SmallVector<Value>> activations;
    for (int64_t token = 0; token < count; ++token)
      activations.push_back(loadActivations(
          apply(b.getAffineDimExpr(0) + token, {m}), block, group));
    Value padding = zeroOf(b.getI8Type());
    SmallVector<Value> next(carried);
    for (int64_t row = 0; row < rows; ++row) {
      Value bytes = vector::TransferReadOp::create(
          b, byteVector, op.getPacked(),
          ValueRange{n, block, index(row), index(0)}, padding,
          ArrayRef<bool>{true});
      SmallVector<Value> codes = layout.buildUnpack(b, b.getLoc(), bytes);
      for (int64_t token = 0; token < count; ++token) {
        Value &acc = next[token * rows + row];
        acc = target.buildDot(b, b.getLoc(), codes, activations[token], acc);
      }
    }
    return next;
  });
}

Value Microkernel::rowTile(Value out, Value m, Value n, ValueRange sums,
                           int64_t count) {
  Value zero = index(0), blocks = size(op.getPacked(), 1);
  Value nRows = size(out, 1);
  AffineExpr d0 = b.getAffineDimExpr(0);
  Value n0 = apply(d0 * rows, {n});

  // Sums of blocks [lower, upper), without the one that codes are too high by.
  auto sumBlocks = [&](Value lower, Value upper, Value group,
                       ValueRange tokenSums) {
    SmallVector<Value> results = blockLoop(lower, upper, m, n, group, count);
    for (auto [i, sum] : llvm::enumerate(results)) {
      sum = vector::ReductionOp::create(b, vector::CombiningKind::ADD, sum);
      sum = arith::SubIOp::create(b, sum, tokenSums[i / rows]);
    }
    return results;
  };
  // Rows past N share a tile with the last ones: read any scale for them.
  auto scaleOf = [&](int64_t row, Value group) -> Value {
    Value last = apply(d0 - 1, {nRows});
    Value at = min(apply(d0 + row, {n0}), last);
    return tensor::ExtractOp::create(b, op.getScales(), ValueRange{at, group});
  };
  // Adds the sums of a group times their scales. Targets without fused
  // multiply-adds call a function: the product is not exact.
  auto addGroup = [&](ValueRange sums, Value group, ValueRange before) {
    SmallVector<Value> after;
    for (auto [i, sum] : llvm::enumerate(sums)) {
      Value number = arith::SIToFPOp::create(b, f32, sum);
      after.push_back(
          math::FmaOp::create(b, number, scaleOf(i % rows, group), before[i]));
    }
    return after;
  };

  SmallVector<Value> results;
  SmallVector<Value> inits(count * rows, zeroOf(f32));
  if (!op.getScales()) {
    results = sumBlocks(zero, blocks, Value(), sums);
  } else if (op.getGroup() == 0) {
    results = addGroup(sumBlocks(zero, blocks, Value(), sums), zero, inits);
  } else {
    results = loop(zero, size(op.getScales(), 1), 1, inits,
                   [&](Value group, ValueRange carried) {
                     auto [lower, upper] = groupBlocks(group);
                     return addGroup(sumBlocks(lower, upper, group,
                                               activationSums(lower, upper, m,
                                                              group, count)),
                                     group, carried);
                   });
  }

  Type element = getElementTypeOrSelf(out);
  auto rowVector = VectorType::get(rows, element);
  int64_t staticRows = cast<RankedTensorType>(out.getType()).getDimSize(1);
  bool whole = !ShapedType::isDynamic(staticRows) && staticRows % rows == 0;
  for (int64_t token = 0; token < count; ++token) {
    Value vector = vector::FromElementsOp::create(
        b, rowVector, ArrayRef(results).slice(token * rows, rows));
    Value at = apply(d0 + token, {m});
    out = vector::TransferWriteOp::create(b, vector, out, ValueRange{at, n0},
                                          ArrayRef<bool>{whole})
              .getResult();
  }
  return out;
}

Value Microkernel::rowTileLoop(Value out, Value m, int64_t count) {
  Value zero = index(0);
  SmallVector<Value> sums;
  if (op.getGroup() == 0)
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
  bool isFloat = getElementTypeOrSelf(op.getActivations()).isF32();
  rewriter.replaceOp(
      op, isFloat ? buildFloatPackedMatmul(rewriter, op, simd, layout)
                  : Microkernel(rewriter, op, simd, layout).build());
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
