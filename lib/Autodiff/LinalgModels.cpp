//===- LinalgModels.cpp - Derivatives of linalg operations ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgAdjoint.h"
#include "Models.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/DialectRegistry.h"
#include "tern/Autodiff/DifferentiableOpInterface.h"

using namespace mlir;
using namespace tern;

namespace {
/// Everything with loops, maps and a body of scalars.
template <typename Op>
struct StructuredModel
    : DifferentiableOpInterface::ExternalModel<StructuredModel<Op>, Op> {
  SmallVector<Value> getGradientSources(Operation *op, OpResult result) const {
    return getLinalgSources(cast<linalg::LinalgOp>(op),
                            result.getResultNumber());
  }
  LogicalResult buildAdjoint(Operation *op, Reverse &reverse) const {
    return buildLinalgAdjoint(cast<linalg::LinalgOp>(op), reverse);
  }
};

/// A transpose stays one.
struct TransposeModel
    : DifferentiableOpInterface::ExternalModel<TransposeModel,
                                               linalg::TransposeOp> {
  SmallVector<Value> getGradientSources(Operation *op, OpResult) const {
    return {cast<linalg::TransposeOp>(op).getInput()};
  }
  LogicalResult buildAdjoint(Operation *op, Reverse &reverse) const {
    auto transpose = cast<linalg::TransposeOp>(op);
    ImplicitLocOpBuilder &b = reverse.getBuilder();
    Value input = transpose.getInput();
    Value empty = createEmptyLike(b, input, getElementTypeOrSelf(input));
    auto adjoint = linalg::TransposeOp::create(
        b, reverse.getCotangent(op->getResult(0)), empty,
        invertPermutationVector(transpose.getPermutation()));
    reverse.add(input, adjoint->getResult(0));
    return success();
  }
};

template <typename... Ops> void attachStructured(MLIRContext &context) {
  auto attach = [&](auto *op) {
    using Op = std::remove_pointer_t<decltype(op)>;
    if constexpr (std::is_same_v<Op, linalg::TransposeOp>)
      Op::template attachInterface<TransposeModel>(context);
    else
      Op::template attachInterface<StructuredModel<Op>>(context);
  };
  (attach(static_cast<Ops *>(nullptr)), ...);
}
} // namespace

void tern::registerLinalgModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, linalg::LinalgDialect *) {
    attachStructured<
#define GET_OP_LIST
#include "mlir/Dialect/Linalg/IR/LinalgStructuredOps.cpp.inc"
        >(*context);
  });
}
