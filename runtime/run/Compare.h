//===- Compare.h - Compare outputs with what was expected -------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_COMPARE_H
#define TERN_RUNTIME_COMPARE_H

#include "HostTensor.h"

namespace tern::runtime {

/// Floats agree if |got - expected| <= atol + rtol * |expected|, equal
/// infinities and NaN with NaN always do. Integers agree if they are equal, or
/// within `integerAtol`.
struct Tolerance {
  double rtol, atol;
  double integerAtol = 0;
};

/// The message names the count, the largest error and the first bad index.
[[nodiscard]] MaybeError compareTensors(const HostTensor &got,
                                        const HostTensor &expected,
                                        const Tolerance &tolerance);

/// How many of the rows (all dimensions but the last) have their largest
/// element at the index that `labels` gives. Labels must be integers in range,
/// one per row. Rows with a NaN count as wrong; of equal elements the first
/// counts.
[[nodiscard]] MaybeError countCorrect(const HostTensor &scores,
                                      const HostTensor &labels,
                                      int64_t &correct, int64_t &total);

} // namespace tern::runtime

#endif // TERN_RUNTIME_COMPARE_H
