//===- ModelFiles.h - Open each input file once -----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DRIVER_MODELFILES_H
#define TERN_DRIVER_MODELFILES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "tern/Import/ONNX/Import.h"
#include "tern/Support/ParameterSource.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <string>
#include <vector>

namespace tern {

/// The model and the weights files of one compilation. Each is opened once and
/// parsed once: all who ask see the same file, even if another takes its place
/// meanwhile. What cannot be opened is tried again, and the error is the same.
class ModelFiles {
public:
  /// What is in a file, mapped while this lives. The error says why and not
  /// what, as that of openInputFile().
  llvm::Expected<std::shared_ptr<llvm::MemoryBuffer>>
  getBytes(llvm::StringRef path);

  /// The parameters in a model or weights file; its extension tells the format.
  llvm::Expected<std::shared_ptr<ParameterSource>>
  getParameters(llvm::StringRef path);

  /// The same; null if the path is empty or they cannot be read, which whoever
  /// needs them reports.
  std::shared_ptr<ParameterSource> findParameters(llvm::StringRef path);

  /// importONNX() of tern/Import/ONNX/Import.h.
  mlir::OwningOpRef<mlir::ModuleOp> importONNX(llvm::StringRef path,
                                               mlir::MLIRContext &context,
                                               const ImportOptions &options);

  /// The files that a model or weights file consists of: itself and what it
  /// refers to. Errors are left to whoever reads it.
  std::vector<std::string> list(llvm::StringRef path);

private:
  llvm::Expected<ONNXFile> getONNX(llvm::StringRef path);

  struct File {
    std::shared_ptr<llvm::MemoryBuffer> bytes;
    /// Of a model.
    ONNXFile onnx;
    std::shared_ptr<ParameterSource> parameters;
  };
  llvm::StringMap<File> files;
};

} // namespace tern

#endif // TERN_DRIVER_MODELFILES_H
