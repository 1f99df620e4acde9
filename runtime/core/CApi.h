//===- CApi.h - What the C functions share ---------------------*- C++ -*-===//
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

/// Takes options of a caller that may be older than this library; `given` may
/// be null.
MaybeFailure readOptions(const TernProgramOptions *given,
                         TernProgramOptions &options);

/// Makes a program of `source`, which is a path or an artifact:
/// `begin(program)` opens or links it.
template <typename Source, typename Begin>
TernStatus create(const Source *source, const TernProgramOptions *given,
                  TernProgram **result, const Begin &begin) noexcept {
  return guard([&]() -> MaybeFailure {
    if (!source || !result)
      return nullArgument();
    *result = nullptr;
    TernProgramOptions options;
    if (MaybeFailure failure = readOptions(given, options))
      return failure;
    auto made = std::make_unique<TernProgram>();
    if (MaybeFailure failure = begin(*made))
      return failure;
    if (MaybeFailure failure = made->finishLoading(options))
      return failure;
    *result = made.release();
    return std::nullopt;
  });
}

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
