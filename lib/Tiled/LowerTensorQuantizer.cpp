//===- LowerTensorQuantizer.cpp - dynamic_u8_tensor to linalg -------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// tern.quantize_activations with one scale for all of x and a zero point: the
// range of x is known before the first code is, so its parts are operations of
// their own, which are fused and tiled as others are.
//
//===----------------------------------------------------------------------===//

#include "QuantizerLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/PatternMatch.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"
#include "tern/Dialect/Tern/Utils/Padding.h"

using namespace mlir;
using namespace tern;

/// Clamped to uint8, and 128 taken off, as an integer of `type`.
static Value buildCode(TensorBuilder &b, Value value, Type type) {
  // A NaN becomes a code; the scale carries it on to the result.
  value = arith::MaxNumFOp::create(b, value, b.constant(0));
  value = arith::MinNumFOp::create(b, value, b.constant(255));
  value = arith::SubFOp::create(b, value, b.constant(128));
  return arith::FPToSIOp::create(b, type, value);
}

/// round(value / scale), to even.
static Value buildRatio(TensorBuilder &b, Value value, Value scale,
                        bool isNegated = false) {
  Value ratio = arith::DivFOp::create(b, value, scale);
  if (isNegated)
    ratio = arith::NegFOp::create(b, ratio);
  return math::RoundEvenOp::create(b, ratio);
}

static LogicalResult lowerTensorQuantizer(QuantizeActivationsOp op,
                                          PatternRewriter &rewriter) {
  if (!op.getZero())
    return failure();
  TensorBuilder b(op.getLoc(), rewriter);
  Value x = op.getX();
  SmallVector<OpFoldResult> sizes = b.sizesOf(x);
  unsigned rank = sizes.size();
  Type f32 = b.getF32Type(), i8 = b.getI8Type(), i32 = b.getI32Type();

  // The least and the greatest element, and 0; NaN if there is one.
  auto buildBound = [&](bool isMax) {
    return b.reduce({}, b.getF32FloatAttr(0), x, b.identity(rank),
                    b.scalar(rank),
                    [&](TensorBuilder &n, ValueRange args) -> Value {
                      if (isMax)
                        return arith::MaximumFOp::create(n, args[1], args[0]);
                      return arith::MinimumFOp::create(n, args[1], args[0]);
                    });
  };
  Value low = buildBound(/*isMax=*/false), high = buildBound(/*isMax=*/true);
  // (high - low) / 255, or 1 if x has no range.
  Value scale = b.zip({low, high}, [&](TensorBuilder &n, ValueRange args) {
    Value range = arith::SubFOp::create(n, args[1], args[0]);
    Value step = arith::DivFOp::create(n, range, n.constant(255));
    Value isEmpty = arith::CmpFOp::create(n, arith::CmpFPredicate::OEQ, range,
                                          n.constant(0));
    return arith::SelectOp::create(n, isEmpty, n.constant(1), step).getResult();
  });
  // What 0.0 is before 128 is taken off, as a float, and its code.
  Value offset = b.zip({low, scale}, [&](TensorBuilder &n, ValueRange args) {
    return buildRatio(n, args[0], args[1], /*isNegated=*/true);
  });
  Value zero = b.map({}, i32, offset, b.identity(0),
                     [&](TensorBuilder &n, ValueRange args) {
                       return buildCode(n, args[0], i32);
                     });
  Value codes =
      b.map(sizes, i8, {x, scale, zero},
            {b.identity(rank), b.scalar(rank), b.scalar(rank)},
            [&](TensorBuilder &n, ValueRange args) {
              Value ratio = buildRatio(n, args[0], args[1]);
              Value zero = arith::SIToFPOp::create(n, f32, args[2]);
              zero = arith::AddFOp::create(n, zero, n.constant(128));
              return buildCode(n, arith::AddFOp::create(n, ratio, zero), i8);
            });
  codes = padColumns(b, b.getLoc(), codes, op.getPaddedTo());
  rewriter.replaceOp(
      op, {castTo(b, b.getLoc(), codes, op.getQ().getType()), scale, zero});
  return success();
}

void tern::populateLowerTensorQuantizerPatterns(RewritePatternSet &patterns) {
  patterns.add(lowerTensorQuantizer);
}
