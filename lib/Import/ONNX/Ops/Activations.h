//===- Activations.h - Scalar activation functions --------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_OPS_ACTIVATIONS_H
#define TERN_LIB_IMPORT_ONNX_OPS_ACTIVATIONS_H

#include "Node.h"

namespace tern::onnx_import {

/// An activation function that a node names in an attribute.
struct NamedActivation {
  /// Of its parameters.
  llvm::SmallVector<double> defaults;
  std::function<mlir::Value(mlir::ImplicitLocOpBuilder &, mlir::Value,
                            llvm::ArrayRef<double>)>
      body;
};

/// The function of floats that is the standard's operator of that name; Clip
/// has its bounds as parameters. None if there is no such.
std::optional<NamedActivation> getActivation(llvm::StringRef name);

/// x * sigmoid(alpha * x).
mlir::Value emitSwish(mlir::ImplicitLocOpBuilder &b, mlir::Value x,
                      double alpha);
/// x * Phi(x), exact or by the usual approximation of Phi.
mlir::Value emitGelu(mlir::ImplicitLocOpBuilder &b, mlir::Value x,
                     bool isApproximate);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_OPS_ACTIVATIONS_H
