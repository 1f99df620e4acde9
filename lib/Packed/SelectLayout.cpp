//===- SelectLayout.cpp - Pack weights the way the target prefers ---------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "tern/Dialect/Tern/Utils/Padding.h"
#include "tern/Packed/Passes.h"

namespace tern {
#define GEN_PASS_DEF_TERNSELECTLAYOUT
#include "tern/Packed/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

/// Whether `pad` grows its source at the high ends with zeros.
static bool isZeroTail(tensor::PadOp pad) {
  Value value = pad.getConstantPaddingValue();
  return value && pad.hasZeroLowPad() &&
         (matchPattern(value, m_AnyZeroFloat()) ||
          matchPattern(value, m_Zero()));
}

/// The activations of a packed product, padded to another block.
static Value repad(OpBuilder &b, Location loc, Value activations,
                   int64_t block) {
  auto quantize = activations.getDefiningOp<QuantizeActivationsOp>();
  if (quantize && quantize.getQ() == activations) {
    if (static_cast<int64_t>(quantize.getPaddedTo()) == block)
      return activations;
    // Beside the old operation, whose other results may be used before this
    // product.
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointAfter(quantize);
    auto wider = QuantizeActivationsOp::create(
        b, quantize.getLoc(), quantize.getX(), quantize.getQuantizer(), block);
    for (auto [old, result] :
         llvm::zip_equal(quantize->getResults().drop_front(),
                         wider->getResults().drop_front()))
      old.replaceAllUsesWith(result);
    return wider.getQ();
  }
  // Start from what an earlier padding was made of.
  if (auto pad = activations.getDefiningOp<tensor::PadOp>())
    if (isZeroTail(pad))
      activations = pad.getSource();
  return padColumns(b, loc, activations, block);
}

namespace {
struct SelectLayoutPass : tern::impl::TernSelectLayoutBase<SelectLayoutPass> {
  using TernSelectLayoutBase::TernSelectLayoutBase;

  LogicalResult initialize(MLIRContext *context) override {
    if (layout.empty())
      return success();
    forced = dyn_cast_or_null<LayoutAttrInterface>(
        parseAttribute(layout.getValue(), context));
    if (!forced)
      return emitError(UnknownLoc::get(context))
             << "tern-select-layout: '" << layout.getValue()
             << "' is not a layout, such as #tern.bits2";
    return success();
  }

  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (TernDialect::PrepareAttrHelper(function->getContext())
            .isAttrPresent(function))
      return;
    SmallVector<PackOp> packs;
    function.walk([&](PackOp pack) { packs.push_back(pack); });
    for (PackOp pack : packs)
      if (failed(select(pack)))
        return signalPassFailure();
    // What the new operations replaced, users before producers.
    SmallVector<Operation *> replaced;
    function.walk([&](Operation *op) {
      if (isa<PackOp, QuantizeActivationsOp, tensor::PadOp>(op))
        replaced.push_back(op);
    });
    for (Operation *op : llvm::reverse(replaced))
      if (isOpTriviallyDead(op))
        op->erase();
  }

private:
  /// Once for each layout, of which a function has few.
  LogicalResult verify(PackOp pack, LayoutAttrInterface chosen) {
    if (!verified.insert(chosen).second)
      return success();
    return verifyLayout(chosen, [&] { return pack.emitError(); });
  }
  /// Rewrites `pack` and the products on it to the preferred layout.
  LogicalResult select(PackOp pack) {
    auto codes = cast<RankedTensorType>(pack.getCodes().getType());
    SmallVector<PackedMatmulOp> products;
    for (Operation *user : pack->getUsers()) {
      auto product = dyn_cast<PackedMatmulOp>(user);
      if (!product)
        return success();
      products.push_back(product);
    }
    if (products.empty())
      return success();

    int64_t group = products.front().getGroup();
    LayoutAttrInterface chosen = forced;
    if (forced) {
      chosen = forced.withGroup(group);
      if (!chosen)
        return pack.emitError() << "layout " << forced
                                << " cannot be made to fit groups of " << group;
    } else {
      auto activations =
          cast<RankedTensorType>(products.front().getActivations().getType());
      chosen = getTarget(pack).getPreferredLayout(
          {activations.getDimSize(0), codes.getDimSize(0), codes.getDimSize(1),
           group, activations.getElementType()});
      if (!chosen)
        return pack.emitError()
               << "target " << getTarget(pack)
               << " has no layout for groups of " << group << " positions";
    }
    if (failed(verify(pack, chosen)))
      return failure();
    if (!chosen.fitsGroup(group))
      return pack.emitError()
             << "layout " << chosen << " does not fit groups of " << group;
    ++numSelected;
    if (chosen == pack.getLayout())
      return success();

    OpBuilder b(pack);
    Value packed = PackOp::create(b, pack.getLoc(), pack.getCodes(), chosen);
    for (PackedMatmulOp product : products) {
      b.setInsertionPoint(product);
      Value activations = repad(b, product.getLoc(), product.getActivations(),
                                chosen.getTile().k);
      auto selected = PackedMatmulOp::create(
          b, product.getLoc(), product.getType(), activations, packed,
          product.getScales(), product.getInit(), chosen, product.getGroup());
      product.getResult().replaceAllUsesWith(selected.getResult());
      product.erase();
    }
    return success();
  }

  LayoutAttrInterface forced;
  llvm::SmallDenseSet<Attribute> verified;
};
} // namespace
