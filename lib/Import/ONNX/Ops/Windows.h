//===- Windows.h - Windows that slide over spatial axes ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What convolution and pooling share: the axes of a tensor [N, C, spatial...]
// from the third on, a window that moves over them, and padding around them.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_OPS_WINDOWS_H
#define TERN_LIB_IMPORT_ONNX_OPS_WINDOWS_H

#include "Node.h"

namespace tern::onnx_import {

/// A window and where it goes; one element per spatial axis.
struct Window {
  Extents kernel;
  llvm::SmallVector<int64_t> strides, dilations;
  /// Padding at both ends, and how much more the last window reads where the
  /// number of windows was rounded up.
  Extents low, high, beyond;
  /// The number of positions.
  Extents out;

  int64_t getRank() const { return static_cast<int64_t>(kernel.size()); }
  /// How many elements it spans along an axis.
  /// None if that overflows.
  std::optional<Extent> getSpan(int64_t i) const;
  /// Whether it is a single element that goes everywhere.
  bool isPoint() const;
};

/// A list attribute with one element for each of `count` axes, none below
/// `least`.
mlir::FailureOr<llvm::SmallVector<int64_t>>
getAxisInts(Node &node, llvm::StringRef name, int64_t count,
            int64_t defaultValue, int64_t least);

/// Reads strides, dilations, pads and auto_pad of a window of `kernel` over
/// axes of extents `spatial`. `roundsUp` counts a last window that is not full,
/// unless it lies beyond the input and its padding at the low end. That no
/// window fits is an error, unless they are the input's (`isTransposed`): there
/// the output has the windows.
mlir::FailureOr<Window> getWindow(Node &node, llvm::ArrayRef<Extent> spatial,
                                  llvm::ArrayRef<Extent> kernel,
                                  bool roundsUp = false,
                                  bool isTransposed = false);

/// `x` with `low` elements before and `high` after each axis, all equal to the
/// scalar; `x` itself if that is nothing.
mlir::FailureOr<Tensor> emitPad(Node &node, Tensor x,
                                llvm::ArrayRef<Extent> low,
                                llvm::ArrayRef<Extent> high, mlir::Value value);

/// Pads the spatial axes of [N, C, spatial...] as the window wants it.
mlir::FailureOr<Tensor> emitPad(Node &node, Tensor x, const Window &window,
                                mlir::Value value);

/// The indices that the window reads along the spatial axes: position * stride
/// + offset * dilation, where `positions` and `offsets` are the first loops of
/// either.
llvm::SmallVector<mlir::AffineExpr> getWindowIndices(mlir::MLIRContext *context,
                                                     const Window &window,
                                                     unsigned positions,
                                                     unsigned offsets);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_OPS_WINDOWS_H
