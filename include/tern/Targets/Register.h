//===- Register.h - Registration of the targets in the tree -----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TARGETS_REGISTER_H
#define TERN_TARGETS_REGISTER_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace tern {

/// Gives the tern dialect TargetDialectInterface, and its targets what lowers
/// to them.
void registerTargets(mlir::DialectRegistry &registry);

} // namespace tern

#endif // TERN_TARGETS_REGISTER_H
