//===- Generic.cpp - Any processor that LLVM generates code for -----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../TargetList.h"
#include "tern/Targets/CPU/Lowering.h"

using namespace mlir;
using namespace tern;

namespace {
struct GenericSimd : CPUSimdModel<GenericSimd, GenericTargetAttr> {};

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
