//===- ConversionAttribute.h - How layers became ternary --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_CONVERSIONATTRIBUTE_H
#define TERN_DIALECT_TERN_IR_CONVERSIONATTRIBUTE_H

#include "llvm/ADT/StringRef.h"

namespace tern {

/// On a module whose layers `ternc` made ternary: by which of its options. A
/// dictionary: `ternarize`, `quantizer`, `activations` (strings), `exclude`
/// (strings). Checkpoints record it.
inline constexpr llvm::StringLiteral kConversionAttrName = "tern.conversion";

} // namespace tern

#endif // TERN_DIALECT_TERN_IR_CONVERSIONATTRIBUTE_H
