//===- ParamGroups.cpp - --param-group and --freeze -----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ParamGroups.h"
#include "llvm/ADT/SmallVector.h"
#include <cmath>

using namespace tern;
using llvm::StringRef;

static llvm::Expected<ParamGroup> makeGroup(StringRef pattern) {
  ParamGroup group;
  group.pattern = pattern.str();
  group.regex = llvm::Regex(pattern);
  std::string message;
  if (!group.regex.isValid(message))
    return llvm::createStringError("bad regular expression '" + pattern +
                                   "': " + message);
  return group;
}

static llvm::Error parseSetting(StringRef text, ParamGroup &group) {
  auto [key, value] = text.split('=');
  key = key.trim();
  value = value.trim();
  if (key == "matrix" && (value == "true" || value == "false")) {
    group.matrix = value == "true";
    return llvm::Error::success();
  }
  double number;
  if (key.empty() || value.getAsDouble(number) || !std::isfinite(number))
    return llvm::createStringError("bad parameter group '" + group.pattern +
                                   ":" + text +
                                   "': expected key=number or matrix=false");
  if (key.consume_back("_scale"))
    group.scalars[key].scale = number;
  else
    group.scalars[key].value = number;
  return llvm::Error::success();
}

llvm::Error ParamGroups::parse(llvm::ArrayRef<std::string> groupTexts,
                               llvm::ArrayRef<std::string> frozenTexts,
                               llvm::ArrayRef<std::string> alsoTexts) {
  for (StringRef text : groupTexts) {
    // The pattern may contain colons, settings do not.
    auto [pattern, settings] = text.rsplit(':');
    if (settings.empty() || pattern.empty())
      return llvm::createStringError("bad parameter group '" + text +
                                     "': expected regex:key=value,...");
    auto group = makeGroup(pattern);
    if (!group)
      return group.takeError();
    llvm::SmallVector<StringRef> parts;
    settings.split(parts, ',');
    for (StringRef part : parts)
      if (llvm::Error error = parseSetting(part, *group))
        return error;
    groups.push_back(std::move(*group));
  }
  for (auto [texts, list] :
       {std::pair(frozenTexts, &frozen), std::pair(alsoTexts, &alsoTrained)})
    for (StringRef text : texts) {
      auto group = makeGroup(text);
      if (!group)
        return group.takeError();
      list->push_back(std::move(*group));
    }
  return llvm::Error::success();
}

/// All patterns that match count as used.
static bool matchAny(std::vector<ParamGroup> &patterns, StringRef param) {
  bool result = false;
  for (ParamGroup &group : patterns)
    if (group.regex.match(param))
      result = group.isUsed = true;
  return result;
}

bool ParamGroups::isFrozen(StringRef param) { return matchAny(frozen, param); }

bool ParamGroups::isAlsoTrained(StringRef param) {
  return matchAny(alsoTrained, param);
}

ParamGroup *ParamGroups::find(StringRef param) {
  for (ParamGroup &group : groups)
    if (group.regex.match(param)) {
      group.isUsed = true;
      return &group;
    }
  return nullptr;
}

bool ParamGroups::isMatrix(StringRef param) {
  if (ParamGroup *group = find(param); group && group->matrix)
    return *group->matrix;
  // Tables of vectors and output heads, by their usual names.
  for (const char *usual : {"lm_head", "embed", "wte", "wpe"})
    if (param.contains(usual))
      return false;
  return true;
}

std::vector<std::string> ParamGroups::getUnused() const {
  std::vector<std::string> patterns;
  for (const auto *list : {&groups, &frozen, &alsoTrained})
    for (const ParamGroup &group : *list)
      if (!group.isUsed)
        patterns.push_back(group.pattern);
  return patterns;
}
