//===- ParamGroups.h - --param-group and --freeze ---------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TRAINING_PARAMGROUPS_H
#define TERN_LIB_TRAINING_PARAMGROUPS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/Regex.h"
#include <optional>
#include <string>
#include <vector>

namespace tern {

/// What a group changes of a scalar: `scalar * scale`, or `value` instead.
struct ScalarChange {
  double scale = 1;
  std::optional<double> value;
};

/// Parameters whose name matches a regular expression.
struct ParamGroup {
  std::string pattern;
  llvm::Regex regex;
  llvm::StringMap<ScalarChange> scalars;
  std::optional<bool> matrix;
  bool isUsed = false;
};

/// `--param-groups` and `--freeze`.
class ParamGroups {
public:
  /// Parses `regex:key=value,...`, and regular expressions of those that are
  /// frozen and of those that are trained though they look like constants.
  llvm::Error parse(llvm::ArrayRef<std::string> groups,
                    llvm::ArrayRef<std::string> frozen,
                    llvm::ArrayRef<std::string> alsoTrained);

  bool isFrozen(llvm::StringRef param);
  /// Whether a parameter is trained though it looks like a constant.
  bool isAlsoTrained(llvm::StringRef param);
  /// The first group that holds for a parameter, or null.
  ParamGroup *find(llvm::StringRef param);
  /// Whether a parameter of rank 2 and more is updated as a matrix.
  bool isMatrix(llvm::StringRef param);
  /// Patterns that matched nothing they were asked for.
  std::vector<std::string> getUnused() const;
  const std::vector<ParamGroup> &getGroups() const { return groups; }

private:
  std::vector<ParamGroup> groups, frozen, alsoTrained;
};

} // namespace tern

#endif // TERN_LIB_TRAINING_PARAMGROUPS_H
