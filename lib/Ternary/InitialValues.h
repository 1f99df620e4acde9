//===- InitialValues.h - Parameters that tern.initial computes --*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TERNARY_INITIALVALUES_H
#define TERN_LIB_TERNARY_INITIALVALUES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SetVector.h"

namespace tern {

/// Operations that compute `value`, in order, and the arguments they read.
void findSlice(mlir::Value value, llvm::SetVector<mlir::Operation *> &ops,
               llvm::SetVector<mlir::BlockArgument> &arguments);

/// `base`, or `base.2`, ..., whichever no argument of the function is called.
std::string getFreeName(mlir::func::FuncOp function, llvm::StringRef base);

/// Adds to the function a parameter that begins as what `finish` makes of
/// `value`, which parameters compute: a prepare function (`tern.initial`) does
/// it. Null if the argument cannot be added.
mlir::Value addComputedParameter(
    mlir::func::FuncOp function, mlir::Value value, mlir::Type type,
    llvm::StringRef name,
    llvm::function_ref<mlir::Value(mlir::OpBuilder &, mlir::Value)> finish);

} // namespace tern

#endif // TERN_LIB_TERNARY_INITIALVALUES_H
