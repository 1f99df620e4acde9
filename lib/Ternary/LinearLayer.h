//===- LinearLayer.h - Linear layers of a graph -----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TERNARY_LINEARLAYER_H
#define TERN_LIB_TERNARY_LINEARLAYER_H

#include "QuantizerPatterns.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "tern/Dialect/Tern/IR/TernOps.h"

namespace tern {

/// Activations [..., K] times a matrix: a linalg operation of f32 tensors whose
/// result has the activations' shape but for the last extent, N.
struct LinearLayer {
  mlir::linalg::LinalgOp op;
  mlir::Value x;
  /// An element of the matrix, over the loops of `op`.
  Element weight;
  /// Which loops are the matrix's.
  MatrixDims dims;

  static std::optional<LinearLayer> match(mlir::Operation *op);
  /// The same of i32 tensors.
  static std::optional<LinearLayer> matchInteger(mlir::Operation *op);

  mlir::Value getResult() const { return op->getResult(0); }
  /// The position in the loops of an element of the result, K being 0.
  mlir::AffineMap getLoopsOfResult() const;
};

/// What a layer becomes.
struct BitLinearParts {
  mlir::Value x;
  /// An element of the latent weights' tensor, over the layer's loops.
  Element latent;
  std::optional<double> alpha;
  /// A tensor whose magnitudes are the learned scales.
  mlir::Value alphaTensor;
  WeightQuantizerAttr weights;
  ActivationQuantizerAttr activations;
};

/// The tensor [N, C, spatial...] whose windows are the rows of a product of
/// matrices that is a convolution: as it is read, and before it was padded.
struct Convolution {
  mlir::Value padded;
  mlir::Value input;
};

/// The convolution that the product of `x` and `weight` is, if the weight comes
/// from a tensor [O, C, kernel...] and the rows of `x` are windows.
std::optional<Convolution> getConvolution(mlir::Value x, Element weight);

/// Whether `latent` can be had as a matrix [N, K]: it is that, its transpose,
/// or one whose K is split in several dimensions.
bool isLatentMatrix(const LinearLayer &layer, Element latent);

/// Replaces `result`, which is the layer's or the layer's with scales applied,
/// by a `tern.bitlinear`, and with it the bias that is added to nothing but
/// `result`, if there is one. `isLatentMatrix` must hold.
BitLinearOp replaceByBitLinear(mlir::OpBuilder &builder,
                               const LinearLayer &layer, mlir::Value result,
                               const BitLinearParts &parts);

/// The operand of a reshape that leaves the last dimension alone, or null.
mlir::Value getReshaped(mlir::Operation *op);
/// The tensor before reshapes that leave its last dimension alone.
mlir::Value skipReshapes(mlir::Value tensor);
/// Repeats those reshapes of `tensor` on what takes the place of
/// `skipReshapes(tensor)`.
mlir::Value repeatReshapes(mlir::OpBuilder &builder, mlir::Value tensor,
                           mlir::Value replacement);

} // namespace tern

#endif // TERN_LIB_TERNARY_LINEARLAYER_H
