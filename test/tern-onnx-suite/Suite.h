//===- Suite.h - Runs ONNX's backend tests --------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A backend test is a folder with model.onnx and test_data_set_*. Each is
// imported, compiled by the pipelines that ternc runs, loaded into this process
// and compared with what the data say.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TEST_ONNXSUITE_SUITE_H
#define TERN_TEST_ONNXSUITE_SUITE_H

#include "Compare.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace tern::suite {

/// How a test's model is changed before it is compiled.
enum class Variant {
  /// Not at all.
  Static,
  /// The first extent of the first input becomes a symbol, and so do equal ones
  /// in front of other inputs of its rank: a dynamic batch.
  Batch,
  /// Extents of the inputs become symbols, equal ones the same; 1 stays.
  Dynamic,
  /// Inputs but the first become initializers, with the data's values.
  Parameters,
};

/// A model as it is compiled.
struct PreparedModel {
  std::string path;
  /// The inputs in the model's order; "" for those that are no longer inputs.
  std::vector<std::string> inputs;
  std::vector<std::string> outputs;
  /// Inputs that fix ranks, shapes or axes, bound to their data.
  llvm::StringMap<std::string> constantInputs;
};

/// Applies the variant to `folder`/model.onnx; writes to `scratch` if need be.
llvm::Expected<PreparedModel>
prepareModel(llvm::StringRef folder, Variant variant, llvm::StringRef scratch);

/// Compiles the model and runs all of the folder's data sets; floats may
/// differ by `tolerance`. `isMutant`: there may be no data, or no results to
/// compare with, and more than one error message is a failure of its own.
llvm::Error runModel(llvm::StringRef folder, const PreparedModel &model,
                     llvm::StringRef scratch, unsigned optLevel,
                     const tern::runtime::Tolerance &tolerance, bool isMutant);

/// Operators that the model in `folder` consists of, each once.
std::vector<std::string> getOperators(llvm::StringRef folder);

} // namespace tern::suite

#endif // TERN_TEST_ONNXSUITE_SUITE_H
