//===- NarrowTypes.cpp - Elements of less than 8 bits ---------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "NarrowTypes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace tern::onnx_import;
using B = ImplicitLocOpBuilder;

bool tern::onnx_import::takesNarrowTypes(StringRef domain, StringRef opType) {
  return domain.empty() &&
         llvm::StringSwitch<bool>(opType)
             .Cases({"Cast", "CastLike", "QuantizeLinear", "DequantizeLinear"},
                    true)
             .Cases({"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze",
                     "Transpose", "Gather", "Pad", "Shape", "Size"},
                    true)
             .Default(false);
}

Value tern::onnx_import::emitLowBits(B &b, Value byte, DType type) {
  auto constant = [&](int64_t value) -> Value {
    return arith::ConstantOp::create(b, b.getI8IntegerAttr(value));
  };
  unsigned width = getBitWidth(type);
  if (isUnsigned(type))
    return arith::AndIOp::create(
        b, byte, constant(llvm::maskTrailingOnes<uint32_t>(width)));
  Value high = arith::ShLIOp::create(b, byte, constant(8 - width));
  return arith::ShRSIOp::create(b, high, constant(8 - width));
}
