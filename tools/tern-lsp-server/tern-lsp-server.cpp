//===- tern-lsp-server.cpp - MLIR text in editors -------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The language server of MLIR (diagnostics, definitions, completion, hover)
// for everything that tern-opt reads.
//
//===----------------------------------------------------------------------===//

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"
#include "tern/InitAll.h"
#include "llvm/Support/LogicalResult.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  tern::registerAllDialects(registry);
  return failed(mlir::MlirLspServerMain(argc, argv, registry));
}
