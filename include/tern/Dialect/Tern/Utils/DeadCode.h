//===- DeadCode.h - Erasing what nothing uses -------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_UTILS_DEADCODE_H
#define TERN_DIALECT_TERN_UTILS_DEADCODE_H

#include "mlir/IR/Region.h"

namespace tern {

/// Erases operations without side effects whose results nothing uses, in nested
/// regions, too. Upstream's runRegionDCE() keeps what the bodies of dead
/// operations refer to.
void eraseDeadOps(mlir::Region &region);

} // namespace tern

#endif // TERN_DIALECT_TERN_UTILS_DEADCODE_H
