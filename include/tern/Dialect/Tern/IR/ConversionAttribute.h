//===- ConversionAttribute.h - The keys of tern.conversion ------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_CONVERSIONATTRIBUTE_H
#define TERN_DIALECT_TERN_IR_CONVERSIONATTRIBUTE_H

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"

namespace tern {

/// What the dictionary `tern.conversion` has, as options of `ternc` are called:
/// a string each.
inline constexpr llvm::StringLiteral kTernarizeKey = "ternarize";
inline constexpr llvm::StringLiteral kQuantizerKey = "quantizer";
inline constexpr llvm::StringLiteral kActivationsKey = "activations";
inline constexpr llvm::StringLiteral kConversionKeys[] = {
    kTernarizeKey, kQuantizerKey, kActivationsKey};
/// An array of strings.
inline constexpr llvm::StringLiteral kExcludeKey = "exclude";

/// Whether an option of `ternc` is one of them.
inline bool isConversionKey(llvm::StringRef option) {
  return option == kExcludeKey || llvm::is_contained(kConversionKeys, option);
}

} // namespace tern

#endif // TERN_DIALECT_TERN_IR_CONVERSIONATTRIBUTE_H
