//===- Report.h - --info and --benchmark of tern-run ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_REPORT_H
#define TERN_RUNTIME_REPORT_H

#include "Options.h"
#include "Session.h"

namespace tern::runtime {

/// Prints what the model is, as text or JSON. `problem` says why it cannot be
/// run here; the session then has its signature only.
void printInfo(const Session &session, const Options &options,
               const MaybeError &problem);

/// Fills inputs that `taken` lacks with numbers that are the same every time;
/// symbolic extents are as in the inputs given, else `batch` in front and 1
/// elsewhere.
[[nodiscard]] MaybeError makeUpInputs(const Session &session, int64_t batch,
                                      std::vector<HostTensor> &inputs,
                                      const std::vector<bool> &taken);

/// Runs for a number of seconds and prints a table of times.
[[nodiscard]] MaybeError runBenchmark(Session &session, double seconds,
                                      const std::vector<HostTensor> &inputs);

} // namespace tern::runtime

#endif // TERN_RUNTIME_REPORT_H
