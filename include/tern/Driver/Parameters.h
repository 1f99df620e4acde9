//===- Parameters.h - Opening files of parameters of any kind ---*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DRIVER_PARAMETERS_H
#define TERN_DRIVER_PARAMETERS_H

#include "tern/Support/ParameterSource.h"

namespace tern {

/// Opens the weights file at `path`; its extension tells the format.
llvm::Expected<std::unique_ptr<ParameterSource>>
openParameters(llvm::StringRef path);

/// The files that a model or weights file consists of: itself and what it
/// refers to. Errors are left to whoever reads it.
std::vector<std::string> listParameterFiles(llvm::StringRef path);

} // namespace tern

#endif // TERN_DRIVER_PARAMETERS_H
