//===- Link.h - Shared libraries and executables ----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_DRIVER_LINK_H
#define TERN_LIB_DRIVER_LINK_H

#include "tern/Support/TemporaryFolder.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace tern {

/// Links `inputs` with the system's C compiler as a driver. A shared library
/// may need nothing but libc and libm. Only absolute folders of PATH and its
/// like count, for the compiler as for what it runs: nothing is taken from the
/// current folder. Relocations are read-only once they are done, and none is in
/// code. Temporary files go to `folder`.
llvm::Error linkProduct(llvm::ArrayRef<std::string> inputs,
                        llvm::StringRef output, bool isLibrary,
                        llvm::StringRef triple, const TemporaryFolder &folder,
                        bool verbose);

} // namespace tern

#endif // TERN_LIB_DRIVER_LINK_H
