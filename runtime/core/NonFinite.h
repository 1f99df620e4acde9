//===- NonFinite.h - Find NaNs and infinities ------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_NONFINITE_H
#define TERN_RUNTIME_NONFINITE_H

#include "tern/runtime/DType.h"

namespace tern::runtime {

/// The index of the first NaN or infinity; always nothing for integers. `data`
/// is aligned for the dtype.
std::optional<int64_t> findNonFinite(DType dtype, const void *data,
                                     int64_t count);

/// The same of NaNs only: infinities may be meant, as in a mask.
std::optional<int64_t> findNaN(DType dtype, const void *data, int64_t count);

} // namespace tern::runtime

#endif // TERN_RUNTIME_NONFINITE_H
