//===- CApi.h - What the C functions share ---------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_CAPI_H
#define TERN_RUNTIME_CAPI_H

#include "Call.h"

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

/// Makes what a C handle points to of `source`, which is a path or an artifact:
/// `begin(T &)` opens or links it.
template <typename T, typename Source, typename Begin>
TernStatus create(const Source *source, const TernProgramOptions *given,
                  T **result, const Begin &begin) noexcept {
  return guard([&]() -> MaybeFailure {
    if (!source || !result)
      return nullArgument();
    *result = nullptr;
    TernProgramOptions options;
    if (MaybeFailure failure = readOptions(given, options))
      return failure;
    auto made = std::make_unique<T>();
    if (MaybeFailure failure = begin(*made))
      return failure;
    if (MaybeFailure failure = made->finishLoading(options))
      return failure;
    *result = made.release();
    return std::nullopt;
  });
}

MaybeFailure describe(const std::vector<TensorSpec> &specs, size_t index,
                      TernTensorInfo *info);

/// Copies all outputs' extents into the caller's array.
MaybeFailure copyExtents(const std::vector<int64_t> &from, int64_t *extents,
                         size_t count);

} // namespace tern::runtime

#endif // TERN_RUNTIME_CAPI_H
