//===- Generic.cpp - Any processor that LLVM generates code for -----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "tern/Targets/CPU/Dot.h"
#include "tern/Targets/CPU/Lowering.h"
#include "tern/Targets/NamedTarget.h"

using namespace mlir;
using namespace tern;

namespace {
/// One accumulator lane for each byte lane, and kernels that 16 registers of
/// 16 bytes hold.
struct GenericSimd
    : SimdDotInterface::ExternalModel<GenericSimd, GenericTargetAttr> {
  VectorType getAccumulatorType(Attribute attr, int64_t lanes) const {
    return VectorType::get(lanes, IntegerType::get(attr.getContext(), 32));
  }

  Value buildDot(Attribute, OpBuilder &b, Location loc, ValueRange codes,
                 ValueRange activations, Value acc) const {
    return buildWideDot(b, loc, codes, activations, acc);
  }
};

struct GenericLowering : CPULoweringModel<GenericLowering, GenericTargetAttr> {
};

TargetAttrInterface make(MLIRContext *context, ArrayRef<StringRef>) {
  return GenericTargetAttr::get(context);
}

void attach(MLIRContext *context) {
  GenericTargetAttr::attachInterface<GenericSimd, GenericLowering>(*context);
}
} // namespace

NamedTarget tern::getGenericTarget() {
  return {"generic", "any processor that LLVM generates code for",
          {},        /*isHost=*/nullptr,
          make,      attach};
}
