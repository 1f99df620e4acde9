//===- LaunchPackedMatmul.cpp - Packed products as launches of kernels ----===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "tern/Tiled/Passes.h"

using namespace mlir;
using namespace tern;

void tern::lowerPackedMatmulToLaunch(
    RewriterBase &rewriter, PackedMatmulOp op,
    function_ref<void(OpBuilder &, Location, ArrayRef<Value>)> buildKernel) {
  Location loc = op.getLoc();
  SmallVector<Value> buffers;
  Value out;
  for (Value tensor : {Value(op.getActivations()), Value(op.getPacked()),
                       Value(op.getScales()), Value(op.getInit())}) {
    if (!tensor) {
      buffers.push_back(nullptr);
      continue;
    }
    auto type = cast<RankedTensorType>(tensor.getType());
    Value buffer = bufferization::ToBufferOp::create(
        rewriter, loc, MemRefType::get(type.getShape(), type.getElementType()),
        tensor, /*read_only=*/tensor != op.getInit());
    if (tensor == op.getInit())
      out = buffer;
    SmallVector<int64_t> extents(type.getRank(), ShapedType::kDynamic);
    buffers.push_back(memref::CastOp::create(
        rewriter, loc, MemRefType::get(extents, type.getElementType()),
        buffer));
  }
  Value one = arith::ConstantIndexOp::create(rewriter, loc, 1);
  Value tokens = rewriter.createOrFold<tensor::DimOp>(loc, op.getActivations(),
                                                      int64_t(0));
  auto launch =
      gpu::LaunchOp::create(rewriter, loc, tokens, one, one, one, one, one);
  rewriter.setInsertionPointToStart(&launch.getBody().front());
  buildKernel(rewriter, loc, buffers);
  gpu::TerminatorOp::create(rewriter, loc);
  rewriter.setInsertionPointAfter(launch);
  rewriter.replaceOpWithNewOp<bufferization::ToTensorOp>(
      op, op.getResult().getType(), out, /*restrict=*/true, /*writable=*/true);
}
