//===- Models.h - Registration of derivatives -------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_AUTODIFF_MODELS_H
#define TERN_LIB_AUTODIFF_MODELS_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace tern {
void registerScalarModels(mlir::DialectRegistry &registry);
void registerLinalgModels(mlir::DialectRegistry &registry);
void registerScfModels(mlir::DialectRegistry &registry);
void registerTensorModels(mlir::DialectRegistry &registry);
void registerTernModels(mlir::DialectRegistry &registry);
} // namespace tern

#endif // TERN_LIB_AUTODIFF_MODELS_H
