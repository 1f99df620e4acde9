//===- mlir-text.cpp - libFuzzer harness of Tern's IR as text -------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Parses and verifies arbitrary text; seeds are modules of several levels. What
// is taken prints, reads back and prints the same; what is refused comes with a
// message. Not bytecode: MLIR's reader trusts it, and so must who reads it.
//
//===----------------------------------------------------------------------===//

#include "FuzzContext.h"
#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "tern/InitAll.h"
#include "llvm/Support/MemoryBufferRef.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>

using namespace mlir;

static std::string print(ModuleOp module) {
  std::string text;
  llvm::raw_string_ostream os(text);
  module->print(os, OpPrintingFlags().enableDebugInfo());
  return text;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string text(reinterpret_cast<const char *>(data), size);
  if (isBytecode(llvm::MemoryBufferRef(text, "text")))
    return 0;
  MLIRContext &context =
      getContext(/*lifetime=*/500, tern::registerAllDialects);
  unsigned numErrors = 0;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    numErrors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
    return success();
  });
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  if (!module) {
    if (!numErrors)
      abort();
    return 0;
  }
  std::string once = print(*module);
  OwningOpRef<ModuleOp> again = parseSourceString<ModuleOp>(once, &context);
  if (!again || print(*again) != once) {
    llvm::errs() << once << "\n";
    abort();
  }
  return 0;
}
