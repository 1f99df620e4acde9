//===- FunctionFile.h - Functions that are read from MLIR files -*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Optimizers and losses are data: files of functions on tensors, in folders of
// share/tern or the user's. A file may take functions from others: a private
// declaration with `tern.from = @file::@function` stands for that function of
// `file.mlir`, which lies in the same folder or is one of Tern's.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TRAINING_FUNCTIONFILE_H
#define TERN_LIB_TRAINING_FUNCTIONFILE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <string>
#include <vector>

namespace tern {

/// What such files are: in messages, and which folder of share/tern has them.
struct FileKind {
  llvm::StringRef name, folder;
  /// Known, and no files.
  llvm::ArrayRef<llvm::StringRef> builtin = {};
};

struct FunctionFile {
  /// What the file is, in messages.
  llvm::StringRef kind;
  std::string path;
  /// Of the file, and of those that it takes functions from.
  std::string text;
  mlir::OwningOpRef<mlir::ModuleOp> module;

  /// The function of this name without calls, all inlined; null if there is
  /// none. Failures are reported.
  llvm::FailureOr<mlir::func::FuncOp> find(llvm::StringRef function);
};

/// Checks a function of `owner` ("an optimizer"): that it has one block; that
/// it begins with the arguments `leading`; and that each other has a name of
/// its own, of a scalar (`tern.scalar`, a 0-d tensor of f32, f64 or i64) or in
/// the attribute `attr` as a `what`, which `check` looks at. Errors are
/// reported.
llvm::LogicalResult checkArguments(
    mlir::func::FuncOp func, llvm::StringRef owner, mlir::TypeRange leading,
    llvm::StringRef attr, llvm::StringRef what,
    llvm::function_ref<llvm::LogicalResult(unsigned, llvm::StringRef)> check);

/// Reads the file that is called `name`, one of Tern's, or whose path it is, if
/// it ends in `.mlir`. Errors are reported: an unknown name with those that
/// there are, what cannot be read or parsed, and functions that are to be taken
/// from a file that has none such.
llvm::FailureOr<FunctionFile> loadFunctionFile(const FileKind &kind,
                                               llvm::StringRef name,
                                               mlir::MLIRContext *context);

} // namespace tern

#endif // TERN_LIB_TRAINING_FUNCTIONFILE_H
