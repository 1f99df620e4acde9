//===- Dequantize.cpp - What codes of quantizers are ----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/Utils/Dequantize.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "tern/Dialect/Tern/IR/TernOps.h"

using namespace mlir;
using namespace tern;

Value tern::dequantize(TensorBuilder &b, TensorBuilder::Sizes sizes,
                       Value codes, Value scale, AffineMap scales, Value zero) {
  unsigned rank = sizes.size();
  SmallVector<Value> inputs = {codes, scale};
  SmallVector<AffineMap> maps = {b.identity(rank), scales};
  if (zero) {
    inputs.push_back(zero);
    maps.push_back(b.scalar(rank));
  }
  return b.map(sizes, b.getF32Type(), inputs, maps,
               [&](TensorBuilder &n, ValueRange args) -> Value {
                 Value code = args[0];
                 if (zero) {
                   code = arith::ExtSIOp::create(n, n.getI32Type(), code);
                   code = arith::SubIOp::create(n, code, args[2]);
                 }
                 code = arith::SIToFPOp::create(n, n.getF32Type(), code);
                 return arith::MulFOp::create(n, code, args[1]);
               });
}

Value tern::quantizeAndBack(TensorBuilder &b, Value x,
                            ActivationQuantizerAttr quantizer) {
  SmallVector<OpFoldResult> sizes = b.sizesOf(x);
  auto quantized = QuantizeActivationsOp::create(b, x, quantizer);
  unsigned shared =
      cast<RankedTensorType>(quantized.getScale().getType()).getRank();
  return dequantize(b, sizes, quantized.getQ(), quantized.getScale(),
                    b.leading(sizes.size(), shared), quantized.getZero());
}

AffineMap tern::getScaleMap(WeightQuantizerAttr quantizer) {
  AffineExpr n, k;
  bindDims(quantizer.getContext(), n, k);
  switch (quantizer.getGranularity()) {
  case Granularity::Tensor:
    return AffineMap::get(2, 0, quantizer.getContext());
  case Granularity::Row:
    return AffineMap::get(2, 0, n);
  case Granularity::Group:
    return AffineMap::get(2, 0, {n, k.floorDiv(quantizer.getGroupSize())},
                          quantizer.getContext());
  }
  llvm_unreachable("all granularities are handled");
}
