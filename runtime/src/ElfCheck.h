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

/// Whether dlopen can load a file, which is in memory as a whole: the dynamic
/// loader trusts what it loads, and crashes or aborts on a file that is
/// truncated or damaged. Checks that the file is a shared library for this
/// machine, that its segments lie in the file and do not share pages, and that
/// every table which the loader follows (strings, symbols, hashes, versions,
/// relocations, initializers) lies in them. `name` is for messages. A file that
/// passes is no less code: it runs when it is loaded.
///
/// Messages begin with the file: "cannot load 'm.so': ...".
[[nodiscard]] MaybeError checkSharedLibrary(const char *data, uint64_t size,
                                            const std::string &name);

} // namespace tern::runtime

#endif // TERN_RUNTIME_ELFCHECK_H
