//===- ShareQuantizers.cpp - Unite equal quantize_activations -------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Packed/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace tern {
#define GEN_PASS_DEF_TERNSHAREQUANTIZERS
#include "tern/Packed/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

/// The number of columns of the codes; for dynamic ones, one that orders those
/// of the same x that are known to be ordered: none beside unpadded ones.
static int64_t getWidth(QuantizeActivationsOp op) {
  int64_t k = cast<RankedTensorType>(op.getX().getType()).getShape().back();
  int64_t block = op.getPaddedTo();
  if (ShapedType::isDynamic(k))
    return block;
  return (k + block - 1) / block * block;
}

namespace {
struct ShareQuantizersPass
    : tern::impl::TernShareQuantizersBase<ShareQuantizersPass> {
  void runOnOperation() override {
    using Key = std::tuple<Block *, Value, Attribute>;
    llvm::MapVector<Key, SmallVector<QuantizeActivationsOp>> groups;
    getOperation().walk([&](QuantizeActivationsOp op) {
      groups[{op->getBlock(), op.getX(), op.getQuantizer()}].push_back(op);
    });
    for (auto &[key, ops] : groups)
      if (ops.size() > 1)
        share(ops);
  }

private:
  void share(ArrayRef<QuantizeActivationsOp> ops) {
    // The widest codes hold all others. x is there before the first.
    QuantizeActivationsOp first = ops.front(), widest = first;
    for (QuantizeActivationsOp op : ops)
      if (getWidth(op) > getWidth(widest))
        widest = op;
    bool isDynamic = ShapedType::isDynamic(
        cast<RankedTensorType>(first.getX().getType()).getShape().back());
    if (widest != first)
      widest->moveBefore(first);
    for (QuantizeActivationsOp op : ops) {
      if (op == widest)
        continue;
      if (isDynamic && op.getPaddedTo() != widest.getPaddedTo() &&
          op.getPaddedTo() != 1)
        continue;
      OpBuilder b(op);
      Value q = widest.getQ();
      auto type = cast<RankedTensorType>(op.getQ().getType());
      if (getWidth(op) != getWidth(widest)) {
        SmallVector<OpFoldResult> offsets(type.getRank(), b.getIndexAttr(0));
        SmallVector<OpFoldResult> strides(type.getRank(), b.getIndexAttr(1));
        SmallVector<OpFoldResult> sizes =
            tensor::getMixedSizes(b, op.getLoc(), op.getX());
        if (!isDynamic)
          sizes.back() = b.getIndexAttr(getWidth(op));
        q = tensor::ExtractSliceOp::create(b, op.getLoc(), type, q, offsets,
                                           sizes, strides);
      }
      op.getQ().replaceAllUsesWith(q);
      for (auto [result, shared] :
           llvm::zip_equal(op->getResults().drop_front(),
                           widest->getResults().drop_front()))
        result.replaceAllUsesWith(shared);
      op.erase();
      ++numShared;
    }
  }
};
} // namespace
