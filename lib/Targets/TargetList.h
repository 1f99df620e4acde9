//===- TargetList.h - The targets in the tree -------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TARGETS_TARGETLIST_H
#define TERN_LIB_TARGETS_TARGETLIST_H

#include "tern/Targets/NamedTarget.h"

namespace tern {

/// Each is defined in its own folder; lib/Targets/CMakeLists.txt lists them.
#define TERN_TARGET(NAME) NamedTarget get##NAME##Target();
#include "tern/Config/Targets.def"

} // namespace tern

#endif // TERN_LIB_TARGETS_TARGETLIST_H
