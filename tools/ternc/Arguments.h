//===- Arguments.h - Parse ternc's command line -----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TOOLS_TERNC_ARGUMENTS_H
#define TERN_TOOLS_TERNC_ARGUMENTS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/CommandLine.h"
#include <optional>
#include <string>

namespace tern {

/// Parses by LLVM's parser, which exits after --help and --version. The error,
/// if there is one, says what may have been meant; `isOurs` tells which options
/// are those of the tool, not of LLVM.
std::optional<std::string>
parseArguments(llvm::ArrayRef<const char *> argv, llvm::StringRef overview,
               llvm::function_ref<bool(const llvm::cl::Option &)> isOurs);

} // namespace tern

#endif // TERN_TOOLS_TERNC_ARGUMENTS_H
