//===- Targets.cpp - Targets of all dialects by name ----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Driver/Targets.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Diagnostics.h"
#include "tern/Dialect/Tern/IR/TargetInterfaces.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace tern;

/// Tern's own first, the others by name.
static SmallVector<TargetDialectInterface *> getInterfaces(MLIRContext &context,
                                                           bool withPlugins) {
  SmallVector<TargetDialectInterface *> interfaces;
  auto *own = context.getOrLoadDialect<TernDialect>();
  if (auto *targets = own->getRegisteredInterface<TargetDialectInterface>())
    interfaces.push_back(targets);
  if (!withPlugins)
    return interfaces;
  // Which dialects have targets is known once they are loaded.
  context.loadAllAvailableDialects();
  for (Dialect *dialect : context.getLoadedDialects())
    if (auto *targets =
            dialect->getRegisteredInterface<TargetDialectInterface>())
      if (dialect != own)
        interfaces.push_back(targets);
  return interfaces;
}

/// A target as the text of its attribute.
static llvm::Expected<TargetAttrInterface> parseText(StringRef name,
                                                     MLIRContext &context) {
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (message.empty())
      message = diagnostic.str();
  });
  size_t numRead = 0;
  Attribute attr = parseAttribute(name, &context, Type(), &numRead);
  StringRef excess = attr ? name.substr(numRead) : "";
  // The parser skips what stands in brackets behind a name whose attribute
  // has no parameters.
  std::string printed;
  if (attr)
    llvm::raw_string_ostream(printed) << attr;
  if (attr && excess.empty() && !StringRef(printed).contains('<'))
    excess = name.drop_until([](char c) { return c == '<'; });
  if (!excess.empty())
    return llvm::createStringError("'" + name.str() + "' is not a target: '" +
                                   excess.str() + "' follows it");
  if (attr && isa<TargetAttrInterface>(attr))
    return cast<TargetAttrInterface>(attr);
  return llvm::createStringError("'" + name.str() + "' is not a target" +
                                 (message.empty() ? "" : ": " + message));
}

llvm::Expected<TargetAttrInterface> tern::parseTarget(StringRef name,
                                                      MLIRContext &context) {
  if (name.starts_with("#")) {
    (void)getInterfaces(context, /*withPlugins=*/false);
    return parseText(name, context);
  }
  // Loading all that is registered takes longer than a small model.
  for (bool withPlugins : {false, true})
    for (TargetDialectInterface *targets :
         getInterfaces(context, withPlugins)) {
      if (name == "host") {
        if (TargetAttrInterface host = targets->getHostTarget())
          return host;
        continue;
      }
      auto target = targets->parseTarget(name);
      if (!target || *target)
        return target;
    }
  std::vector<std::string> known = completeTarget("", context);
  return llvm::createStringError(
      "unknown target '" + name.str() +
      "'; known are: " + llvm::join(known, ", ") +
      ", each with features as --list-targets shows them, and attributes as "
      "#dialect.name" +
      runtime::suggest(name.split(':').first, known));
}

std::vector<std::string> tern::completeTarget(StringRef prefix,
                                              MLIRContext &context) {
  std::vector<std::string> specs;
  if (StringRef("host").starts_with(prefix))
    specs.push_back("host");
  for (TargetDialectInterface *targets :
       getInterfaces(context, /*withPlugins=*/true))
    llvm::append_range(specs, targets->complete(prefix));
  return specs;
}

void tern::printTargets(llvm::raw_ostream &os, MLIRContext &context) {
  std::vector<TargetDialectInterface::Entry> entries = {
      {"host", "this machine (the default)"}};
  for (TargetDialectInterface *targets :
       getInterfaces(context, /*withPlugins=*/true))
    llvm::append_range(entries, targets->listTargets());
  entries.push_back({"#D.T", "attribute T of dialect D"});
  size_t width = 0;
  for (const TargetDialectInterface::Entry &entry : entries)
    width = std::max(width, entry.name.size());
  for (const TargetDialectInterface::Entry &entry : entries) {
    SmallVector<StringRef> lines;
    StringRef(entry.description).split(lines, '\n');
    for (auto [index, line] : llvm::enumerate(lines))
      os << llvm::left_justify(index == 0 ? StringRef(entry.name) : "", width)
         << "  " << line << "\n";
  }
}
