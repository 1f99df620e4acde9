//===- onnx-import.cpp - libFuzzer harness of the ONNX importer -----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Imports arbitrary bytes. What is accepted must verify, and what is refused
// must come with a message.
//
//===----------------------------------------------------------------------===//

#include "FuzzContext.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "tern/Import/ONNX/Import.h"
#include "tern/Support/ParameterSource.h"
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int file = memfd_create("model", 0);
  if (file < 0 || write(file, data, size) != static_cast<ssize_t>(size))
    abort();
  std::string path = "/proc/self/fd/" + std::to_string(file);

  mlir::MLIRContext &context = getContext(/*lifetime=*/1000);
  unsigned numErrors = 0;
  mlir::ScopedDiagnosticHandler handler(
      &context, [&](mlir::Diagnostic &diagnostic) {
        // Another's error is the verifier's, about what we made.
        std::string message = diagnostic.str();
        llvm::StringRef text = message;
        if (!text.starts_with(path + ": ") || text.contains('\n')) {
          llvm::errs() << text << '\n';
          abort();
        }
        ++numErrors;
        return mlir::success();
      });
  mlir::OwningOpRef<mlir::ModuleOp> module = tern::importONNX(path, context);
  if (!module && numErrors == 0)
    abort();

  if (auto model = tern::openONNX(path)) {
    std::unique_ptr<tern::ParameterSource> parameters =
        tern::getONNXParameters(std::move(*model));
    for (const std::string &name : parameters->names()) {
      auto parameter = parameters->lookup(name);
      if (!parameter)
        llvm::consumeError(parameter.takeError());
    }
  } else {
    llvm::consumeError(model.takeError());
  }
  close(file);
  return 0;
}
