//===- OperandTypes.h - Check types of shape operands -----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_SHAPE_OPERANDTYPES_H
#define TERN_LIB_IMPORT_ONNX_SHAPE_OPERANDTYPES_H

#include "mlir/Support/LLVM.h"

namespace tern::onnx_import {
class Node;

/// Whether operands of a standard operator that are shapes, axes, indices and
/// the like have a type and a rank that the standard gives them, and those of
/// one type variable have one type; else reports it.
mlir::LogicalResult checkOperands(Node &node);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_SHAPE_OPERANDTYPES_H
