//===- Literal.h - Tensors written on the command line ----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_LITERAL_H
#define TERN_RUNTIME_LITERAL_H

#include "../io/HostTensor.h"

namespace tern::runtime {

/// Parses "2x3xf32=1,2,3,4,5,6". Values are separated by commas or spaces; one
/// value stands for all elements; without "=..." all are zero. "i1" is another
/// name of "bool", whose values are 0, 1, true and false.
[[nodiscard]] MaybeError parseLiteral(const std::string &text,
                                      HostTensor &tensor);

/// Whether the part before any '=' is a type such as "2x3xf32" or "f32".
bool looksLikeLiteral(const std::string &text);

} // namespace tern::runtime

#endif // TERN_RUNTIME_LITERAL_H
