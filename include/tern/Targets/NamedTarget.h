//===- NamedTarget.h - Targets of a dialect by name -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TARGETS_NAMEDTARGET_H
#define TERN_TARGETS_NAMEDTARGET_H

#include "tern/Dialect/Tern/IR/TargetInterfaces.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace tern {

/// A target as `--target=NAME` and `--target=NAME:FEATURE,...` name it.
/// lib/Targets/CMakeLists.txt lists them: `NAME` there has a get`NAME`Target().
struct NamedTarget {
  llvm::StringLiteral name;
  /// For `--list-targets`; the features follow it, if there are any.
  llvm::StringLiteral description;
  /// All that may follow the name, by LLVM's names.
  llvm::ArrayRef<llvm::StringLiteral> features;
  /// Whether this process runs on such a machine. Null: it is never what
  /// `--target=host` means.
  bool (*isHost)();
  /// The attribute with some of the features.
  TargetAttrInterface (*make)(mlir::MLIRContext *context,
                              llvm::ArrayRef<llvm::StringRef> features);
  /// Attaches what lowers to it.
  void (*attach)(mlir::MLIRContext *context);
};

/// A dialect's targets, which it lives for. Makes them lowerable, too.
class NamedTargets : public TargetDialectInterface {
public:
  /// `targets` must outlive this.
  NamedTargets(mlir::Dialect *dialect, llvm::ArrayRef<NamedTarget> targets);

  std::vector<Entry> listTargets() const override;
  llvm::Expected<TargetAttrInterface>
  parseTarget(llvm::StringRef spec) const override;
  std::vector<std::string> complete(llvm::StringRef prefix) const override;
  TargetAttrInterface getHostTarget() const override;

private:
  llvm::ArrayRef<NamedTarget> targets;
};

} // namespace tern

#endif // TERN_TARGETS_NAMEDTARGET_H
