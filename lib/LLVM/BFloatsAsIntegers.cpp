//===- BFloatsAsIntegers.cpp - bf16 as 16 bits ----------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "tern/LLVM/Passes.h"

namespace tern {
#define GEN_PASS_DEF_BFLOATSASINTEGERSPASS
#include "tern/LLVM/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {

struct BFloatsAsIntegersPass
    : tern::impl::BFloatsAsIntegersPassBase<BFloatsAsIntegersPass> {
  void runOnOperation() override;
};

} // namespace

/// The first value of bf16 that an operation computes with, if there is one.
static Operation *findArithmetic(ModuleOp module) {
  auto isBFloat = [](Type type) { return getElementTypeOrSelf(type).isBF16(); };
  Operation *found = nullptr;
  module.walk([&](Operation *op) {
    if (isa<LLVM::FPExtOp, LLVM::FPTruncOp, LLVM::FPToSIOp, LLVM::FPToUIOp,
            LLVM::SIToFPOp, LLVM::UIToFPOp, LLVM::FCmpOp, LLVM::FAddOp,
            LLVM::FSubOp, LLVM::FMulOp, LLVM::FDivOp, LLVM::FRemOp,
            LLVM::FNegOp>(op) &&
        (llvm::any_of(op->getOperandTypes(), isBFloat) ||
         llvm::any_of(op->getResultTypes(), isBFloat))) {
      found = op;
      return WalkResult::interrupt();
    }
    return WalkResult::advance();
  });
  return found;
}

void BFloatsAsIntegersPass::runOnOperation() {
  if (Operation *op = findArithmetic(getOperation())) {
    op->emitError("computes with bf16, which has to be expanded before");
    return signalPassFailure();
  }
  auto integer = IntegerType::get(&getContext(), 16);
  AttrTypeReplacer replacer;
  replacer.addReplacement([=](BFloat16Type) -> Type { return integer; });
  replacer.addReplacement([=](FloatAttr attr) -> std::optional<Attribute> {
    if (!attr.getType().isBF16())
      return std::nullopt;
    return IntegerAttr::get(integer, attr.getValue().bitcastToAPInt());
  });
  replacer.addReplacement(
      [=](DenseFPElementsAttr attr) -> std::optional<Attribute> {
        if (!attr.getElementType().isBF16())
          return std::nullopt;
        return attr.bitcast(integer);
      });
  replacer.recursivelyReplaceElementsIn(getOperation(), /*replaceAttrs=*/true,
                                        /*replaceLocs=*/false,
                                        /*replaceTypes=*/true);
}
