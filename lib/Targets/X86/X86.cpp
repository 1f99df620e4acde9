//===- X86.cpp - x86-64 processors ----------------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../TargetList.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "tern/Targets/CPU/Dot.h"
#include "tern/Targets/CPU/Lowering.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace tern;

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

static Value intrinsic(OpBuilder &b, Location loc, StringRef name, Type type,
                       ValueRange operands) {
  return LLVM::CallIntrinsicOp::create(b, loc, type, b.getStringAttr(name),
                                       operands)
      .getResult(0);
}

/// See SimdDotInterface.
static Value buildDot(OpBuilder &b, Location loc, X86TargetAttr target,
                      ValueRange codes, ValueRange activations, Value acc) {
  int64_t lanes = cast<VectorType>(codes.front().getType()).getNumElements();
  DotKind kind = getDotKind(target, lanes);
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

namespace {
struct X86Simd : SimdDotInterface::ExternalModel<X86Simd, X86TargetAttr> {
  VectorType getAccumulatorType(Attribute attr, int64_t lanes) const {
    DotKind kind = getDotKind(cast<X86TargetAttr>(attr), lanes);
    return VectorType::get(kind == DotKind::Wide ? lanes : lanes / 4,
                           IntegerType::get(attr.getContext(), 32));
  }

  Value buildDot(Attribute attr, OpBuilder &b, Location loc, ValueRange codes,
                 ValueRange activations, Value acc) const {
    return ::buildDot(b, loc, cast<X86TargetAttr>(attr), codes, activations,
                      acc);
  }

  MatmulKernel getMatmulKernel(Attribute attr, Type element) const {
    MachineInfo machine = cast<X86TargetAttr>(attr).getMachine();
    int64_t width = element.getIntOrFloatBitWidth() / 8;
    MatmulKernel kernel;
    // Two vectors of columns, and rows until sums take most registers. SSE
    // overwrites an operand, which takes another.
    kernel.columns = 2 * machine.vectorBytes / width;
    kernel.rows = machine.vectorRegisters > 16 ? 8
                  : machine.vectorBytes > 16   ? 6
                                               : 4;
    return kernel;
  }
};

struct X86Lowering : CPULoweringModel<X86Lowering, X86TargetAttr> {};

/// In the order in which signatures list them.
constexpr StringLiteral kFeatures[] = {
    "ssse3",    "sse4.1",   "sse4.2",   "popcnt",  "avx",       "avx2",
    "fma",      "f16c",     "bmi",      "bmi2",    "avx512f",   "avx512bw",
    "avx512cd", "avx512dq", "avx512vl", "avxvnni", "avx512vnni"};

bool isHost() {
  return llvm::Triple(llvm::sys::getProcessTriple()).getArch() ==
         llvm::Triple::x86_64;
}

TargetAttrInterface make(MLIRContext *context, ArrayRef<StringRef> features) {
  return X86TargetAttr::get(context,
                            llvm::map_to_vector(features, [&](StringRef name) {
                              return StringAttr::get(context, name);
                            }));
}

void attach(MLIRContext *context) {
  X86TargetAttr::attachInterface<X86Simd, X86Lowering>(*context);
}
} // namespace

NamedTarget tern::getX86Target() {
  return {
      "x86",     "x86-64; x86:FEATURE,... adds features beyond the baseline:",
      kFeatures, isHost,
      make,      attach};
}
