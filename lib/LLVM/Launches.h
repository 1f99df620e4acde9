//===- Launches.h - Launches of kernels as calls of the host ----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_LLVM_LAUNCHES_H
#define TERN_LIB_LLVM_LAUNCHES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "tern/Dialect/Tern/IR/TernOps.h"

namespace tern {

/// Numbers the kernels that a module launches, as it meets them, for the
/// artifact's device table.
class LaunchLowering {
public:
  /// Builds a pointer to a NUL-terminated text before an operation.
  using BuildText =
      llvm::function_ref<mlir::Value(mlir::Operation *, llvm::StringRef)>;

  /// Makes of the launches in `func` calls of `host`'s `launch`. `status`
  /// points to an i32 that is 0 until one fails, and then what it returned:
  /// after that none is launched. tern/LLVM/KernelParams.h says what a kernel
  /// is passed.
  llvm::LogicalResult lower(mlir::func::FuncOp func, mlir::Value host,
                            mlir::Value status, BuildText buildText);

  /// `#tern.kernel`s by their numbers.
  llvm::ArrayRef<mlir::Attribute> getKernels() const {
    return kernels.getArrayRef();
  }

private:
  llvm::LogicalResult lower(mlir::gpu::LaunchFuncOp op, mlir::func::FuncOp func,
                            mlir::Value host, mlir::Value status,
                            BuildText buildText);
  llvm::FailureOr<unsigned> getNumber(mlir::gpu::LaunchFuncOp op,
                                      llvm::StringRef params);

  llvm::SetVector<mlir::Attribute> kernels;
};

} // namespace tern

#endif // TERN_LIB_LLVM_LAUNCHES_H
