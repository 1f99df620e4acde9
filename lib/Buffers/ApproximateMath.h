//===- ApproximateMath.h - exp, log, tanh, erf as polynomials ---*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_BUFFERS_APPROXIMATEMATH_H
#define TERN_LIB_BUFFERS_APPROXIMATEMATH_H

#include "llvm/ADT/StringRef.h"

namespace tern {

/// Whether `--tern-approximate-math` gives operations of this name a
/// polynomial, on f32 and for targets that fuse multiplication and addition.
bool isApproximatedMath(llvm::StringRef operationName);

} // namespace tern

#endif // TERN_LIB_BUFFERS_APPROXIMATEMATH_H
