//===- ScaledProduct.h - Follow a product to its scales ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TERNARY_SCALEDPRODUCT_H
#define TERN_LIB_TERNARY_SCALEDPRODUCT_H

#include "LinearLayer.h"

namespace tern {

/// A layer's result and where it is multiplied with scales.
struct ScaledProduct {
  /// The result, after reshapes that leave its last dimension alone.
  mlir::Value product;
  /// The product with the scales, and with the factors `rest` beside them,
  /// over the position of `product`.
  mlir::Value scaled;
  Monomial rest;
};

/// Follows `product`, a layer's result perhaps reshaped, through
/// multiplications and divisions to where all of `scales`, over the product's
/// position, are among the factors.
std::optional<ScaledProduct> findScaledProduct(mlir::Value product,
                                               const Monomial &scales);

/// The scale of weights as a factor of the layer's result.
Monomial getScaleOfResult(const LinearLayer &layer, Monomial scale);

/// Whether `applyRest` can build the product with `rest`.
bool canApplyRest(const ScaledProduct &scaled);

/// The value that the layer computes with the scales: `scaled`, or, if there
/// are other factors, the product, and then all that reads `scaled` reads the
/// product with these instead.
mlir::Value applyRest(mlir::OpBuilder &builder, const ScaledProduct &scaled);

} // namespace tern

#endif // TERN_LIB_TERNARY_SCALEDPRODUCT_H
