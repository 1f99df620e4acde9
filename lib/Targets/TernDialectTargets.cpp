//===- TernDialectTargets.cpp - The targets in the tree by name -----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Dialect/Tern/IR/TargetInterfaces.h"
#include "tern/Targets/NamedTarget.h"
#include "tern/Targets/Register.h"
#include "tern/runtime/Text.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/TargetParser/Host.h"

using namespace mlir;
using namespace tern;

static ArrayRef<NamedTarget> getTargets() {
  static const NamedTarget targets[] = {
#define TERN_TARGET(NAME) get##NAME##Target(),
#include "tern/Config/Targets.def"
  };
  return targets;
}

namespace {
class TernTargets : public TargetDialectInterface {
public:
  using TargetDialectInterface::TargetDialectInterface;

  std::vector<Entry> listTargets() const override;
  llvm::Expected<TargetAttrInterface>
  parseTarget(StringRef spec) const override;
  std::vector<std::string> complete(StringRef prefix) const override;
  TargetAttrInterface getHostTarget() const override;
};
} // namespace

std::vector<TargetDialectInterface::Entry> TernTargets::listTargets() const {
  constexpr size_t width = 68;
  std::vector<Entry> entries;
  for (const NamedTarget &target : getTargets()) {
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
TernTargets::parseTarget(StringRef spec) const {
  StringRef name = spec.split(':').first, list = spec.split(':').second;
  const NamedTarget *target = llvm::find_if(
      getTargets(), [&](const NamedTarget &one) { return one.name == name; });
  // `generic:` has no features, and says so.
  if (target == getTargets().end() ||
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

std::vector<std::string> TernTargets::complete(StringRef prefix) const {
  std::vector<std::string> specs;
  // All that is before the feature that is being written.
  StringRef before = prefix.take_front(prefix.find_last_of(":,") + 1);
  for (const NamedTarget &target : getTargets()) {
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

TargetAttrInterface TernTargets::getHostTarget() const {
  MLIRContext *context = getDialect()->getContext();
  for (const NamedTarget &target : getTargets()) {
    if (!target.isHost || !target.isHost())
      continue;
    llvm::StringMap<bool> available = llvm::sys::getHostCPUFeatures();
    SmallVector<StringRef> features;
    for (StringRef feature : target.features)
      if (available.lookup(feature))
        features.push_back(feature);
    return target.make(context, features);
  }
  return GenericTargetAttr::get(context);
}

void tern::registerTargets(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, TernDialect *dialect) {
    dialect->addInterfaces<TernTargets>();
    for (const NamedTarget &target : getTargets())
      target.attach(context);
  });
}
