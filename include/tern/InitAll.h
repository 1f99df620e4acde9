//===- InitAll.h - Registration for Tern's tools ----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_INITALL_H
#define TERN_INITALL_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace tern {
/// Adds the tern dialect, every upstream dialect and all their extensions and
/// interface models (bufferization, tiling, translation to LLVM IR).
void registerAllDialects(mlir::DialectRegistry &registry);

/// Registers Tern's passes and pipelines and every upstream pass with the
/// global pass registry.
void registerAllPasses();
} // namespace tern

#endif // TERN_INITALL_H
