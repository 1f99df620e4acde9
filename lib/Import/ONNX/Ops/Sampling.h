//===- Sampling.h - GridSample and random operators -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_OPS_SAMPLING_H
#define TERN_LIB_IMPORT_ONNX_OPS_SAMPLING_H

#include "OpTable.h"

namespace tern::onnx_import {

void addGridSampleOps(OpTable &ops);
/// RandomUniform, RandomNormal, those like a tensor, and Bernoulli.
void addRandomOps(OpTable &ops);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_OPS_SAMPLING_H
