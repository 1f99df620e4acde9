//===- Targets.cpp - Targets by name --------------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Driver/Targets.h"
#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Diagnostics.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace tern;

namespace {

/// Features that generated code can make use of, in the order in which
/// signatures list them.
constexpr StringLiteral kX86Features[] = {
    "ssse3",    "sse4.1",   "sse4.2",   "popcnt",  "avx",       "avx2",
    "fma",      "f16c",     "bmi",      "bmi2",    "avx512f",   "avx512bw",
    "avx512cd", "avx512dq", "avx512vl", "avxvnni", "avx512vnni"};

TargetAttrInterface makeX86(ArrayRef<StringRef> features,
                            MLIRContext &context) {
  SmallVector<StringAttr> attrs;
  for (StringRef feature : features)
    attrs.push_back(StringAttr::get(&context, feature));
  return cast<TargetAttrInterface>(
      Attribute(X86TargetAttr::get(&context, attrs)));
}

TargetAttrInterface getHostTarget(MLIRContext &context) {
  if (llvm::Triple(llvm::sys::getProcessTriple()).getArch() !=
      llvm::Triple::x86_64)
    return cast<TargetAttrInterface>(
        Attribute(GenericTargetAttr::get(&context)));
  llvm::StringMap<bool> available = llvm::sys::getHostCPUFeatures();
  SmallVector<StringRef> features;
  for (StringRef feature : kX86Features)
    if (available.lookup(feature))
      features.push_back(feature);
  return makeX86(features, context);
}

llvm::Expected<TargetAttrInterface> parseX86(StringRef list,
                                             MLIRContext &context) {
  SmallVector<StringRef> given, features;
  list.split(given, ',', -1, /*KeepEmpty=*/false);
  for (StringRef feature : given) {
    StringRef name = feature.trim();
    name.consume_front("+");
    if (!llvm::is_contained(kX86Features, name))
      return llvm::createStringError(
          "unknown feature '" + name.str() + "' of target x86; known are: " +
          llvm::join(ArrayRef(kX86Features), ", ") +
          runtime::suggest(name,
                           std::vector<std::string>(std::begin(kX86Features),
                                                    std::end(kX86Features))));
    features.push_back(name);
  }
  return makeX86(features, context);
}

} // namespace

llvm::Expected<TargetAttrInterface> tern::parseTarget(StringRef name,
                                                      MLIRContext &context) {
  context.loadDialect<TernDialect>();
  if (name == "host")
    return getHostTarget(context);
  if (name == "generic")
    return cast<TargetAttrInterface>(
        Attribute(GenericTargetAttr::get(&context)));
  auto [family, features] = name.split(':');
  if (family == "x86")
    return parseX86(features, context);
  if (name.starts_with("#")) {
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
  return llvm::createStringError(
      "unknown target '" + name.str() +
      "'; known are: host, generic, x86, x86:feature,..., and targets of "
      "plugins as #dialect.name" +
      runtime::suggest(family, {"host", "generic", "x86"}));
}

void tern::printTargets(llvm::raw_ostream &os) {
  os << "host     this machine (the default)\n"
     << "generic  any processor that LLVM generates code for\n"
     << "x86      x86-64; x86:FEATURE,... adds features beyond the baseline:\n";
  std::string line = "        ";
  for (StringRef feature : kX86Features) {
    if (line.size() + feature.size() > 78) {
      os << line << "\n";
      line = "        ";
    }
    line += " " + feature.str();
  }
  os << line << "\n"
     << "#D.T     target T of dialect D, from --load-dialect-plugin\n";
}
