//===- LayerNames.h - Names of layers, exclusion patterns -------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_TERNARY_LAYERNAMES_H
#define TERN_LIB_TERNARY_LAYERNAMES_H

#include "tern/Ternary/Layers.h"
#include "llvm/Support/Regex.h"
#include <vector>

namespace tern {

/// Names by which a user may mean a layer.
using LayerNames = llvm::SmallVector<std::string, 2>;

/// The name of the model's node that `op` stands for and, if `weight` is made
/// of one parameter, the parameter's.
LayerNames getLayerNames(mlir::Operation *op, mlir::Value weight);

/// "'conv1': ", the model's node, for the beginning of remarks, whose place is
/// but a file; empty if it has no name.
std::string describeNode(mlir::Operation *op);

/// Regular expressions for layers to leave alone.
class LayerFilter {
public:
  /// Adds patterns; one that is no regular expression is reported.
  llvm::LogicalResult add(llvm::ArrayRef<std::string> patterns,
                          mlir::MLIRContext *context);
  /// The first pattern that is found in one of the names. All patterns that
  /// are count as used.
  std::optional<llvm::StringRef> match(const LayerNames &names);
  /// Counts the pattern as used that a reason of `setExcluded` names.
  void matchReason(llvm::StringRef reason);
  std::vector<llvm::StringRef> getUnused() const;

private:
  struct Entry {
    std::string pattern;
    std::shared_ptr<llvm::Regex> regex;
    bool isUsed = false;
  };
  std::vector<Entry> entries;
};

/// Records what a layer became and why, for the report: see Layers.h.
void setOrigin(mlir::Operation *layer, LayerOrigin origin);
void setFloatReason(mlir::Operation *layer, llvm::StringRef reason);
/// The reason for which the layer is float, or nothing.
llvm::StringRef getFloatReason(mlir::Operation *layer);
/// The reason is that the user's pattern excludes it.
void setExcluded(mlir::Operation *layer, llvm::StringRef pattern);

} // namespace tern

#endif // TERN_LIB_TERNARY_LAYERNAMES_H
