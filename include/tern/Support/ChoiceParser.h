//===- ChoiceParser.h - Options that have one of some values ----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_SUPPORT_CHOICEPARSER_H
#define TERN_SUPPORT_CHOICEPARSER_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/CommandLine.h"
#include <string>

namespace tern {

/// Parses options whose description of values, as in "auto|all|none", names all
/// that they can have.
struct ChoiceParser : llvm::cl::parser<std::string> {
  using llvm::cl::parser<std::string>::parser;

  static llvm::SmallVector<llvm::StringRef>
  getChoices(const llvm::cl::Option &option);

  bool parse(llvm::cl::Option &option, llvm::StringRef name,
             llvm::StringRef text, std::string &value);
};

} // namespace tern

#endif // TERN_SUPPORT_CHOICEPARSER_H
