//===- Idx.h - Read IDX files (MNIST and its kin) ---------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_IDX_H
#define TERN_RUNTIME_IDX_H

#include "HostTensor.h"

namespace tern::runtime {

/// Reads a plain or gzip-compressed IDX file of any element type; the tensor
/// has the file's dimensions. The format: http://yann.lecun.com/exdb/mnist/
[[nodiscard]] MaybeError readIdx(const std::string &path, HostTensor &tensor);

} // namespace tern::runtime

#endif // TERN_RUNTIME_IDX_H
