//===- tern-translate.cpp - Translates between file formats ---------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/Diagnostics.h"
#include "mlir/InitAllTranslations.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "mlir/Tools/mlir-translate/Translation.h"
#include "tern/Import/ONNX/Import.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
namespace cl = llvm::cl;

static cl::OptionCategory category("ONNX import");
static cl::list<std::string>
    dims("dim", cl::desc("Fix a symbolic dimension of the model's inputs"),
         cl::value_desc("name=extent"), cl::cat(category));
static cl::list<std::string> constantInputs(
    "constant-input",
    cl::desc("Bind an input to the tensor in a .npy or .pb file"),
    cl::value_desc("name=@file"), cl::cat(category));
static cl::opt<bool> listOps("list-ops",
                             cl::desc("List the operators that are imported"),
                             cl::cat(category));

/// The importer's options from the command line; prints what is wrong.
static FailureOr<tern::ImportOptions> getImportOptions() {
  tern::ImportOptions options;
  for (StringRef dim : dims) {
    auto [name, value] = dim.rsplit('=');
    int64_t extent;
    if (name.empty() || value.getAsInteger(10, extent)) {
      llvm::errs() << "error: --dim=" << dim
                   << ": expected name=extent, such as batch=8\n";
      return failure();
    }
    options.dims[name] = extent;
  }
  for (StringRef input : constantInputs) {
    auto [name, file] = input.split('=');
    if (name.empty() || !file.consume_front("@") || file.empty()) {
      llvm::errs() << "error: --constant-input=" << input
                   << ": expected name=@file, such as axes=@axes.npy\n";
      return failure();
    }
    options.constantInputs[name] = file.str();
  }
  return options;
}

static OwningOpRef<Operation *> importONNX(llvm::SourceMgr &sourceMgr,
                                           MLIRContext *context) {
  // The messages name the file and the node themselves, and an ONNX model has
  // no line to show.
  ScopedDiagnosticHandler handler(context, [](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
      return failure();
    llvm::errs() << "error: " << diagnostic << '\n';
    return success();
  });
  FailureOr<tern::ImportOptions> options = getImportOptions();
  if (failed(options))
    return nullptr;
  StringRef path = sourceMgr.getMemoryBuffer(sourceMgr.getMainFileID())
                       ->getBufferIdentifier();
  if (path == "<stdin>" || path == "-") {
    llvm::errs() << "error: --import-onnx reads a file, not standard input\n";
    return nullptr;
  }
  ModuleOp module = tern::importONNX(path, *context, *options).release();
  return module ? module.getOperation() : nullptr;
}

int main(int argc, char **argv) {
  registerAllTranslations();
  TranslateToMLIRRegistration onnx(
      "import-onnx", "read an ONNX model as graph-level MLIR",
      TranslateRawSourceMgrToMLIRFunction(importONNX),
      tern::registerONNXImportDialects);
  // Not an option of a translation: answered before there is an input file.
  for (int i = 1; i < argc; ++i) {
    StringRef argument = argv[i];
    if (argument == "--list-ops" || argument == "-list-ops") {
      tern::printONNXOps(llvm::outs());
      return 0;
    }
  }
  return failed(mlirTranslateMain(argc, argv, "Tern translation driver\n"));
}
