//===- LowerContractions.cpp - Float matrix products to kernels -----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The loop nest of out[m, n] += sum over k of lhs[m, k] * rhs[n, k], after
// "Anatomy of High-Performance Matrix Multiplication" (Goto and van de Geijn,
// ACM TOMS 34(3), 2008), with blocks small enough for a thread's own caches:
//
//   parallel for blocks of M, of N
//     for blocks of K
//       pack rhs as panels [K block][C]          (and lhs if K is not its
//       for panels of C columns                   contiguous axis)
//         for tiles of R rows
//           C x R accumulators = out; for k: accumulators += lhs * panel[k]
//
// Where sums are in chunks (`tern.order`), the accumulators are those of a
// block of sums that start at 0 with each chunk and are added to out after it.
//
// Each element's terms are added one by one in ascending order of k, whatever
// the blocks are and wherever a row stands: results depend neither on the
// number of rows nor on threads.
//
//===----------------------------------------------------------------------===//

#include "LoopBuilder.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "tern/Buffers/Passes.h"
#include "tern/Dialect/Tern/IR/SumOrder.h"
#include "tern/Dialect/Tern/IR/TargetInterfaces.h"
#include "tern/Dialect/Tern/Utils/Contraction.h"

namespace tern {
#define GEN_PASS_DEF_LOWERCONTRACTIONSPASS
#include "tern/Buffers/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

int64_t roundUp(int64_t value, int64_t to) {
  return (value + to - 1) / to * to;
}

/// Whether neighbours along the last axis are neighbours in memory.
bool hasUnitStride(MemRefType type) {
  SmallVector<int64_t> strides;
  int64_t offset;
  return succeeded(type.getStridesAndOffset(strides, offset)) &&
         !strides.empty() && strides.back() == 1;
}

/// One operand, read by the values of the operation's loops.
struct Operand {
  Value buffer;
  AffineMap map;
  Operation *cast = nullptr;

  MemRefType getType() const {
    return llvm::cast<MemRefType>(buffer.getType());
  }
  /// Whether the loop walks along memory.
  bool isContiguous(unsigned dim) const {
    return map.getDimPosition(map.getNumResults() - 1) == dim &&
           hasUnitStride(getType());
  }
};

class Kernel : LoopBuilder {
public:
  Kernel(OpBuilder &builder, linalg::LinalgOp op, const Contraction &c,
         SimdDotInterface target, bool fused, bool inChunks)
      : LoopBuilder(builder, op.getLoc()), op(op), c(c), fused(fused) {
    SmallVector<AffineMap> maps = op.getIndexingMapsArray();
    lhs = {op->getOperand(c.lhs), maps[c.lhs], c.lhsCast};
    rhs = {op->getOperand(c.rhs), maps[c.rhs], c.rhsCast};
    out = {op->getOperand(2), maps[2], nullptr};
    element = out.getType().getElementType();
    shape = target.getMatmulKernel(element);
    rows = shape.rows;
    columns = shape.columns;
    panel = VectorType::get(columns, element);
    ranges = op.getStaticLoopRanges();
    // A single chunk is one sequence.
    this->inChunks = inChunks && (ShapedType::isDynamic(ranges[c.k]) ||
                                  ranges[c.k] > kProductChunk);
  }

  void build();

private:
  Value zero(Type type) {
    return arith::ConstantOp::create(b, b.getZeroAttr(type));
  }
  Value extent(unsigned dim);
  /// The block size of a loop, no larger than its static extent needs.
  int64_t blockOf(unsigned dim, int64_t block, int64_t tile) const {
    return ShapedType::isDynamic(ranges[dim])
               ? block
               : std::min(block,
                          roundUp(std::max<int64_t>(ranges[dim], 1), tile));
  }

  SmallVector<Value> indices(const Operand &operand) {
    SmallVector<Value> at;
    for (unsigned i = 0; i < operand.map.getNumResults(); ++i)
      at.push_back(loops[operand.map.getDimPosition(i)]);
    return at;
  }
  Value convert(Operation *cast, Value value);
  Value loadScalar(const Operand &operand);
  /// `count` elements along the operand's contiguous axis.
  Value loadVector(const Operand &operand, int64_t count, bool inBounds);

  bool readsLhsInPlace() const;
  /// The step of a loop that cuts it into equal blocks of at most `block`,
  /// multiples of `tile`.
  Value step(unsigned dim, int64_t block, int64_t tile);
  void blocks(Value m0, Value mStep, Value n0, Value nStep);
  /// For each position of K of a square, the operand's contiguous axis: the
  /// elements at the `positions` (at most as many) of loop `dim`, as a vector.
  SmallVector<Value> loadTransposed(const Operand &operand, unsigned dim,
                                    ArrayRef<Value> positions);
  /// The blocks of K in [lower, upper).
  void product(Value panels, Value packedLhs, Value m0, Value mLength, Value n0,
               Value nLength, Value lower, Value upper);
  /// All of K, chunk by chunk.
  void chunks(Value m0, Value mLength, Value n0, Value nLength,
              function_ref<void(Value, Value)> product);
  void packRhs(Value panels, Value n0, Value nLength, Value k0, Value kLength);
  void packLhs(Value packed, Value m0, Value mLength, Value k0, Value kLength);
  void rowTiles(Value m0, Value mLength,
                function_ref<void(Value, int64_t)> body);
  void tile(Value row, int64_t count, Value p, Value panels, Value packedLhs,
            Value m0, Value n0, Value k0, Value kLength);

  linalg::LinalgOp op;
  const Contraction &c;
  Operand lhs, rhs, out;
  Type element;
  MatmulKernel shape;
  int64_t rows, columns;
  bool fused, inChunks = false;
  VectorType panel;
  /// The sums of a chunk, [blockM][blockN]; null: out.
  Value sums;
  SmallVector<int64_t> ranges;
  int64_t blockM = 0, blockN = 0, blockK = 0;
  /// The current value of each of the operation's loops.
  SmallVector<Value> loops;
};
} // namespace

Value Kernel::extent(unsigned dim) {
  if (!ShapedType::isDynamic(ranges[dim]))
    return index(ranges[dim]);
  for (const Operand *operand : {&lhs, &rhs, &out})
    for (unsigned i = 0; i < operand->map.getNumResults(); ++i)
      if (operand->map.getDimPosition(i) == dim)
        return memref::DimOp::create(b, operand->buffer, i);
  llvm_unreachable("a loop is an axis of some operand");
}

Value Kernel::convert(Operation *cast, Value value) {
  if (!cast)
    return value;
  Type type = element;
  if (auto vector = dyn_cast<VectorType>(value.getType()))
    type = vector.clone(element);
  OperationState state(b.getLoc(), cast->getName().getStringRef(), value, type,
                       cast->getAttrs());
  return b.create(state)->getResult(0);
}

Value Kernel::loadScalar(const Operand &operand) {
  return convert(operand.cast,
                 memref::LoadOp::create(b, operand.buffer, indices(operand)));
}

Value Kernel::loadVector(const Operand &operand, int64_t count, bool inBounds) {
  Type type = operand.getType().getElementType();
  Value vector = vector::TransferReadOp::create(
      b, VectorType::get(count, type), operand.buffer, indices(operand),
      zero(type), ArrayRef<bool>{inBounds});
  return convert(operand.cast, vector);
}

SmallVector<Value> Kernel::loadTransposed(const Operand &operand, unsigned dim,
                                          ArrayRef<Value> positions) {
  SmallVector<Value> square;
  for (Value position : positions) {
    loops[dim] = position;
    square.push_back(loadVector(operand, shape.square, true));
  }
  square.resize(shape.square, square.back());
  // Each round interleaves vectors half the square apart; as many rounds as
  // the side has bits exchange rows and columns.
  SmallVector<int64_t> low, high;
  for (int64_t i = 0; i < shape.square; ++i) {
    low.push_back(i / 2 + i % 2 * shape.square);
    high.push_back(shape.square / 2 + i / 2 + i % 2 * shape.square);
  }
  for (int64_t round = shape.square; round > 1; round /= 2) {
    SmallVector<Value> next;
    for (int64_t i = 0; i < shape.square / 2; ++i)
      for (ArrayRef<int64_t> mask : {ArrayRef(low), ArrayRef(high)})
        next.push_back(vector::ShuffleOp::create(
            b, square[i], square[i + shape.square / 2], mask));
    square = next;
  }
  return square;
}

/// panels[p, k, j] = rhs at column n0 + p * columns + j. Past the last column
/// stands what is never stored.
void Kernel::packRhs(Value panels, Value n0, Value nLength, Value k0,
                     Value kLength) {
  Value count = div(add(nLength, index(columns - 1)), columns);
  bool whole =
      !ShapedType::isDynamic(ranges[c.n]) && ranges[c.n] % columns == 0;
  loop(index(0), count, 1, [&](Value p) {
    Value first = add(n0, mul(p, index(columns)));
    if (rhs.isContiguous(c.n)) {
      loop(index(0), kLength, 1, [&](Value k) {
        loops[c.n] = first;
        loops[c.k] = add(k0, k);
        vector::StoreOp::create(b, loadVector(rhs, columns, whole), panels,
                                ValueRange{p, k, index(0)});
      });
      return;
    }
    // Columns past the last are read as the last one.
    Value last = sub(extent(c.n), index(1));
    SmallVector<Value> at;
    for (int64_t j = 0; j < columns; ++j) {
      Value column = add(first, index(j));
      at.push_back(whole ? column : min(column, last));
    }
    Value squares = index(0);
    if (rhs.isContiguous(c.k) && columns % shape.square == 0) {
      squares = sub(kLength, rem(kLength, shape.square));
      loop(index(0), squares, shape.square, [&](Value k) {
        loops[c.k] = add(k0, k);
        for (int64_t j = 0; j < columns; j += shape.square)
          for (auto [i, vector] : llvm::enumerate(loadTransposed(
                   rhs, c.n, ArrayRef(at).slice(j, shape.square))))
            vector::StoreOp::create(b, vector, panels,
                                    ValueRange{p, add(k, index(i)), index(j)});
      });
    }
    loop(squares, kLength, 1, [&](Value k) {
      loops[c.k] = add(k0, k);
      for (int64_t j = 0; j < columns; ++j) {
        loops[c.n] = at[j];
        memref::StoreOp::create(b, loadScalar(rhs), panels,
                                ValueRange{p, k, index(j)});
      }
    });
  });
}

/// Calls `body` with the first row and the number of rows of every tile.
void Kernel::rowTiles(Value m0, Value mLength,
                      function_ref<void(Value, int64_t)> body) {
  // Whole tiles, then tiles of four rows, then single ones. A remainder of two
  // and six rows are two tiles of four.
  Value end = add(m0, mLength), start = m0;
  auto range = [&](Value length, int64_t count) {
    Value stop = add(start, length);
    loop(start, stop, count, [&](Value row) { body(row, count); });
    start = stop;
  };
  if (rows > 4) {
    Value rest = rem(mLength, rows);
    Value fours = mul(div(rest, 4), index(4));
    if (rows == 6) {
      Value even = sub(rest, rem(rest, 2));
      Value missing = rem(sub(index(6), even), 6);
      Value wanted = mul(missing, index(2));
      Value fits =
          arith::CmpIOp::create(b, arith::CmpIPredicate::ule, wanted, mLength);
      fours = b.createOrFold<arith::SelectOp>(fits, wanted, index(0));
    }
    Value whole = sub(mLength, fours);
    whole = sub(whole, rem(whole, rows));
    range(whole, rows);
    range(fours, 4);
  } else {
    range(sub(mLength, rem(mLength, rows)), rows);
  }
  loop(start, end, 1, [&](Value row) { body(row, 1); });
}

/// packed[(row - m0) * blockK + k * count + i] = lhs at row `row + i` of a tile
/// of `count` rows.
void Kernel::packLhs(Value packed, Value m0, Value mLength, Value k0,
                     Value kLength) {
  auto position = [&](Value row, Value k, int64_t count) {
    return add(mul(sub(row, m0), index(blockK)), mul(k, index(count)));
  };
  if (lhs.isContiguous(c.m)) {
    loop(index(0), kLength, 1, [&](Value k) {
      loops[c.k] = add(k0, k);
      rowTiles(m0, mLength, [&](Value row, int64_t count) {
        loops[c.m] = row;
        vector::StoreOp::create(b, loadVector(lhs, count, true), packed,
                                position(row, k, count));
      });
    });
    return;
  }
  rowTiles(m0, mLength, [&](Value row, int64_t count) {
    SmallVector<Value> at;
    for (int64_t i = 0; i < count; ++i)
      at.push_back(add(row, index(i)));
    Value squares = index(0);
    if (lhs.isContiguous(c.k) && count > 1 && count <= shape.square) {
      squares = sub(kLength, rem(kLength, shape.square));
      loop(index(0), squares, shape.square, [&](Value k) {
        loops[c.k] = add(k0, k);
        for (auto [i, vector] : llvm::enumerate(loadTransposed(lhs, c.m, at))) {
          Value rowsOnly = vector;
          if (count < shape.square)
            rowsOnly = vector::ExtractStridedSliceOp::create(
                b, vector, ArrayRef<int64_t>{0}, ArrayRef<int64_t>{count},
                ArrayRef<int64_t>{1});
          vector::StoreOp::create(b, rowsOnly, packed,
                                  position(row, add(k, index(i)), count));
        }
      });
    }
    loop(squares, kLength, 1, [&](Value k) {
      loops[c.k] = add(k0, k);
      Value base = position(row, k, count);
      for (int64_t i = 0; i < count; ++i) {
        loops[c.m] = at[i];
        memref::StoreOp::create(b, loadScalar(lhs), packed,
                                add(base, index(i)));
      }
    });
  });
}

/// The microkernel: `count` rows from `row` times panel `p`.
void Kernel::tile(Value row, int64_t count, Value p, Value panels,
                  Value packedLhs, Value m0, Value n0, Value k0,
                  Value kLength) {
  bool whole =
      !ShapedType::isDynamic(ranges[c.n]) && ranges[c.n] % columns == 0;
  loops[c.n] = add(n0, mul(p, index(columns)));
  auto inSums = [&](int64_t i) -> SmallVector<Value> {
    return {add(sub(row, m0), index(i)), mul(p, index(columns))};
  };
  SmallVector<Value> accs;
  for (int64_t i = 0; i < count; ++i) {
    loops[c.m] = add(row, index(i));
    accs.push_back(
        sums ? vector::LoadOp::create(b, panel, sums, inSums(i)).getResult()
             : loadVector(out, columns, whole));
  }
  auto forOp = scf::ForOp::create(b, index(0), kLength, index(1), accs);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(forOp.getBody());
    Value k = forOp.getInductionVar();
    loops[c.k] = add(k0, k);
    Value right =
        vector::LoadOp::create(b, panel, panels, ValueRange{p, k, index(0)});
    Value base;
    if (packedLhs)
      base = add(mul(sub(row, m0), index(blockK)), mul(k, index(count)));
    SmallVector<Value> next;
    for (int64_t i = 0; i < count; ++i) {
      loops[c.m] = add(row, index(i));
      Value scalar =
          packedLhs ? memref::LoadOp::create(b, packedLhs, add(base, index(i)))
                          .getResult()
                    : loadScalar(lhs);
      Value left = vector::BroadcastOp::create(b, panel, scalar);
      Value acc = forOp.getRegionIterArg(i);
      // Not `vector.fma`, which LLVM may take apart again.
      if (fused)
        acc = math::FmaOp::create(b, left, right, acc);
      else
        acc = arith::AddFOp::create(b, acc,
                                    arith::MulFOp::create(b, left, right));
      next.push_back(acc);
    }
    scf::YieldOp::create(b, next);
  }
  for (int64_t i = 0; i < count; ++i) {
    loops[c.m] = add(row, index(i));
    if (sums)
      vector::StoreOp::create(b, forOp.getResult(i), sums, inSums(i));
    else
      vector::TransferWriteOp::create(b, forOp.getResult(i), out.buffer,
                                      indices(out), ArrayRef<bool>{whole});
  }
}

bool Kernel::readsLhsInPlace() const {
  int64_t bytes = element.getIntOrFloatBitWidth() / 8;
  return !lhs.cast && lhs.isContiguous(c.k) &&
         !ShapedType::isDynamic(ranges[c.k]) &&
         ranges[c.k] * bytes <= shape.nearBytes;
}

void Kernel::blocks(Value m0, Value mStep, Value n0, Value nStep) {
  Value mLength = min(sub(extent(c.m), m0), mStep);
  Value nLength = min(sub(extent(c.n), n0), nStep);
  Value panels = memref::AllocOp::create(
      b, MemRefType::get({blockN / columns, blockK, columns}, element),
      b.getI64IntegerAttr(64));
  Value packedLhs;
  if (!readsLhsInPlace())
    packedLhs =
        memref::AllocOp::create(b, MemRefType::get({blockM * blockK}, element),
                                b.getI64IntegerAttr(64));
  auto multiply = [&](Value lower, Value upper) {
    product(panels, packedLhs, m0, mLength, n0, nLength, lower, upper);
  };
  if (inChunks)
    chunks(m0, mLength, n0, nLength, multiply);
  else
    multiply(index(0), extent(c.k));
}

void Kernel::chunks(Value m0, Value mLength, Value n0, Value nLength,
                    function_ref<void(Value, Value)> product) {
  bool whole =
      !ShapedType::isDynamic(ranges[c.n]) && ranges[c.n] % columns == 0;
  sums = memref::AllocOp::create(b, MemRefType::get({blockM, blockN}, element),
                                 b.getI64IntegerAttr(64));
  auto forVectors = [&](function_ref<void(ValueRange)> body) {
    loop(index(0), mLength, 1, [&](Value row) {
      loop(index(0), nLength, columns,
           [&](Value column) { body({row, column}); });
    });
  };
  Value length = extent(c.k);
  loop(index(0), length, kProductChunk, [&](Value first) {
    forVectors([&](ValueRange at) {
      vector::StoreOp::create(b, zero(panel), sums, at);
    });
    product(first, min(add(first, index(kProductChunk)), length));
    forVectors([&](ValueRange at) {
      loops[c.m] = add(m0, at[0]);
      loops[c.n] = add(n0, at[1]);
      Value total =
          arith::AddFOp::create(b, loadVector(out, columns, whole),
                                vector::LoadOp::create(b, panel, sums, at));
      vector::TransferWriteOp::create(b, total, out.buffer, indices(out),
                                      ArrayRef<bool>{whole});
    });
  });
}

void Kernel::product(Value panels, Value packedLhs, Value m0, Value mLength,
                     Value n0, Value nLength, Value lower, Value upper) {
  loop(lower, upper, blockK, [&](Value k0) {
    Value kLength = min(sub(upper, k0), index(blockK));
    packRhs(panels, n0, nLength, k0, kLength);
    if (packedLhs)
      packLhs(packedLhs, m0, mLength, k0, kLength);
    Value count = div(add(nLength, index(columns - 1)), columns);
    loop(index(0), count, 1, [&](Value p) {
      rowTiles(m0, mLength, [&](Value row, int64_t size) {
        tile(row, size, p, panels, packedLhs, m0, n0, k0, kLength);
      });
    });
  });
}

void Kernel::build() {
  loops.resize(ranges.size());
  // Blocks of whole tiles, of which K's divide chunks.
  blockM = blockOf(c.m, shape.blockM / rows * rows, 1);
  blockN = blockOf(c.n, shape.blockN, columns);
  blockK = blockOf(c.k, inChunks ? kProductChunk / 2 : shape.blockK, 1);
  Value mStep = step(c.m, blockM, 1), nStep = step(c.n, blockN, columns);
  SmallVector<Value> lower, upper, steps;
  SmallVector<unsigned> outer(c.parallel);
  outer.append({c.m, c.n});
  for (unsigned dim : outer) {
    lower.push_back(index(0));
    upper.push_back(extent(dim));
    steps.push_back(dim == c.m ? mStep : dim == c.n ? nStep : index(1));
  }
  auto parallel = scf::ParallelOp::create(b, lower, upper, steps);
  b.setInsertionPointToStart(parallel.getBody());
  for (auto [dim, iv] : llvm::zip_equal(outer, parallel.getInductionVars()))
    loops[dim] = iv;
  Value m0 = loops[c.m], n0 = loops[c.n];
  for (unsigned dim : c.reductions) {
    auto forOp = scf::ForOp::create(b, index(0), extent(dim), index(1));
    loops[dim] = forOp.getInductionVar();
    b.setInsertionPointToStart(forOp.getBody());
  }
  blocks(m0, mStep, n0, nStep);
}

Value Kernel::step(unsigned dim, int64_t block, int64_t tile) {
  Value length = extent(dim);
  auto ceilDiv = [&](Value x, Value y) {
    return b.createOrFold<arith::CeilDivUIOp>(x, y);
  };
  Value one = index(1);
  Value count =
      b.createOrFold<arith::MaxUIOp>(ceilDiv(length, index(block)), one);
  Value even = b.createOrFold<arith::MaxUIOp>(ceilDiv(length, count), one);
  return mul(ceilDiv(even, index(tile)), index(tile));
}

namespace {
struct LowerContractionsPass
    : public tern::impl::LowerContractionsPassBase<LowerContractionsPass> {
  void runOnOperation() override {
    SmallVector<linalg::LinalgOp> ops;
    getOperation().walk([&](linalg::LinalgOp op) { ops.push_back(op); });
    for (linalg::LinalgOp op : ops) {
      if (!op.hasPureBufferSemantics())
        continue;
      std::optional<Contraction> contraction = matchContraction(op);
      std::optional<OrderedFold> fold = getOrderedFold(op);
      if (!contraction ||
          (fold && (fold->order != SumOrder::Chunks ||
                    !contraction->reductions.empty())) ||
          !hasUnitStride(cast<MemRefType>(op->getOperand(2).getType())))
        continue;
      SimdDotInterface simd = getSimdDot(op);
      if (!simd)
        return signalPassFailure();
      OpBuilder builder(op);
      Kernel(builder, op, *contraction, simd, getTarget(op).getMachine().hasFma,
             fold.has_value())
          .build();
      op->erase();
    }
  }
};
} // namespace
