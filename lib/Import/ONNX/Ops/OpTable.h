//===- OpTable.h - Which operators are imported, and how --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_OPS_OPTABLE_H
#define TERN_LIB_IMPORT_ONNX_OPS_OPTABLE_H

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/StringMap.h"
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <utility>

namespace tern::onnx_import {
class Node;

/// Emits code for a node and sets its results, or reports why it cannot.
using Rule = std::function<mlir::LogicalResult(Node &)>;

/// How many inputs an operator has. The required ones come first.
struct Inputs {
  constexpr Inputs(unsigned exact) : min(exact), max(exact) {}
  constexpr Inputs(unsigned min, unsigned max) : min(min), max(max) {}
  static constexpr unsigned any = std::numeric_limits<unsigned>::max();
  unsigned min, max;
};

/// The operators by domain and name; each has one rule, or several for
/// different opset versions.
class OpTable {
public:
  struct Entry {
    Inputs inputs;
    Rule rule;
  };

  /// `rule` holds from opset version `since` on, until another entry's.
  void onOp(llvm::StringRef name, int64_t since, Inputs inputs, Rule rule) {
    onOp("", name, since, inputs, std::move(rule));
  }
  void onOp(llvm::StringRef domain, llvm::StringRef name, int64_t since,
            Inputs inputs, Rule rule) {
    ops[{domain.str(), name.str()}].emplace(since,
                                            Entry{inputs, std::move(rule)});
  }

  /// The entry for an operator at an opset version. Null if there is none, and
  /// then `firstVersion` is the first version that has one, or 0.
  const Entry *lookup(llvm::StringRef domain, llvm::StringRef name,
                      int64_t version, int64_t &firstVersion) const;

  using Versions = std::map<int64_t, Entry>;
  const std::map<std::pair<std::string, std::string>, Versions> &
  getOps() const {
    return ops;
  }

  /// The one table, with everything below in it.
  static const OpTable &get();

private:
  std::map<std::pair<std::string, std::string>, Versions> ops;
};

/// The newest version of the standard operators whose rules were checked.
constexpr int64_t newestOpset = 28;

void addElementwiseOps(OpTable &ops);
void addActivationOps(OpTable &ops);
void addLogicalOps(OpTable &ops);
void addBranchOps(OpTable &ops);
void addCastOps(OpTable &ops);
void addLinearAlgebraOps(OpTable &ops);
void addConvolutionOps(OpTable &ops);
void addAttentionOps(OpTable &ops);
void addPoolingOps(OpTable &ops);
void addPaddingOps(OpTable &ops);
void addIndexingOps(OpTable &ops);
void addSortingOps(OpTable &ops);
void addRearrangingOps(OpTable &ops);
void addEinsumOps(OpTable &ops);
void addLossOps(OpTable &ops);
void addQuantizationOps(OpTable &ops);
void addResizingOps(OpTable &ops);
void addRecurrentOps(OpTable &ops);
void addReductionOps(OpTable &ops);
void addNormalizationOps(OpTable &ops);
void addShapeOps(OpTable &ops);
void addRotaryEmbeddingOps(OpTable &ops);
void addSlicingOps(OpTable &ops);
void addConstantOps(OpTable &ops);
// Of domain com.microsoft: what ONNX Runtime fuses, attention among it, and
// functions of quantized tensors.
void addContribAttentionOps(OpTable &ops);
void addContribFusedOps(OpTable &ops);
void addContribQuantizedOps(OpTable &ops);
void addContribRecurrentOps(OpTable &ops);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_OPS_OPTABLE_H
