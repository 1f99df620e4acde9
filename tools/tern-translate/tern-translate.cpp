//===- tern-translate.cpp - Translates between file formats ---------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/AsmState.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/InitAllTranslations.h"
#include "mlir/Tools/mlir-translate/MlirTranslateMain.h"
#include "tern/Driver/ModelFiles.h"
#include "tern/Import/ONNX/Import.h"
#include "tern/Support/OutOfMemory.h"
#include "tern/Support/OutputGuard.h"
#include "tern/runtime/Text.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
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
[[maybe_unused]] static cl::opt<bool>
    listOps("list-ops", cl::desc("List the operators that are imported"),
            cl::cat(category));

static void printError(const Twine &text) {
  llvm::errs() << "error: " << tern::runtime::messageLine(text.str()) << '\n';
}

/// The importer's options from the command line; prints what is wrong.
static FailureOr<tern::ImportOptions> getImportOptions() {
  tern::ImportOptions options;
  for (StringRef dim : dims) {
    auto [name, value] = dim.rsplit('=');
    int64_t extent;
    if (name.empty() || value.getAsInteger(10, extent)) {
      printError("--dim=" + dim + ": expected name=extent, such as batch=8");
      return failure();
    }
    options.dims[name] = extent;
  }
  for (StringRef input : constantInputs) {
    auto [name, file] = input.split('=');
    if (name.empty() || !file.consume_front("@") || file.empty()) {
      printError("--constant-input=" + input +
                 ": expected name=@file, such as axes=@axes.npy");
      return failure();
    }
    options.constantInputs[name] = file.str();
  }
  return options;
}

/// Writes the whole text or reports why not: a regular file is replaced at
/// once, when its contents are complete.
static LogicalResult writeFile(StringRef path, StringRef text) {
  llvm::sys::fs::file_status status;
  bool isDevice = !llvm::sys::fs::status(path, status) &&
                  !llvm::sys::fs::is_regular_file(status);
  llvm::Error error = [&]() -> llvm::Error {
    if (!isDevice && path != "-")
      return llvm::writeToOutput(path, [&](raw_ostream &os) {
        os << text;
        return llvm::Error::success();
      });
    std::error_code code;
    llvm::raw_fd_ostream os(path, code);
    if (!code) {
      os << text;
      os.flush();
      code = os.error();
      os.clear_error();
    }
    return llvm::errorCodeToError(code);
  }();
  if (!error)
    return success();
  printError("cannot write '" + path +
             "': " + llvm::toString(std::move(error)));
  return failure();
}

/// The importer needs the model's path, and its messages name file and node
/// themselves: both unlike other translations.
static LogicalResult importMain(int argc, char **argv) {
  cl::opt<bool> importFlag("import-onnx",
                           cl::desc("Read an ONNX model as graph-level MLIR"),
                           cl::cat(category));
  cl::opt<std::string> input(cl::Positional, cl::desc("<model.onnx>"),
                             cl::Required, cl::cat(category));
  cl::opt<std::string> output("o", cl::desc("Output file"),
                              cl::value_desc("file"), cl::init("-"),
                              cl::cat(category));
  registerAsmPrinterCLOptions();
  registerMLIRContextCLOptions();
  cl::ParseCommandLineOptions(argc, argv, "Tern ONNX importer\n");

  FailureOr<tern::ImportOptions> options = getImportOptions();
  if (failed(options))
    return failure();
  MLIRContext context(MLIRContext::Threading::DISABLED);
  ScopedDiagnosticHandler handler(&context, [](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
      return failure();
    printError(diagnostic.str());
    return success();
  });
  tern::ModelFiles files;
  OwningOpRef<ModuleOp> module = files.importONNX(input, context, *options);
  if (!module)
    return failure();
  tern::OutputGuard guard;
  for (const std::string &file : files.list(input))
    guard.addInput(file, "the model's file");
  for (const auto &entry : options->constantInputs)
    guard.addInput(entry.second, "--constant-input");
  if (llvm::Error error = guard.checkNotInput(output, "the output")) {
    printError(llvm::toString(std::move(error)));
    return failure();
  }
  std::string text;
  llvm::raw_string_ostream os(text);
  module->print(os);
  os << '\n';
  return writeFile(output, text);
}

static bool hasFlag(int argc, char **argv, StringRef name) {
  return llvm::any_of(llvm::ArrayRef(argv + 1, argc - 1), [&](StringRef arg) {
    return arg.consume_front("-") && (arg.consume_front("-"), arg == name);
  });
}

int main(int argc, char **argv) {
  llvm::InitLLVM initLLVM(argc, argv);
  tern::exitWhenOutOfMemory();
  if (llvm::Error error = tern::checkCommandLineOutputs(argc, argv)) {
    printError(llvm::toString(std::move(error)));
    return 1;
  }
  if (hasFlag(argc, argv, "list-ops")) {
    tern::printONNXOps(llvm::outs());
    return 0;
  }
  if (hasFlag(argc, argv, "import-onnx"))
    return failed(importMain(argc, argv));
  registerAllTranslations();
  return failed(mlirTranslateMain(
      argc, argv, "Tern translation driver (see also --import-onnx --help)\n"));
}
