//===- FanIn.h - How many inputs a weight's outputs have --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TRAINING_FANIN_H
#define TERN_LIB_TRAINING_FANIN_H

#include "mlir/IR/Value.h"

namespace tern {

/// How many elements of the tensor `weight` each sum of products that it is an
/// operand of runs over: the fan-in of a layer. 0 if it is no such operand.
int64_t getFanIn(mlir::Value weight);

} // namespace tern

#endif // TERN_LIB_TRAINING_FANIN_H
