//===- SumOrder.h - tern.order: the order of sums ---------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `tern.order` stands on the `arith.addf` or `arith.mulf` by which the body of
// a structured operation of one result folds a term into it: it stays where
// bodies are fused, tiled and bufferized. The result starts from the neutral
// element, 0 or 1. The terms of one of its elements, in row-major order of the
// reduction loops, are cut in chunks of 4096.
//
// "lanes": within a chunk, lane l of 32 starts from the neutral element and
// takes the terms l, l + 32, l + 64, ... in this order. Then lane l takes lane
// l + 16 for l < 16, lane l + 8 for l < 8, and so on to lane 0.
// "ascending": a chunk starts from the neutral element and takes its terms one
// after another.
// "chunks": as "ascending", in chunks of 512; a product's terms are added to
// them as a matrix product's are, fused where the target can.
//
// The result takes the chunks one after another. Without the attribute it takes
// all terms one after another.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_SUMORDER_H
#define TERN_DIALECT_TERN_IR_SUMORDER_H

#include "tern/Dialect/Tern/IR/LinalgFold.h"
#include <optional>

namespace tern {

/// Terms after which a reduction starts anew, and the lanes it adds in.
constexpr int64_t kSumChunk = 4096;
constexpr int64_t kSumLanes = 32;
/// Terms after which a product with a softmax starts anew.
constexpr int64_t kProductChunk = 512;
/// Terms after which a packed product of floats starts anew.
constexpr int64_t kPackedChunk = 128;

enum class SumOrder { Lanes, Ascending, Chunks };

/// Terms after which a reduction in this order starts anew.
constexpr int64_t getChunk(SumOrder order) {
  return order == SumOrder::Chunks ? kProductChunk : kSumChunk;
}

llvm::StringRef stringifySumOrder(SumOrder order);
std::optional<SumOrder> symbolizeSumOrder(llvm::StringRef name);

/// The addition or multiplication of floats by which the body folds a term into
/// a result, of which an order can be stated: the term depends on no
/// accumulator, each element of the result belongs to one iteration of the
/// parallel loops, and the body writes nothing.
std::optional<LinalgFold> matchOrderable(mlir::linalg::LinalgOp op,
                                         unsigned result);

/// The fold of the only result of `op` whose order is stated.
struct OrderedFold : LinalgFold {
  SumOrder order;
};
std::optional<OrderedFold> getOrderedFold(mlir::linalg::LinalgOp op);

/// Fails with an error where the body states an order in which nothing can be
/// folded.
llvm::LogicalResult verifySumOrder(mlir::linalg::LinalgOp op);

} // namespace tern

#endif // TERN_DIALECT_TERN_IR_SUMORDER_H
