//===- LinalgAdjoint.h - Adjoints of structured operations ------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_AUTODIFF_LINALGADJOINT_H
#define TERN_LIB_AUTODIFF_LINALGADJOINT_H

#include "mlir/IR/IRMapping.h"
#include "tern/Autodiff/Reverse.h"
#include "tern/Dialect/Tern/IR/LinalgFold.h"
#include <functional>
#include <optional>

namespace tern {

/// A tensor or scalar that a structured operation reads element by element: the
/// scalars of the body that stand for it. A captured scalar stands for itself.
struct LinalgSource {
  mlir::Value value;
  mlir::AffineMap map;
  llvm::SmallVector<mlir::Value> scalars;
};

/// A tensor read along in the adjoint, by a map of the loops of the primal.
struct LinalgRead {
  mlir::Value value;
  mlir::AffineMap map;
};

/// The body of an operation, cloned into one over the same loops.
struct LinalgBody {
  mlir::ImplicitLocOpBuilder &b;
  /// From the scalars of the primal's body.
  mlir::IRMapping &mapping;
  /// The further tensors that are read, as scalars.
  mlir::ValueRange reads;
  /// The index of a loop of the primal.
  llvm::function_ref<mlir::Value(unsigned)> getIndex;

  mlir::Value lookup(mlir::Value scalar) const {
    return mapping.lookupOrDefault(scalar);
  }
};

/// Gives cotangents to scalars of the cloned body.
using SeedBuilder =
    llvm::function_ref<void(const LinalgBody &body, Reverse &scalars)>;

/// Adds to the cotangent of `source` the generic over the loops of `op` that
/// sums up what `seed` gives the source's scalars. `reads` are operands of it
/// beside those of `op`.
llvm::LogicalResult buildSourceAdjoint(mlir::linalg::LinalgOp op,
                                       const LinalgSource &source,
                                       llvm::ArrayRef<LinalgRead> reads,
                                       SeedBuilder seed, Reverse &reverse);

/// The same for a tensor that the body reads with tensor.extract: a nest of
/// loops that adds to the elements read, in their order.
llvm::LogicalResult buildGatherAdjoint(mlir::linalg::LinalgOp op,
                                       mlir::Value source,
                                       llvm::ArrayRef<LinalgRead> reads,
                                       SeedBuilder seed, Reverse &reverse);

/// Another reduction over the loops of `op`, of what `fold` makes of the cloned
/// body and the accumulator. `init`, indexed by `output`, is what it starts
/// from.
mlir::Value buildReductionOver(
    mlir::linalg::LinalgOp op, llvm::ArrayRef<LinalgRead> reads,
    mlir::Value init, mlir::AffineMap output,
    llvm::function_ref<mlir::Value(const LinalgBody &, mlir::Value)> fold,
    Reverse &reverse);

/// How a result that is an extremum or a product seeds what it is one of.
struct ReductionSeeds {
  llvm::SmallVector<LinalgRead> reads;
  std::function<void(const LinalgBody &, Reverse &)> seed;
};

/// Builds what it takes to differentiate a result that is a maximum, a minimum
/// or a product. Nothing if it is none of them.
std::optional<ReductionSeeds> buildReductionSeeds(mlir::linalg::LinalgOp op,
                                                  unsigned result,
                                                  Reverse &reverse);

/// Operands with the scalars of the body that stand for their elements.
llvm::SmallVector<std::pair<mlir::OpOperand *, mlir::BlockArgument>>
getScalars(mlir::linalg::LinalgOp op);

/// The extent of a loop.
mlir::Value createLoopExtent(mlir::ImplicitLocOpBuilder &b,
                             mlir::linalg::LinalgOp op, unsigned loop);

/// The type that sums of `type` accumulate in.
mlir::Type getSumType(mlir::Type type);

/// `value` in the wider type `type`, without a detour through its own.
mlir::Value widen(mlir::ImplicitLocOpBuilder &b, mlir::Value value,
                  mlir::Type type);

/// What a result is, as a function of the value that it is initialized with.
enum class ResultKind {
  /// Added to the initial value.
  Sum,
  /// All loops are parallel: the initial value is an operand like others.
  Elementwise,
  /// Anything else.
  Other
};
ResultKind classifyResult(mlir::linalg::LinalgOp op, unsigned result);

/// What `result` of `op` depends on with a derivative.
llvm::SmallVector<mlir::Value> getLinalgSources(mlir::linalg::LinalgOp op,
                                                unsigned result);

/// The adjoint of a linalg.generic, or of what could be one.
llvm::LogicalResult buildLinalgAdjoint(mlir::linalg::LinalgOp op,
                                       Reverse &reverse);

} // namespace tern

#endif // TERN_LIB_AUTODIFF_LINALGADJOINT_H
