//===- TernTargets.cpp - The machines of the targets in the tree ----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Facts and layouts. How code is lowered to these targets is lib/Targets.
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/IR/TargetInterfaces.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace tern;

#include "tern/Dialect/Tern/IR/TernTargetInterfaces.cpp.inc"

void TargetDialectInterface::anchor() {}

TargetAttrInterface tern::getTarget(Operation *op) {
  TernDialect::TargetAttrHelper attribute(op->getContext());
  for (Operation *at = op; at; at = at->getParentOp())
    if (auto target =
            dyn_cast_if_present<TargetAttrInterface>(attribute.getAttr(at)))
      return target;
  return GenericTargetAttr::get(op->getContext());
}

TargetLoweringInterface tern::getTargetLowering(Operation *op) {
  TargetAttrInterface target = getTarget(op);
  auto lowering = dyn_cast<TargetLoweringInterface>(target);
  if (!lowering)
    op->emitError() << "nothing that is loaded lowers to target " << target;
  return lowering;
}

SimdDotInterface tern::getSimdDot(Operation *op) {
  TargetAttrInterface target = getTarget(op);
  auto simd = dyn_cast<SimdDotInterface>(target);
  if (!simd)
    op->emitError() << "target " << target << " has no vectors of bytes";
  return simd;
}

/// Largest power of two up to `most` that divides `groupSize` (any, when 0).
static int64_t lanesFor(int64_t groupSize, int64_t most) {
  int64_t lanes = most;
  while (lanes > 1 && groupSize % lanes != 0)
    lanes /= 2;
  return lanes;
}

//===----------------------------------------------------------------------===//
// Generic
//===----------------------------------------------------------------------===//

MachineInfo GenericTargetAttr::getMachine() const {
  MachineInfo machine;
  llvm::Triple triple(
      llvm::Triple::normalize(llvm::sys::getDefaultTargetTriple()));
  machine.triple = triple.str();
  // LLVM's "generic" of x86 is tuned for processors of the time before SSE4.
  if (triple.isX86())
    machine.cpu = "x86-64";
  return machine;
}

LayoutAttrInterface
GenericTargetAttr::getPreferredLayout(const MatmulShape &shape) const {
  return Bits2Attr::get(getContext(), /*rows=*/4, lanesFor(shape.group, 16));
}

//===----------------------------------------------------------------------===//
// x86
//===----------------------------------------------------------------------===//

bool X86TargetAttr::hasFeature(StringRef name) const {
  return llvm::any_of(getFeatures(), [&](StringAttr feature) {
    return feature.getValue() == name;
  });
}

MachineInfo X86TargetAttr::getMachine() const {
  MachineInfo machine;
  machine.triple = "x86_64-unknown-linux-gnu";
  machine.cpu = "x86-64";
  for (StringAttr feature : getFeatures())
    machine.features.push_back(feature.str());
  machine.vectorBytes = hasFeature("avx512f") ? 64
                        : hasFeature("avx2")  ? 32
                                              : 16;
  machine.vectorRegisters = hasFeature("avx512f") ? 32 : 16;
  machine.hasFma = hasFeature("fma");
  return machine;
}

LayoutAttrInterface
X86TargetAttr::getPreferredLayout(const MatmulShape &shape) const {
  int64_t most = hasFeature("avx2") ? 32 : 16;
  // A block of 128 positions wastes up to 127 at the end of each row: take the
  // half where that is more than a twentieth.
  int64_t fields = 4;
  if (!ShapedType::isDynamic(shape.k)) {
    auto padded = [&](int64_t lanes) {
      int64_t block = lanes * fields;
      return (shape.k + block - 1) / block * block;
    };
    while (most > 16 && padded(most) * 20 > padded(most / 2) * 21)
      most /= 2;
  }
  return Bits2Attr::get(getContext(), /*rows=*/4, lanesFor(shape.group, most));
}
