//===- pipeline.cpp - libFuzzer harness of all that ternc runs ------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Imports arbitrary bytes as an ONNX model and takes it through every level
// for inference, down to the LLVM dialect. The importer refuses what cannot be
// compiled, or a pass does with a message.
//
//===----------------------------------------------------------------------===//

#include "FuzzContext.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "tern/Driver/Phases.h"
#include "tern/Import/ONNX/Import.h"
#include "tern/InitAll.h"
#include "llvm/Support/raw_ostream.h"
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int file = memfd_create("model", MFD_CLOEXEC);
  if (file < 0 || write(file, data, size) != static_cast<ssize_t>(size))
    abort();
  std::string path = "/proc/self/fd/" + std::to_string(file);

  MLIRContext &context =
      getContext(/*lifetime=*/200, tern::registerAllDialects);
  unsigned numErrors = 0;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    numErrors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
    return success();
  });
  OwningOpRef<ModuleOp> module = tern::importONNX(path, context);
  close(file);
  bool isFine = !!module;
  for (const tern::Phase &phase : tern::getPhases()) {
    if (!isFine)
      break;
    if (!phase.build || phase.isTraining)
      continue;
    PassManager pm(&context);
    phase.build(pm, {});
    isFine = succeeded(pm.run(*module));
  }
  if (!isFine && !numErrors)
    abort();
  return 0;
}
