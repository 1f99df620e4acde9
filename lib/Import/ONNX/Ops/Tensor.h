//===- Tensor.h - A value of the ONNX graph ---------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_OPS_TENSOR_H
#define TERN_LIB_IMPORT_ONNX_OPS_TENSOR_H

#include "../Model/DType.h"
#include "../Shape/Extent.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Value.h"
#include <string>

namespace tern::onnx_import {

/// A value of the ONNX graph. It has code (`value`), or its elements are known
/// (`contents`, `constant`) or it is a parameter (`parameter`); code for these
/// is emitted when a node first needs it.
struct Tensor {
  DType dtype = DType::F32;
  Extents shape;
  mlir::Value value;
  /// The elements of a small integer or boolean tensor, row-major; or of a
  /// small tensor of another type that is computed from extents: of floats,
  /// those that are integers, and atoms for `Symbols::getScalar`.
  std::optional<Extents> contents;
  /// The elements of another small tensor.
  mlir::DenseElementsAttr constant;
  /// The name of the parameter that this is, as it is or transposed.
  std::string parameter;
  bool isTransposed = false;
  /// Where code that makes the value comes from.
  mlir::LocationAttr loc;

  int64_t getRank() const { return static_cast<int64_t>(shape.size()); }
};

/// Tensors with at most so many elements have `contents`.
constexpr int64_t maxContents = 1024;

/// More elements no tensor has: addresses have 48 bits, or few more.
constexpr int64_t maxElements = int64_t(1) << 46;

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_OPS_TENSOR_H
