//===- UniqueNames.cpp - Make names unique by a number --------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Support/UniqueNames.h"
#include "llvm/ADT/Twine.h"

std::string tern::UniqueNames::make(llvm::StringRef base,
                                    llvm::StringRef separator) {
  auto [known, isFree] = next.try_emplace(base, 2);
  if (isFree)
    return base.str();
  std::string name;
  unsigned number = known->second;
  do
    name = (base + separator + llvm::Twine(number++)).str();
  while (!next.try_emplace(name, 2).second);
  next[base] = number;
  return name;
}
