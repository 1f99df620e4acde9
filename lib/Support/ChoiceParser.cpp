//===- ChoiceParser.cpp - Options that have one of some values ------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Support/ChoiceParser.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;
using namespace tern;

SmallVector<StringRef> ChoiceParser::getChoices(const cl::Option &option) {
  SmallVector<StringRef> choices;
  option.ValueStr.split(choices, '|');
  return choices;
}

bool ChoiceParser::parse(cl::Option &option, StringRef name, StringRef text,
                         std::string &value) {
  SmallVector<StringRef> choices = getChoices(option);
  if (!is_contained(choices, text))
    return option.error("unknown value '" + text +
                            "'; known are: " + join(choices, ", "),
                        name);
  value = text.str();
  return false;
}
