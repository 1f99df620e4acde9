//===- Options.h - Options of tern-run --------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_OPTIONS_H
#define TERN_RUNTIME_OPTIONS_H

#include "CommandLine.h"
#include "tern/runtime/DType.h"

namespace tern::runtime {

struct Options : CommonOptions {
  std::vector<std::string> inputs, outputs, expects, labels, scalars;
  std::string function, onnxTestData, profile;
  std::optional<double> rtol, atol, benchmark;
  int64_t batch = 0;
};

/// Fills `options`. A value is the exit code of a run that ends here: after
/// --help or --version, or an error that was printed.
std::optional<int> parseCommandLine(int argc, char **argv, bool isLinked,
                                    bool readsOnnx, Options &options);

} // namespace tern::runtime

#endif // TERN_RUNTIME_OPTIONS_H
