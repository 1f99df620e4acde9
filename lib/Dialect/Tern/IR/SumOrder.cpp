//===- SumOrder.cpp - The order in which reductions add -------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/IR/SumOrder.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace tern;

StringRef tern::stringifySumOrder(SumOrder order) {
  return order == SumOrder::Lanes ? "lanes" : "ascending";
}

std::optional<SumOrder> tern::symbolizeSumOrder(StringRef name) {
  return llvm::StringSwitch<std::optional<SumOrder>>(name)
      .Case("lanes", SumOrder::Lanes)
      .Case("ascending", SumOrder::Ascending)
      .Default(std::nullopt);
}

Operation *tern::getFold(linalg::LinalgOp op) {
  if (op.getNumDpsInits() != 1)
    return nullptr;
  return op.getBlock()->getTerminator()->getOperand(0).getDefiningOp();
}

std::optional<SumOrder> tern::getSumOrder(linalg::LinalgOp op) {
  Operation *fold = getFold(op);
  auto name =
      fold ? fold->getAttrOfType<StringAttr>(kSumOrderAttrName) : nullptr;
  return name ? symbolizeSumOrder(name) : std::nullopt;
}
