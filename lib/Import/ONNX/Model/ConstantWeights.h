//===- ConstantWeights.h - Ternary values of computed weights ---*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_MODEL_CONSTANTWEIGHTS_H
#define TERN_LIB_IMPORT_ONNX_MODEL_CONSTANTWEIGHTS_H

#include "ModelFile.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace tern::onnx_import {

/// The data of an argument of the function that is a parameter; none for
/// others.
using ParameterReader =
    llvm::function_ref<std::optional<TensorData>(mlir::BlockArgument)>;

/// Calls `use` for each argument that is the weight of a linear layer, a
/// matrix, with the axis of the layer's output channels.
void forEachWeight(
    mlir::func::FuncOp function,
    llvm::function_ref<void(mlir::BlockArgument argument, int64_t channelAxis)>
        use);

/// Marks what makes the weights of linear layers of parameters and constants,
/// element by element or by moving them, if the values are ternary: `Cast` of
/// codes times scales, `Reshape`, `Concat`, a gain for each column. What has a
/// fact (`tern.ternary`) already stays as it is.
void noteComputedWeights(mlir::func::FuncOp function, ParameterReader read);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_MODEL_CONSTANTWEIGHTS_H
