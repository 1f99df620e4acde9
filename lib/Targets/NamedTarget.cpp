//===- NamedTarget.cpp - Targets of a dialect by name ---------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Targets/NamedTarget.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace tern;

NamedTargets::NamedTargets(Dialect *dialect, ArrayRef<NamedTarget> targets)
    : TargetDialectInterface(dialect), targets(targets) {
  for (const NamedTarget &target : targets)
    target.attach(dialect->getContext());
}

std::vector<TargetDialectInterface::Entry> NamedTargets::listTargets() const {
  constexpr size_t width = 68;
  std::vector<Entry> entries;
  for (const NamedTarget &target : targets) {
    std::string text = target.description.str(), line;
    for (StringRef feature : target.features) {
      if (line.size() + feature.size() >= width) {
        text += "\n" + line;
        line.clear();
      }
      line += (line.empty() ? "" : " ") + feature.str();
    }
    if (!line.empty())
      text += "\n" + line;
    entries.push_back({target.name.str(), std::move(text)});
  }
  return entries;
}

llvm::Expected<TargetAttrInterface>
NamedTargets::parseTarget(StringRef spec) const {
  StringRef name = spec.split(':').first, list = spec.split(':').second;
  const NamedTarget *target = llvm::find_if(
      targets, [&](const NamedTarget &one) { return one.name == name; });
  // `generic:` has no features, and says so.
  if (target == targets.end() ||
      (target->features.empty() && spec.contains(':')))
    return TargetAttrInterface();
  SmallVector<StringRef> given, features;
  list.split(given, ',', -1, /*KeepEmpty=*/false);
  for (StringRef feature : given) {
    StringRef known = feature.trim();
    known.consume_front("+");
    if (!llvm::is_contained(target->features, known))
      return llvm::createStringError(
          "unknown feature '" + known.str() + "' of target " +
          target->name.str() +
          "; known are: " + llvm::join(target->features, ", ") +
          runtime::suggest(known,
                           std::vector<std::string>(target->features.begin(),
                                                    target->features.end())));
    features.push_back(known);
  }
  return target->make(getDialect()->getContext(), features);
}

std::vector<std::string> NamedTargets::complete(StringRef prefix) const {
  std::vector<std::string> specs;
  // All that is before the feature that is being written.
  StringRef before = prefix.take_front(prefix.find_last_of(":,") + 1);
  for (const NamedTarget &target : targets) {
    if (before.empty())
      specs.push_back(target.name.str());
    else if (prefix.split(':').first == target.name)
      for (StringRef feature : target.features)
        specs.push_back((before + feature).str());
  }
  llvm::erase_if(specs,
                 [&](StringRef spec) { return !spec.starts_with(prefix); });
  return specs;
}

TargetAttrInterface NamedTargets::getHostTarget() const {
  MLIRContext *context = getDialect()->getContext();
  for (const NamedTarget &target : targets) {
    if (!target.isHost || !target.isHost())
      continue;
    llvm::StringMap<bool> available = llvm::sys::getHostCPUFeatures();
    SmallVector<StringRef> features;
    for (StringRef feature : target.features)
      if (available.lookup(feature))
        features.push_back(feature);
    return target.make(context, features);
  }
  return nullptr;
}
