//===- Normalization.h - Normalization of layers ----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_OPS_NORMALIZATION_H
#define TERN_LIB_IMPORT_ONNX_OPS_NORMALIZATION_H

#include "Node.h"

namespace tern::onnx_import {

/// The result, in the input's type; and the mean and the deviation, in the
/// accumulator's, with the normalized axes kept as extents of 1.
struct LayerNorm {
  Tensor y, mean, deviation;
};

/// Layer or RMS normalization over the axes from `axis` on, computed in f32 for
/// narrower types, in the steps in which exporters write it:
/// d = x - mean(x); y = d / sqrt(mean(d * d) + epsilon) * scale + bias. RMS
/// normalization takes d = x (and the mean is x).
mlir::FailureOr<LayerNorm> emitLayerNorm(Node &node, const Tensor &x,
                                         const Tensor &scale,
                                         const std::optional<Tensor> &bias,
                                         int64_t axis, double epsilon,
                                         bool isRms);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_OPS_NORMALIZATION_H
