//===- CpuFeatures.h - Check processor features -----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_CPUFEATURES_H
#define TERN_RUNTIME_CPUFEATURES_H

#include "tern/runtime/DType.h"

namespace tern::runtime {

/// Checks features by LLVM's names ("avx2"). The message names every feature
/// that is missing, or that this runtime knows no way to check.
[[nodiscard]] MaybeError
checkCpuFeatures(const std::vector<std::string> &features);

} // namespace tern::runtime

#endif // TERN_RUNTIME_CPUFEATURES_H
