//===- TernTargets.cpp - Targets in the tree ------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "tern/Dialect/Tern/IR/TernAttributes.h"

using namespace mlir;
using namespace tern;

TargetAttrInterface tern::getTarget(Operation *op) {
  for (Operation *at = op; at; at = at->getParentOp())
    if (auto target = at->getAttrOfType<TargetAttrInterface>(
            TernDialect::getTargetAttrName()))
      return target;
  return GenericTargetAttr::get(op->getContext());
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

/// Plain arithmetic in i32, one accumulator lane per byte lane.
static Value buildWideDot(OpBuilder &b, Location loc, ValueRange codes,
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

StringRef GenericTargetAttr::getTargetName() const { return "generic"; }

LayoutAttrInterface GenericTargetAttr::getPreferredLayout(int64_t, int64_t,
                                                          int64_t groupSize,
                                                          Type) const {
  return Bits2Attr::get(getContext(), /*rows=*/4, lanesFor(groupSize, 16));
}

VectorType GenericTargetAttr::getAccumulatorType(int64_t lanes,
                                                 MLIRContext *context) const {
  return VectorType::get(lanes, IntegerType::get(context, 32));
}

Value GenericTargetAttr::buildDot(OpBuilder &b, Location loc, ValueRange codes,
                                  ValueRange activations, Value acc) const {
  return buildWideDot(b, loc, codes, activations, acc);
}

//===----------------------------------------------------------------------===//
// x86
//===----------------------------------------------------------------------===//

bool X86TargetAttr::hasFeature(StringRef name) const {
  return llvm::any_of(getFeatures(), [&](StringAttr feature) {
    return feature.getValue() == name;
  });
}

StringRef X86TargetAttr::getTargetName() const { return "x86"; }

std::string X86TargetAttr::getTriple() const {
  return "x86_64-unknown-linux-gnu";
}

SmallVector<std::string> X86TargetAttr::getRequiredFeatures() const {
  return llvm::map_to_vector(
      getFeatures(), [](StringAttr name) { return name.getValue().str(); });
}

LayoutAttrInterface X86TargetAttr::getPreferredLayout(int64_t, int64_t k,
                                                      int64_t groupSize,
                                                      Type) const {
  int64_t most = hasFeature("avx2") ? 32 : 16;
  // A block of 128 positions wastes up to 127 at the end of each row: take the
  // half where that is more than a twentieth.
  int64_t fields = 4;
  if (!ShapedType::isDynamic(k)) {
    auto padded = [&](int64_t lanes) {
      int64_t block = lanes * fields;
      return (k + block - 1) / block * block;
    };
    while (most > 16 && padded(most) * 20 > padded(most / 2) * 21)
      most /= 2;
  }
  return Bits2Attr::get(getContext(), /*rows=*/4, lanesFor(groupSize, most));
}

std::pair<int64_t, int64_t> X86TargetAttr::getMatmulTile(Type element) const {
  // Accumulators take most of 16 registers, or of 32 with AVX-512.
  int64_t width = element.getIntOrFloatBitWidth() / 8;
  if (hasFeature("avx512f"))
    return {8, 128 / width};
  if (hasFeature("avx2"))
    return {6, 64 / width};
  return {4, 32 / width};
}

bool X86TargetAttr::fusesMultiplyAdd() const { return hasFeature("fma"); }

/// How the dot product of `lanes` byte pairs is computed.
namespace {
enum class DotKind { DpBusd, MaddUbs, Wide };
} // namespace

static DotKind getDotKind(X86TargetAttr target, int64_t lanes) {
  bool vnni =
      target.hasFeature("avxvnni") ||
      (target.hasFeature("avx512vnni") && target.hasFeature("avx512vl"));
  if (lanes == 32)
    return vnni                        ? DotKind::DpBusd
           : target.hasFeature("avx2") ? DotKind::MaddUbs
                                       : DotKind::Wide;
  if (lanes == 16)
    return vnni ? DotKind::DpBusd
           : target.hasFeature("ssse3") || target.hasFeature("avx2")
               ? DotKind::MaddUbs
               : DotKind::Wide;
  return DotKind::Wide;
}

VectorType X86TargetAttr::getAccumulatorType(int64_t lanes,
                                             MLIRContext *context) const {
  bool wide = getDotKind(*this, lanes) == DotKind::Wide;
  return VectorType::get(wide ? lanes : lanes / 4,
                         IntegerType::get(context, 32));
}

static Value intrinsic(OpBuilder &b, Location loc, StringRef name, Type type,
                       ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(b, loc, type, b.getStringAttr(name),
                                       operands)
      .getResult(0);
}

Value X86TargetAttr::buildDot(OpBuilder &b, Location loc, ValueRange codes,
                              ValueRange activations, Value acc) const {
  int64_t lanes = cast<VectorType>(codes.front().getType()).getNumElements();
  DotKind kind = getDotKind(*this, lanes);
  if (kind == DotKind::Wide)
    return buildWideDot(b, loc, codes, activations, acc);
  bool ymm = lanes == 32;
  Type i32s = acc.getType();

  if (kind == DotKind::DpBusd) {
    // Adds four byte products to each i32 lane: no intermediate to overflow.
    StringRef name =
        ymm ? "llvm.x86.avx512.vpdpbusd.256" : "llvm.x86.avx512.vpdpbusd.128";
    for (auto [code, activation] : llvm::zip_equal(codes, activations))
      acc = intrinsic(b, loc, name, i32s, {acc, code, activation});
    return acc;
  }

  // vpmaddubsw adds two products of at most 2 * 128 to an i16: 16 of them are
  // below 2^15, so one widening serves the whole call.
  Type i16s = VectorType::get(lanes / 2, b.getI16Type());
  StringRef madd =
      ymm ? "llvm.x86.avx2.pmadd.ub.sw" : "llvm.x86.ssse3.pmadd.ub.sw.128";
  Value sum;
  for (auto [code, activation] : llvm::zip_equal(codes, activations)) {
    Value pairs = intrinsic(b, loc, madd, i16s, {code, activation});
    sum = sum ? arith::AddIOp::create(b, loc, sum, pairs).getResult() : pairs;
  }
  Value ones = arith::ConstantOp::create(
      b, loc, SplatElementsAttr::get(cast<ShapedType>(i16s), int16_t(1)));
  StringRef widen = ymm ? "llvm.x86.avx2.pmadd.wd" : "llvm.x86.sse2.pmadd.wd";
  Value quads = intrinsic(b, loc, widen, i32s, {sum, ones});
  return arith::AddIOp::create(b, loc, acc, quads);
}
