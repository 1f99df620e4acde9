//===- Contrib.h - Operators of com.microsoft -------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_OPS_CONTRIB_H
#define TERN_LIB_IMPORT_ONNX_OPS_CONTRIB_H

#include "OpTable.h"

namespace tern::onnx_import {

/// Operators of domain com.microsoft: what ONNX Runtime fuses, attention among
/// it, and functions of quantized tensors.
void addContribAttentionOps(OpTable &ops);
void addContribFusedOps(OpTable &ops);
void addContribQuantizedOps(OpTable &ops);
void addContribRecurrentOps(OpTable &ops);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_OPS_CONTRIB_H
