//===- Dot.h - Dot products of codes in plain arithmetic --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TARGETS_CPU_DOT_H
#define TERN_TARGETS_CPU_DOT_H

#include "mlir/IR/Builders.h"

namespace tern {

/// SimdDotInterface's buildDot for any processor: in i32, with an accumulator
/// lane for each byte lane.
mlir::Value buildWideDot(mlir::OpBuilder &b, mlir::Location loc,
                         mlir::ValueRange codes, mlir::ValueRange activations,
                         mlir::Value acc);

} // namespace tern

#endif // TERN_TARGETS_CPU_DOT_H
