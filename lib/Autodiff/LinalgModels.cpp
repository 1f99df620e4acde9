//===- LinalgModels.cpp - Derivatives of linalg operations ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LinalgAdjoint.h"
#include "Models.h"
#include "OpModel.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/DialectRegistry.h"
#include "tern/Autodiff/DifferentiableOpInterface.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"

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
struct TransposeModel : UnaryModel<TransposeModel, linalg::TransposeOp,
                                   &linalg::TransposeOp::getInput> {
  LogicalResult build(linalg::TransposeOp transpose, Value dy,
                      Reverse &reverse) const {
    ImplicitLocOpBuilder &b = reverse.getBuilder();
    Value input = transpose.getInput();
    Value empty = createEmptyLike(b, input, getElementTypeOrSelf(dy));
    auto adjoint = linalg::TransposeOp::create(
        b, dy, empty, invertPermutationVector(transpose.getPermutation()));
    reverse.add(input, adjoint->getResult(0));
    return success();
  }
};

/// dx = y * (dy - the sum of dy * y).
struct SoftmaxModel : UnaryModel<SoftmaxModel, linalg::SoftmaxOp,
                                 &linalg::SoftmaxOp::getInput> {
  LogicalResult build(linalg::SoftmaxOp softmax, Value dy,
                      Reverse &reverse) const {
    ImplicitLocOpBuilder &b = reverse.getBuilder();
    Value y = softmax->getResult(0);
    auto type = cast<RankedTensorType>(y.getType());
    Type element = type.getElementType(), sumType = getSumType(element);
    int64_t rank = type.getRank(), axis = softmax.getDimension();
    AffineMap identity = b.getMultiDimIdentityMap(rank);
    AffineMap outer = identity.dropResult(axis);
    SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(b, b.getLoc(), y);
    sizes.erase(sizes.begin() + axis);
    Value sum = buildGeneric(
        b, b.getLoc(), {dy, y}, {identity, identity},
        buildFilled(b, b.getLoc(), sizes, b.getZeroAttr(sumType)), outer,
        [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
          Value product =
              arith::MulFOp::create(b, createFloatCast(b, args[0], sumType),
                                    createFloatCast(b, args[1], sumType));
          return arith::AddFOp::create(b, args[2], product);
        });
    Value dx =
        buildGeneric(b, b.getLoc(), {dy, y, sum}, {identity, identity, outer},
                     createEmptyLike(b, softmax.getInput(), element), identity,
                     [&](ImplicitLocOpBuilder &b, ValueRange args) -> Value {
                       Value total = createFloatCast(b, args[2], element);
                       Value rest = arith::SubFOp::create(b, args[0], total);
                       return arith::MulFOp::create(b, args[1], rest);
                     });
    if (dx.getType() != softmax.getInput().getType())
      dx = tensor::CastOp::create(b, softmax.getInput().getType(), dx);
    reverse.add(softmax.getInput(), dx);
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
    linalg::SoftmaxOp::attachInterface<SoftmaxModel>(*context);
  });
}
