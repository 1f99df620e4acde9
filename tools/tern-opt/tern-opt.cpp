//===- tern-opt.cpp - Runs passes on MLIR text ----------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "tern/InitAll.h"
#include "tern/Support/OutOfMemory.h"
#include "tern/Support/OutputGuard.h"
#include "tern/Support/PluginLoader.h"
#include "llvm/Support/raw_ostream.h"

int main(int argc, char **argv) {
  tern::exitWhenOutOfMemory();
  if (llvm::Error error = tern::checkCommandLineOutputs(argc, argv)) {
    llvm::errs() << "error: " << llvm::toString(std::move(error)) << "\n";
    return 1;
  }
  mlir::DialectRegistry registry;
  tern::registerAllDialects(registry);
  tern::registerAllPasses();

  std::string help =
      mlir::registerCLIOptions("Tern optimizer driver\n", registry);
  tern::makePluginOptionsStrict(registry);
  auto [input, output] = mlir::parseCLIOptions(argc, argv, help);
  return mlir::asMainReturnCode(
      mlir::MlirOptMain(argc, argv, input, output, registry));
}
