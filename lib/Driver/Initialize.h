//===- Initialize.h - Random initial parameters -----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_DRIVER_INITIALIZE_H
#define TERN_LIB_DRIVER_INITIALIZE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace tern {

/// Fills a parameter with values uniform in +-1/sqrt(fanIn) that depend on the
/// seed, the name and the position alone.
void initializeUniform(llvm::MutableArrayRef<float> values,
                       llvm::StringRef name, uint64_t seed, int64_t fanIn);

} // namespace tern

#endif // TERN_LIB_DRIVER_INITIALIZE_H
