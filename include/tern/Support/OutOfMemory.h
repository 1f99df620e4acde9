//===- OutOfMemory.h - An error where memory runs out -----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_SUPPORT_OUTOFMEMORY_H
#define TERN_SUPPORT_OUTOFMEMORY_H

namespace tern {

/// Ends this process with a line of error and status 1, and without its
/// temporary files, when memory or another resource runs out: LLVM would abort
/// with a stack trace. For programs. Call it once, after llvm::InitLLVM.
void exitWhenOutOfMemory();

} // namespace tern

#endif // TERN_SUPPORT_OUTOFMEMORY_H
