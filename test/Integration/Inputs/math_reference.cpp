//===- math_reference.cpp - Errors of functions on f32 against libm -------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A library that test/python/math_functions.py loads. The reference is the
// function in f64, whose own error is below 2^-28 of a unit of f32.
//
//===----------------------------------------------------------------------===//

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace {
double rsqrt(double x) { return 1 / std::sqrt(x); }

double fromBits(uint64_t bits) {
  double result;
  std::memcpy(&result, &bits, sizeof(result));
  return result;
}
uint64_t toBits(double x) {
  uint64_t result;
  std::memcpy(&result, &x, sizeof(result));
  return result;
}

/// How many units `got` is off, where both are positive numbers: a unit is the
/// distance of neighbours in f32. Infinity is what comes after the largest
/// number, and as far from it.
double getError(double got, double right) {
  double size = std::min(right, 0x1p128), most = 0x1.fffffep127;
  int64_t exponent = int64_t(toBits(std::min(size, most)) >> 52) - 1023;
  exponent = std::max<int64_t>(exponent - 23, -149);
  double units = fromBits(uint64_t(1023 - exponent) << 52);
  return std::fabs(std::min(got, 0x1p128) - size) * units;
}

/// The same where one may be NaN, infinite, zero or negative.
double getAnyError(float got, double right) {
  if (std::isnan(right) || std::isnan(got))
    return std::isnan(right) == std::isnan(got) ? 0 : INFINITY;
  if (std::signbit(got) != std::signbit(right))
    return INFINITY;
  if (std::isinf(right) || right == 0)
    return got == float(right) ? 0 : INFINITY;
  return getError(std::fabs(double(got)), std::fabs(right));
}

/// Blocks, so that a compiler that has vectors of a function uses them.
template <typename Function>
void measure(Function function, const float *got, long count, double *worst,
             long *where) {
  constexpr long block = 1024;
  double right[block], errors[block];
  for (long start = 0; start < count; start += block) {
    long size = std::min(block, count - start);
#pragma omp simd
    for (long i = 0; i < size; ++i)
      right[i] = function(start + i);
    double most = 0;
#pragma omp simd reduction(max : most)
    for (long i = 0; i < size; ++i) {
      // Not true of NaN, zeros and other signs.
      bool isPlain = right[i] * got[start + i] > 0;
      double error =
          getError(std::fabs(double(got[start + i])), std::fabs(right[i]));
      errors[i] = isPlain ? error : -1;
      most = std::max(most, errors[i]);
    }
    for (long i = 0; i < size; ++i) {
      double error = errors[i];
      if (error < 0)
        error = getAnyError(got[start + i], right[i]);
      if (error > *worst) {
        *worst = error;
        *where = start + i;
      }
    }
  }
}
} // namespace

/// Raises *worst to the largest error and sets *where to its place. False, if
/// there is no such function.
extern "C" bool measureUnary(const char *name, const float *x, const float *got,
                             long count, double *worst, long *where) {
#define TERN_FUNCTION(NAME, CALL)                                              \
  if (std::strcmp(name, #NAME) == 0) {                                         \
    measure([=](long i) { return CALL(double(x[i])); }, got, count, worst,     \
            where);                                                            \
    return true;                                                               \
  }
  TERN_FUNCTION(exp, std::exp)
  TERN_FUNCTION(exp2, std::exp2)
  TERN_FUNCTION(expm1, std::expm1)
  TERN_FUNCTION(log, std::log)
  TERN_FUNCTION(log2, std::log2)
  TERN_FUNCTION(log10, std::log10)
  TERN_FUNCTION(log1p, std::log1p)
  TERN_FUNCTION(sin, std::sin)
  TERN_FUNCTION(cos, std::cos)
  TERN_FUNCTION(tan, std::tan)
  TERN_FUNCTION(tanh, std::tanh)
  TERN_FUNCTION(erf, std::erf)
  TERN_FUNCTION(rsqrt, rsqrt)
  TERN_FUNCTION(sqrt, std::sqrt)
#undef TERN_FUNCTION
  return false;
}

extern "C" void measurePower(const float *x, const float *y, const float *got,
                             long count, double *worst, long *where) {
  measure([=](long i) { return std::pow(double(x[i]), double(y[i])); }, got,
          count, worst, where);
}
