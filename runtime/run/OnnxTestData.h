//===- OnnxTestData.h - Run the ONNX project's test data --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_ONNXTESTDATA_H
#define TERN_RUNTIME_ONNXTESTDATA_H

#include "Compare.h"
#include "Session.h"
#include "TernRun.h"

namespace tern::runtime {

/// Runs input_*.pb of every data set in `folder` (test_data_set_*, or the
/// folder itself) and compares with output_*.pb. Prints a line for each; a
/// difference is an error after all have run.
[[nodiscard]] MaybeError runOnnxTestData(Session &session,
                                         const std::string &folder,
                                         const Tolerance &tolerance,
                                         OnnxTensorReader readOnnx);

} // namespace tern::runtime

#endif // TERN_RUNTIME_ONNXTESTDATA_H
