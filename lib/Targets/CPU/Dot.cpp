//===- Dot.cpp - Dot products of codes in plain arithmetic ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Targets/CPU/Dot.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

Value tern::buildWideDot(OpBuilder &b, Location loc, ValueRange codes,
                         ValueRange activations, Value acc) {
  Type wide = acc.getType();
  for (auto [code, activation] : llvm::zip_equal(codes, activations)) {
    Value left = arith::ExtUIOp::create(b, loc, wide, code);
    Value right = arith::ExtSIOp::create(b, loc, wide, activation);
    Value product = arith::MulIOp::create(b, loc, left, right);
    acc = arith::AddIOp::create(b, loc, acc, product);
  }
  return acc;
}
