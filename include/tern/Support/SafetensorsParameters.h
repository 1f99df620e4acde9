//===- SafetensorsParameters.h - Safetensors as a source --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_SUPPORT_SAFETENSORSPARAMETERS_H
#define TERN_SUPPORT_SAFETENSORSPARAMETERS_H

#include "tern/Support/ParameterSource.h"
#include "llvm/Support/MemoryBuffer.h"

namespace tern {

/// The tensors of the safetensors file at `path`, which holds `bytes`.
llvm::Expected<std::unique_ptr<ParameterSource>>
readSafetensorsParameters(llvm::StringRef path,
                          std::shared_ptr<llvm::MemoryBuffer> bytes);

} // namespace tern

#endif // TERN_SUPPORT_SAFETENSORSPARAMETERS_H
