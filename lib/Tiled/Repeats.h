//===- Repeats.h - Equal runs of operations in a block ----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What `tern-outline-layers` looks for: runs of operations of one block that do
// the same with other values, as the layers of a model do.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TILED_REPEATS_H
#define TERN_LIB_TILED_REPEATS_H

#include "mlir/IR/Block.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/SmallVector.h"
#include <optional>

namespace tern {

/// Where an operation reads values of others, its regions included. In one
/// order for operations that are equal.
llvm::SmallVector<mlir::OpOperand *> getReads(mlir::Operation *op);

/// Runs of `length` operations, `spacing` apart, the first at `start`, `count`
/// in all, whose operations are equal one by one but for the values they read.
struct Repeat {
  size_t start = 0, length = 0, spacing = 0, count = 0;

  /// Operations that are there once more than they would have to.
  size_t getSaved() const { return count < 2 ? 0 : (count - 1) * length; }
  size_t getFirst(size_t run) const { return start + run * spacing; }
};

/// The operations of a block that can be part of a run, in order.
class RunSequence {
public:
  explicit RunSequence(mlir::Block &block);

  llvm::ArrayRef<mlir::Operation *> getOps() const { return ops; }

  /// Constants, and destinations and zeros that sums start from, of extents
  /// known at the function's entry: a run makes them again. They are in no run.
  bool isMadeAgain(mlir::Value value) const {
    return madeAgain.contains(value.getDefiningOp());
  }

  /// Its place in the sequence; none of operations that are in no run.
  std::optional<size_t> getPosition(mlir::Operation *op) const;

  /// Candidates that save at least `least` operations by runs of at least
  /// `shortest`, the best first.
  llvm::SmallVector<Repeat> find(size_t shortest, size_t least) const;

  /// The same operations, cut where the fewest values pass from one run to what
  /// is behind it; at most one run is lost by that.
  Repeat cutBest(const Repeat &repeat) const;

  /// Whether run `run` computes from its values what another, run `model`, does
  /// from its own. `outer` gets what both read of others, in pairs, in one
  /// order whatever `run` is: a value as often as it is read.
  using ValuePair = std::pair<mlir::Value, mlir::Value>;
  bool match(const Repeat &repeat, size_t model, size_t run,
             llvm::SmallVectorImpl<ValuePair> &outer) const;

  /// Which results of a run's operations others read: operation, counted from
  /// the first of the run, and result.
  using ResultNumber = std::pair<size_t, unsigned>;
  llvm::SmallVector<ResultNumber> getLiveOut(size_t first, size_t length) const;

private:
  void classify(mlir::Operation &op);

  llvm::DenseSet<mlir::Operation *> madeAgain;
  /// Integers that follow from the function's arguments, which a run is given.
  llvm::DenseSet<mlir::Operation *> atEntry;
  llvm::SmallVector<mlir::Operation *> ops;
  llvm::DenseMap<mlir::Operation *, size_t> positions;
  /// Equal for operations that are equal but for what they read.
  llvm::SmallVector<unsigned> kinds;
  /// The place of the last operation that reads a result of an operation; the
  /// number of operations where another kind of operation does.
  llvm::DenseMap<mlir::Value, size_t> lastUses;
};

} // namespace tern

#endif // TERN_LIB_TILED_REPEATS_H
