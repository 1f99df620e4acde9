//===- Compare.cpp - Compare outputs with what was expected -----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

using namespace tern::runtime;

static std::string number(long double value) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.6Lg", value);
  return text;
}

double tern::runtime::getNetworkTolerance(DType dtype) {
  switch (dtype) {
  case DType::F64:
    return 1e-9;
  case DType::F32:
    return 1e-4;
  case DType::F16:
    return 1e-2;
  case DType::BF16:
    return 5e-2;
  default:
    return isFloat(dtype) ? 0.25 : 0;
  }
}

MaybeError tern::runtime::compareTensors(const HostTensor &got,
                                         const HostTensor &expected,
                                         const Tolerance &tolerance,
                                         Agreement *agreement) {
  if (got.dtype != expected.dtype || got.shape != expected.shape)
    return "has type " + typeString(got.dtype, got.shape) + ", expected " +
           typeString(expected.dtype, expected.shape);
  bool inexact = isFloat(got.dtype);
  long double rtol = inexact ? tolerance.rtol : 0;
  long double atol = inexact ? tolerance.atol : tolerance.integerAtol;
  int64_t bad = 0, first = 0, count = got.numElements();
  if (inexact && tolerance.ofLargest > 0) {
    long double bound = 0;
    for (int64_t i = 0; i < count; ++i)
      if (long double value = std::fabs(expected.at(i)); std::isfinite(value))
        bound = std::max(bound, value);
    atol += tolerance.ofLargest * bound;
  }
  long double largest = 0, largestGood = 0;
  for (int64_t i = 0; i < count; ++i) {
    long double a = got.at(i), b = expected.at(i);
    if (a == b || (std::isnan(a) && std::isnan(b)))
      continue;
    long double error = std::fabs(a - b);
    // Neither a NaN nor an infinity is near anything.
    if (std::isfinite(error)) {
      largestGood = std::max(largestGood, error);
      if (error <= atol + rtol * std::fabs(b))
        continue;
    }
    if (bad++ == 0)
      first = i;
    if (std::isnan(error))
      error = INFINITY;
    largest = std::max(largest, error);
  }
  if (agreement)
    *agreement = {count, static_cast<double>(largestGood),
                  static_cast<double>(atol)};
  if (bad == 0)
    return std::nullopt;
  return std::to_string(bad) + " of " + std::to_string(count) +
         " elements differ (rtol " + number(rtol) + ", atol " + number(atol) +
         "): largest error " + number(largest) + "; first at " +
         formatIndex(got.shape, first) + ": got " + got.formatAt(first) +
         ", expected " + expected.formatAt(first);
}

std::optional<TopAgreement>
tern::runtime::compareTop(const HostTensor &got, const HostTensor &expected,
                          double margin) {
  if (got.shape != expected.shape || got.shape.empty() ||
      got.shape.back() < 2 || got.dtype == DType::Bool)
    return std::nullopt;
  int64_t classes = got.shape.back();
  TopAgreement agreement;
  agreement.rows = got.numElements() / classes;
  auto findTop = [&](const HostTensor &scores, int64_t row) {
    int64_t best = row;
    for (int64_t i = row; i < row + classes; ++i)
      if (scores.at(i) > scores.at(best) || std::isnan(scores.at(best)))
        best = i;
    return best;
  };
  for (int64_t row = 0; row < agreement.rows; ++row) {
    int64_t a = findTop(got, row * classes),
            b = findTop(expected, row * classes);
    if (a == b)
      ++agreement.equal;
    else if (expected.at(b) - expected.at(a) <= margin)
      ++agreement.ties;
  }
  return agreement;
}

MaybeError tern::runtime::countCorrect(const HostTensor &scores,
                                       const HostTensor &labels,
                                       int64_t &correct, int64_t &total) {
  if (isFloat(labels.dtype) || labels.dtype == DType::Bool)
    return std::string("labels must be integers, not ") +
           dtypeName(labels.dtype);
  if (scores.shape.empty() || scores.shape.back() == 0)
    return "an output of type " + typeString(scores.dtype, scores.shape) +
           " has no classes";
  int64_t classes = scores.shape.back();
  total = scores.numElements() / classes;
  correct = 0;
  if (labels.numElements() != total)
    return std::to_string(labels.numElements()) + " labels for " +
           std::to_string(total) + " predictions";
  for (int64_t row = 0; row < total; ++row) {
    long double label = labels.at(row);
    if (label < 0 || label >= static_cast<long double>(classes))
      return "label " + labels.formatAt(row) + " at index " +
             std::to_string(row) + " is out of range for " +
             std::to_string(classes) + " classes";
    int64_t best = 0;
    bool isNumber = true;
    for (int64_t i = 0; i < classes; ++i) {
      long double value = scores.at(row * classes + i);
      isNumber &= !std::isnan(value);
      if (value > scores.at(row * classes + best))
        best = i;
    }
    correct += isNumber && static_cast<long double>(best) == label;
  }
  return std::nullopt;
}
