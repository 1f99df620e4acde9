//===- IntegerLayer.h - Find scales of integer products ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TERNARY_INTEGERLAYER_H
#define TERN_LIB_TERNARY_INTEGERLAYER_H

#include "LinearLayer.h"

namespace tern {

/// What an integer product is multiplied with, by DynamicQuantizeLinear's
/// consumers: the activations' scale and the weights'.
struct IntegerScales {
  /// The product, as floats and with both scales.
  mlir::Value result;
  /// The constant part of the weights' scale.
  double factor;
  /// The other part: 0-d or [N]; or null.
  mlir::Value tensor;
};

/// Follows the result of an integer product to where `xScale` and other factors
/// are applied to it.
std::optional<IntegerScales> findIntegerScales(const LinearLayer &layer,
                                               const Monomial &xScale);

/// The float weights: the integer ones, which `fact` is known about, with their
/// scale. Null if nothing is known about these.
Element buildScaledWeights(mlir::OpBuilder &builder, const LinearLayer &layer,
                           Element integers, llvm::StringRef fact,
                           const IntegerScales &scales);

} // namespace tern

#endif // TERN_LIB_TERNARY_INTEGERLAYER_H
