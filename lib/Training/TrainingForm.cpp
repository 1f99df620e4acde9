//===- TrainingForm.cpp - tern.in_training for training -------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TrainingForm.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Dialect/Tern/Utils/Elementwise.h"
#include "tern/Support/Philox.h"
#include "llvm/ADT/MapVector.h"
#include <cmath>

using namespace mlir;
using namespace tern;

/// An element is kept if the word drawn for it is not below ratio * 2^32.
static void drawMask(KeepMaskOp op, Value seed, Value step) {
  TensorBuilder b(op.getLoc(), op);
  auto type = cast<RankedTensorType>(op.getType());
  SmallVector<OpFoldResult> sizes =
      getMixedValues(type.getShape(), op.getExtents(), b);
  double limit = std::min(
      std::nearbyint(op.getRatio().convertToDouble() * 0x1p32), 0x1p32 - 1);
  Type i64 = b.getI64Type();
  Value bound = arith::ConstantOp::create(
      b, b.getI64IntegerAttr(static_cast<int64_t>(limit)));
  // What is the same for all elements stands outside the loop.
  Philox philox(b, b.read(seed), b.read(step), op.getStream());
  SmallVector<Value> extents;
  for (OpFoldResult size : sizes)
    extents.push_back(getValueOrCreateConstantIndexOp(b, b.getLoc(), size));
  Value mask =
      b.map(sizes, type.getElementType(), {}, {},
            [&](TensorBuilder &n, ValueRange) -> Value {
              Value place;
              for (auto [axis, extent] : llvm::enumerate(extents)) {
                Value index = linalg::IndexOp::create(n, axis);
                if (place)
                  place = arith::AddIOp::create(
                      n, arith::MulIOp::create(n, place, extent), index);
                else
                  place = index;
              }
              place = place
                          ? arith::IndexCastOp::create(n, i64, place)
                          : arith::ConstantOp::create(n, n.getI64IntegerAttr(0))
                                .getResult();
              return arith::CmpIOp::create(n, arith::CmpIPredicate::uge,
                                           philox.draw(n, place), bound);
            });
  op.replaceAllUsesWith(mask);
  op.erase();
}

Value tern::addScalar(func::FuncOp function, unsigned index, StringRef name,
                      Type type, Attribute init) {
  Builder b(function.getContext());
  NamedAttrList attrs;
  attrs.set(kScalarAttrName, b.getStringAttr(name));
  if (init)
    attrs.set(kDefaultAttrName, init);
  (void)function.insertArgument(index, RankedTensorType::get({}, type),
                                attrs.getDictionary(b.getContext()),
                                function.getLoc());
  return function.getArgument(index);
}

LogicalResult tern::enterTraining(func::FuncOp loss, unsigned index) {
  MLIRContext *context = loss.getContext();
  SmallVector<KeepMaskOp> masks;
  llvm::MapVector<Value, Value> updates;
  WalkResult result = loss.walk([&](Operation *op) -> WalkResult {
    if (auto choice = dyn_cast<InTrainingOp>(op)) {
      choice.replaceAllUsesWith(choice.getTraining());
    } else if (auto mask = dyn_cast<KeepMaskOp>(op)) {
      masks.push_back(mask);
    } else if (auto update = dyn_cast<UpdateParameterOp>(op)) {
      if (op->getBlock() != &loss.getBody().front())
        return op->emitOpError("in a loop or branch is not supported");
      updates[update.getParameter()] = update.getValue(); // The last one.
      op->erase();
    }
    return WalkResult::advance();
  });
  if (result.wasInterrupted())
    return failure();

  StringRef paramAttr = kParamAttrName;
  Operation *ret = loss.getBody().front().getTerminator();
  for (auto [parameter, value] : updates) {
    auto argument = cast<BlockArgument>(parameter);
    NamedAttribute attr(StringAttr::get(context, kUpdateAttrName),
                        loss.getArgAttr(argument.getArgNumber(), paramAttr));
    if (failed(loss.insertResult(loss.getNumResults(), value.getType(),
                                 DictionaryAttr::get(context, attr))))
      return failure();
    ret->insertOperands(ret->getNumOperands(), value);
  }
  if (masks.empty())
    return success();
  Builder b(context);
  Type i64 = b.getI64Type();
  Value step = addScalar(loss, index, "step", i64, {});
  Value seed = addScalar(loss, index, "seed", i64, b.getI64IntegerAttr(0));
  for (KeepMaskOp mask : masks)
    drawMask(mask, seed, step);
  return success();
}
