//===- ElfCheck.h - Look at a library before it is loaded ------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_ELFCHECK_H
#define TERN_RUNTIME_ELFCHECK_H

#include "tern/runtime/DType.h"

namespace tern::runtime {

/// Whether a file, which is in memory as a whole, is one that dlopen can load:
/// a shared library for this machine that is not truncated, with `symbol`, such
/// as an artifact's "tern_model", in its code. The dynamic
/// loader trusts what it loads and crashes on less. `name` is for messages. A
/// file that passes is no less code: it runs when it is loaded, and if it is
/// damaged in other ways the process may crash.
///
/// Messages begin with the file: "cannot load 'm.so': ...".
[[nodiscard]] MaybeError checkSharedLibrary(const char *data, uint64_t size,
                                            const std::string &name,
                                            const std::string &symbol);

} // namespace tern::runtime

#endif // TERN_RUNTIME_ELFCHECK_H
