//===- MachineInfo.h - Facts about a machine --------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_MACHINEINFO_H
#define TERN_DIALECT_TERN_IR_MACHINEINFO_H

#include "mlir/IR/Types.h"
#include "llvm/ADT/SmallVector.h"
#include <cstdint>
#include <string>

namespace tern {

/// What common passes ask a target. The defaults fit a small CPU.
struct MachineInfo {
  /// LLVM's name of the platform, normalized.
  std::string triple;
  /// LLVM's name of the least processor that runs the code.
  std::string cpu = "generic";
  /// What the code may use beyond it, by LLVM's names and without the plus
  /// sign. The artifact records them, and the runtime refuses to load it
  /// elsewhere.
  llvm::SmallVector<std::string> features;

  /// Bytes of a vector register, and how many of them there are.
  int64_t vectorBytes = 16, vectorRegisters = 16;
  /// Whether there are fused multiply-adds in f32 and f64. Without them each
  /// would be a call.
  bool hasFma = false;

  /// Scalar operations of a tile, about, and of a loop that is worth threads.
  int64_t tileWork = 32768, threadWork = 16384;
  /// A tile of a packed product has this many tokens, which share a pass over
  /// its weights, and as many rows as take about `tileSteps` steps for one of
  /// them, each of `stepPositions` positions of K. No tokens: a product is one
  /// tile, which its kernel divides.
  int64_t tileTokens = 32, tileSteps = 8192, stepPositions = 16;
  /// Columns that are summed side by side: few enough for the first cache,
  /// enough to walk along memory.
  int64_t columnStrip = 512;
};

/// A product of activations [m, k] with a ternary matrix [n, k]. Extents may be
/// dynamic.
struct MatmulShape {
  int64_t m, n, k;
  /// Positions of k with one scale; 0: a scale spans a row.
  int64_t group;
  /// i8 or f32.
  mlir::Type activation;
};

/// How a packed product of i8 activations goes through its weights.
struct PackedKernel {
  /// Tokens that one pass over a row tile serves.
  int64_t tokens = 4;
};

/// How a float matrix product is blocked, and a packed one of f32 activations:
/// `rows` times `columns` results stay in registers, columns a multiple of the
/// vector's elements; a panel of `blockK` by `columns` stays in the first
/// cache, and what a thread copies, `blockM` by `blockK` and `blockK` by
/// `blockN`, in the second.
struct MatmulKernel {
  int64_t rows = 4, columns = 8;
  int64_t blockM = 128, blockN = 128, blockK = 192;
  /// Bytes from one row to the next up to which rows are read where they are:
  /// further apart, several would fall into the same set of a cache.
  int64_t nearBytes = 2048;
  /// Elements a side of the squares that are transposed in registers; a power
  /// of two.
  int64_t square = 8;
};

} // namespace tern

#endif // TERN_DIALECT_TERN_IR_MACHINEINFO_H
