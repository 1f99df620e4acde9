//===- MathLibrary.cpp - Functions left to code generators ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/IR/MathLibrary.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace tern;

static constexpr unsigned kFloats = MathFunction::Floats;
static constexpr unsigned kIntegers = MathFunction::Integers;

static constexpr MathFunction kCore[] = {
    {"math.absf", kFloats},      {"math.absi", kIntegers},
    {"math.ceil", kFloats},      {"math.clampf", kFloats},
    {"math.copysign", kFloats},  {"math.ctlz", kIntegers},
    {"math.ctpop", kIntegers},   {"math.cttz", kIntegers},
    {"math.floor", kFloats},     {"math.fma", kFloats},
    {"math.isfinite", kFloats},  {"math.isinf", kFloats},
    {"math.isnan", kFloats},     {"math.isnormal", kFloats},
    {"math.roundeven", kFloats}, {"math.sqrt", kFloats},
    {"math.trunc", kFloats},
};

static constexpr MathFunction kLibrary[] = {
    {"arith.remf", kFloats},
    {"math.acos", kFloats},
    {"math.acosh", kFloats},
    {"math.asin", kFloats},
    {"math.asinh", kFloats},
    {"math.atan", kFloats},
    {"math.atan2", kFloats},
    {"math.atanh", kFloats},
    {"math.cbrt", kFloats},
    {"math.cos", MathFunction::F64},
    {"math.cosh", kFloats},
    {"math.erf", MathFunction::F64},
    {"math.erfc", kFloats},
    {"math.exp", MathFunction::F64},
    {"math.exp2", MathFunction::F64},
    {"math.expm1", MathFunction::F64},
    {"math.fpowi", kFloats},
    {"math.log", MathFunction::F64},
    {"math.log10", MathFunction::F64},
    {"math.log1p", MathFunction::F64},
    {"math.log2", MathFunction::F64},
    {"math.powf", MathFunction::F64},
    {"math.round", kFloats},
    {"math.rsqrt", MathFunction::F64},
    {"math.sin", MathFunction::F64},
    {"math.sinh", kFloats},
    {"math.tan", MathFunction::F64},
    {"math.tanh", MathFunction::F64},
};
ArrayRef<MathFunction> tern::getCoreMath() { return kCore; }

ArrayRef<MathFunction> tern::getLibraryMath() {
  static const auto functions =
      llvm::to_vector(llvm::concat<const MathFunction>(kCore, kLibrary));
  return functions;
}

bool tern::hasMathFunction(ArrayRef<MathFunction> functions, Operation *op) {
  Type type = getElementTypeOrSelf(op->getOperand(0).getType());
  unsigned kind = 0;
  if (isa<Float16Type, BFloat16Type, Float32Type>(type))
    kind = MathFunction::F32;
  else if (type.isF64())
    kind = MathFunction::F64;
  else if (type.isIntOrIndex())
    kind = MathFunction::Integers;
  StringRef name = op->getName().getStringRef();
  return llvm::any_of(functions, [&](const MathFunction &function) {
    return function.operation == name && (function.types & kind);
  });
}
