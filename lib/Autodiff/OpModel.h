//===- OpModel.h - Bases of derivatives of one operation --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_AUTODIFF_OPMODEL_H
#define TERN_LIB_AUTODIFF_OPMODEL_H

#include "tern/Autodiff/DifferentiableOpInterface.h"

namespace tern {

/// A model of an operation with one result; Concrete has
/// `LogicalResult build(Op, Value dy, Reverse &)`.
template <typename Concrete, typename Op>
struct Model : DifferentiableOpInterface::ExternalModel<Concrete, Op> {
  llvm::LogicalResult buildAdjoint(mlir::Operation *op,
                                   Reverse &reverse) const {
    return static_cast<const Concrete *>(this)->build(
        mlir::cast<Op>(op), reverse.getCotangent(op->getResult(0)), reverse);
  }
};

/// The same where the gradient goes to one operand.
template <typename Concrete, typename Op, auto getOperand>
struct UnaryModel : Model<Concrete, Op> {
  llvm::SmallVector<mlir::Value> getGradientSources(mlir::Operation *op,
                                                    mlir::OpResult) const {
    return {(mlir::cast<Op>(op).*getOperand)()};
  }
};

} // namespace tern

#endif // TERN_LIB_AUTODIFF_OPMODEL_H
