//===- BranchShapes.h - Extents of results of scf.if ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TILED_BRANCHSHAPES_H
#define TERN_TILED_BRANCHSHAPES_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace tern {

/// Gives scf.if upstream's ReifyRankedShapedTypeOpInterface: an extent of a
/// result is that of the destination that both branches write to, or the size
/// that both make theirs with, which must not be computed in a branch.
void registerBranchShapes(mlir::DialectRegistry &registry);

} // namespace tern

#endif // TERN_TILED_BRANCHSHAPES_H
