//===- Compare.h - Compare outputs with what was expected -------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_COMPARE_H
#define TERN_RUNTIME_COMPARE_H

#include "../io/HostTensor.h"

namespace tern::runtime {

/// Floats agree if |got - expected| <= atol + rtol * |expected|, equal
/// infinities and NaN with NaN always do. Integers agree if they are equal, or
/// within `integerAtol`.
/// `ofLargest` times the largest finite |expected| of the tensor is added to
/// atol: sums of numbers that cancel each other are off by a part of these.
struct Tolerance {
  double rtol, atol;
  double integerAtol = 0;
  double ofLargest = 0;
};

/// What a network of this type may be off by, as a part of its largest output:
/// for f32 1e-4, some hundred roundings; for types of fewer bits more.
double getNetworkTolerance(DType dtype);

/// What compareTensors() found.
struct Agreement {
  int64_t elements = 0;
  /// Of finite ones.
  double largestError = 0;
  /// What was allowed beside rtol * |expected|.
  double atol = 0;
};

/// The message names the count, the largest error and the first bad index.
[[nodiscard]] MaybeError compareTensors(const HostTensor &got,
                                        const HostTensor &expected,
                                        const Tolerance &tolerance,
                                        Agreement *agreement = nullptr);

/// Of rows (all dimensions but the last) the index of the largest element,
/// the first of equal ones. A tie: the indices differ, but of what is expected
/// the elements there are within `margin` of each other, so that errors of half
/// of it decide.
struct TopAgreement {
  int64_t rows = 0, equal = 0, ties = 0;
};
/// Of tensors of one shape, with at least two classes; else none.
std::optional<TopAgreement>
compareTop(const HostTensor &got, const HostTensor &expected, double margin);

/// How many of the rows (all dimensions but the last) have their largest
/// element at the index that `labels` gives. Labels must be integers in range,
/// one per row. Rows with a NaN count as wrong; of equal elements the first
/// counts.
[[nodiscard]] MaybeError countCorrect(const HostTensor &scores,
                                      const HostTensor &labels,
                                      int64_t &correct, int64_t &total);

} // namespace tern::runtime

#endif // TERN_RUNTIME_COMPARE_H
