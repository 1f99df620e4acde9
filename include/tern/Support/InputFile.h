//===- InputFile.h - Open input files by name -------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_SUPPORT_INPUTFILE_H
#define TERN_SUPPORT_INPUTFILE_H

#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>

namespace tern {

/// Opens a regular file, mapped if it is large. Never waits: pipes, devices and
/// folders are errors, since a file that names another may name one of those.
/// With `orPipe` a pipe is read to its end, for what a user names where a shell
/// may give `<(command)`.
///
/// The error says why and not what: "it is not a regular file".
llvm::Expected<std::unique_ptr<llvm::MemoryBuffer>>
openInputFile(llvm::StringRef path, bool orPipe = false);

/// Ends this process with a line of error, and without its temporary files,
/// when someone cuts a file that it has mapped. For programs: it handles
/// SIGBUS. Call it after llvm::InitLLVM.
void exitOnCutFiles();

} // namespace tern

#endif // TERN_SUPPORT_INPUTFILE_H
