//===- QuantizerLowering.h - Parts of tern-lower-quantizers -----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TILED_QUANTIZERLOWERING_H
#define TERN_LIB_TILED_QUANTIZERLOWERING_H

namespace mlir {
class RewritePatternSet;
} // namespace mlir

namespace tern {
/// tern.quantize_activations with one scale for all of x.
void populateLowerTensorQuantizerPatterns(mlir::RewritePatternSet &patterns);

/// tern.quantize_weights.
void populateLowerWeightQuantizersPatterns(mlir::RewritePatternSet &patterns);

/// tern.pack and tern.unpack.
void populateLowerPackingPatterns(mlir::RewritePatternSet &patterns);
} // namespace tern

#endif // TERN_LIB_TILED_QUANTIZERLOWERING_H
