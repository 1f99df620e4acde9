//===- CApi.h - Status and exceptions of C functions ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_CAPI_H
#define TERN_RUNTIME_CAPI_H

#include "Program.h"

#include <memory>
#include <new>

namespace tern::runtime {

/// Sets tern_last_error(), to one line, and returns the code.
TernStatus fail(TernStatus code, std::string_view message) noexcept;

/// Runs a function that returns a MaybeFailure and turns whatever goes wrong
/// into a status.
template <typename Function>
TernStatus guard(const Function &function) noexcept {
  try {
    MaybeFailure failure = function();
    return failure ? fail(failure->code, failure->message) : TERN_OK;
  } catch (const std::bad_alloc &) {
    return fail(TERN_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception &e) {
    return fail(TERN_INTERNAL_ERROR, e.what());
  } catch (...) {
    return fail(TERN_INTERNAL_ERROR, "unknown exception");
  }
}

inline MaybeFailure nullArgument() {
  return invalid("an argument is a null pointer");
}

/// Makes a program of an artifact: the one at `path` or, if that is null, the
/// one that is linked in. `trains`: whether it is to be a training artifact.
TernStatus create(const char *path, const TernArtifact *linked,
                  const TernProgramOptions *given, bool trains,
                  TernProgram **result) noexcept;

/// Runs a function with the program locked.
template <typename Function>
TernStatus locked(TernProgram *program, const Function &function) noexcept {
  return guard([&]() -> MaybeFailure {
    if (!program)
      return nullArgument();
    std::lock_guard<ForkSafeMutex> lock(program->mutex);
    return function();
  });
}

/// What the C functions say of one function of a program, which is null if
/// there is none.
const FunctionSpec *findSpec(const TernProgram *program, const char *function);
TernStatus describe(const FunctionSpec *spec,
                    std::vector<TensorSpec> FunctionSpec::*list, size_t index,
                    TernTensorInfo *info) noexcept;
const char *dimName(const FunctionSpec *spec, size_t index);
TernStatus arenaSize(const TernProgram *program, const char *function,
                     const int64_t *dims, size_t numDims,
                     int64_t *bytes) noexcept;
TernStatus outputShapes(TernProgram *program, const char *function,
                        const DLTensor *const *inputs, size_t numInputs,
                        int64_t *extents, size_t numExtents) noexcept;
TernStatus invoke(TernProgram *program, const char *function,
                  const DLTensor *const *inputs, size_t numInputs,
                  const DLTensor *const *outputs, size_t numOutputs) noexcept;

} // namespace tern::runtime

#endif // TERN_RUNTIME_CAPI_H
