//===- MachineLearning.h - Operators of ai.onnx.ml --------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_OPS_MACHINELEARNING_H
#define TERN_LIB_IMPORT_ONNX_OPS_MACHINELEARNING_H

#include "OpTable.h"

namespace tern::onnx_import {

/// Operators of domain ai.onnx.ml, of numbers: what stands before a network
/// (Scaler, Normalizer, LabelEncoder) and behind it (ArrayFeatureExtractor,
/// ZipMap), and linear models.
void addMachineLearningOps(OpTable &ops);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_OPS_MACHINELEARNING_H
