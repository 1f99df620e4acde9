//===- SafetensorsParameters.h - Parameters in safetensors ------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_SUPPORT_SAFETENSORSPARAMETERS_H
#define TERN_SUPPORT_SAFETENSORSPARAMETERS_H

#include "tern/Support/ParameterSource.h"

namespace tern {

/// The tensors of the safetensors file at `path`, which stays mapped.
llvm::Expected<std::unique_ptr<ParameterSource>>
openSafetensorsParameters(llvm::StringRef path);

} // namespace tern

#endif // TERN_SUPPORT_SAFETENSORSPARAMETERS_H
