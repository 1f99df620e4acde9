//===- ParamUse.cpp - tern.use: what may be trained -----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/IR/ParamUse.h"
#include "mlir/IR/Builders.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"

using namespace mlir;
using namespace tern;

static constexpr std::pair<ParamUse::Kind, llvm::StringLiteral> kinds[] = {
    {ParamUse::Kind::Learned, "learned"},
    {ParamUse::Kind::Optional, "optional"},
    {ParamUse::Kind::Constant, "constant"}};

Attribute ParamUse::toAttribute(MLIRContext *context) const {
  Builder b(context);
  for (const auto &[known, name] : kinds)
    if (known == kind)
      return b.getDictionaryAttr(b.getNamedAttr(name, b.getStringAttr(reason)));
  llvm_unreachable("a kind without a name");
}

std::optional<ParamUse> ParamUse::fromAttribute(Attribute attr) {
  auto dict = dyn_cast_or_null<DictionaryAttr>(attr);
  if (!dict || dict.size() != 1)
    return std::nullopt;
  for (const auto &[kind, name] : kinds)
    if (auto reason = dict.getAs<StringAttr>(name))
      return ParamUse{kind, reason.str()};
  return std::nullopt;
}

std::optional<ParamUse> ParamUse::get(FunctionOpInterface function,
                                      unsigned argument) {
  return fromAttribute(function.getArgAttr(argument, kUseAttrName));
}
