//===- UniqueNames.h - Make names unique by a number ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_SUPPORT_UNIQUENAMES_H
#define TERN_SUPPORT_UNIQUENAMES_H

#include "llvm/ADT/StringMap.h"
#include <string>

namespace tern {

/// Names of one kind. What a model has is called as it was; what is added to
/// it gives way.
class UniqueNames {
public:
  /// `name` is given. It may be taken already.
  void take(llvm::StringRef name) { next.try_emplace(name, 2); }
  /// `base` if that is free, else the first of `base.2`, `base.3`, ... that is;
  /// it is taken then.
  std::string make(llvm::StringRef base, llvm::StringRef separator = ".");

private:
  /// The names that are taken, and the number to try next for each: many may
  /// have one base.
  llvm::StringMap<unsigned> next;
};

} // namespace tern

#endif // TERN_SUPPORT_UNIQUENAMES_H
