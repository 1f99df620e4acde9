//===- KernelParams.h - What a launch passes to a kernel --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LLVM_KERNELPARAMS_H
#define TERN_LLVM_KERNELPARAMS_H

#include "mlir/IR/Value.h"

namespace tern {

/// A launch passes of each operand in order the number, an `index` as 64 bits;
/// or of a dense row-major buffer the address of its first element and then its
/// dynamic extents, 64 bits each. The number of the first that a kernel's
/// argument is passed as.
unsigned getKernelParam(mlir::BlockArgument argument);

} // namespace tern

#endif // TERN_LLVM_KERNELPARAMS_H
