//===- Options.h - The command line -----------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_OPTIONS_H
#define TERN_RUNTIME_OPTIONS_H

#include "tern/runtime/DType.h"

namespace tern::runtime {

struct Options {
  std::string artifact;
  std::vector<std::string> inputs, outputs, expects, labels;
  std::string onnxTestData, weights, profile;
  /// "", "text" or "json".
  std::string info;
  std::optional<double> rtol, atol, benchmark;
  int64_t batch = 0;
  uint32_t threads = 0;
  bool verbose = false;
};

/// Fills `options`. A value is the exit code of a run that ends here: after
/// --help or --version, or an error that was printed.
std::optional<int> parseCommandLine(int argc, char **argv, bool isLinked,
                                    bool readsOnnx, Options &options);

} // namespace tern::runtime

#endif // TERN_RUNTIME_OPTIONS_H
