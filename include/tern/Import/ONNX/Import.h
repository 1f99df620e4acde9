//===- Import.h - ONNX models to MLIR ---------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_IMPORT_ONNX_IMPORT_H
#define TERN_IMPORT_ONNX_IMPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <memory>
#include <string>

namespace llvm {
class raw_ostream;
} // namespace llvm

namespace llvm {
class MemoryBuffer;
} // namespace llvm

namespace tern {
class ParameterSource;
namespace onnx_import {
class ModelFile;
} // namespace onnx_import

/// An ONNX model whose file is open. Its graph is parsed, the data of big
/// initializers are mapped.
using ONNXFile = std::shared_ptr<onnx_import::ModelFile>;

/// Opens the ONNX model at `path`; `bytes` are what is in the file, if somebody
/// has opened it already. Errors name the file.
llvm::Expected<ONNXFile>
openONNX(llvm::StringRef path, std::shared_ptr<llvm::MemoryBuffer> bytes = {});

struct ImportOptions {
  /// Extents for symbolic dimensions, by the symbol's name. A dimension that
  /// the model leaves nameless is called `<input>.<axis>`.
  llvm::StringMap<int64_t> dims;
  /// Inputs bound to the tensor in a file (.npy, or .pb for an ONNX
  /// TensorProto), by the input's name. They become constants of the IR, so
  /// this is for operands that fix shapes and axes: at most 64 KiB each.
  llvm::StringMap<std::string> constantInputs;
  /// Whether the scalar initializer of this name is wanted as a parameter.
  /// Null: only those are that the graph uses as one, as the slope of a PRelu;
  /// others are constants of the IR.
  std::function<bool(llvm::StringRef)> isParameter;
  /// Whether the model is to be trained: then what an exporter removed that
  /// training needs is a warning.
  bool isForTraining = false;
};

/// Returns the graph of an ONNX model as a module: function @main on tensors,
/// in the dialects func, linalg, tensor, arith and math. `file` is what
/// openONNX() made of `path`. What is wrong with the model goes to the
/// context's diagnostic engine, one error each, all unsupported nodes at once;
/// then the result is null.
mlir::OwningOpRef<mlir::ModuleOp> importONNX(llvm::StringRef path,
                                             llvm::Expected<ONNXFile> file,
                                             mlir::MLIRContext &context,
                                             const ImportOptions &options = {});

/// The same of the model at `path`, which it opens.
mlir::OwningOpRef<mlir::ModuleOp> importONNX(llvm::StringRef path,
                                             mlir::MLIRContext &context,
                                             const ImportOptions &options = {});

/// The initializers (and big constants) of an ONNX model.
std::unique_ptr<ParameterSource> getONNXParameters(ONNXFile file);

/// Adds the dialects that imported modules consist of.
void registerONNXImportDialects(mlir::DialectRegistry &registry);

/// Prints the op table, one `domain<TAB>operator<TAB>first opset` a line.
void printONNXOps(llvm::raw_ostream &os);

} // namespace tern

#endif // TERN_IMPORT_ONNX_IMPORT_H
