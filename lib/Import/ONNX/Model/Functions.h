//===- Functions.h - Functions that a model defines -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_MODEL_FUNCTIONS_H
#define TERN_LIB_IMPORT_ONNX_MODEL_FUNCTIONS_H

#include "ModelFile.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <deque>
#include <string>
#include <vector>

namespace tern::onnx_import {

/// Opset versions by domain; "" is ai.onnx.
using Opsets = llvm::StringMap<int64_t>;

/// One of the two branches of an If.
struct Branch {
  /// The branch that the If itself stands in; null in the graph.
  const Branch *parent;
  /// The value, true or false, that chooses the branch.
  std::string condition;
  bool isThen;
};

/// A node of the graph, or of a function's body in place of a call, or of a
/// branch.
struct GraphNode {
  const onnx::NodeProto *proto;
  /// Those that its versions are of.
  const Opsets *opsets;
  /// Unique among nodes without a name: "Op_12", or "call/Op_3" in a function.
  std::string name;
  /// The innermost branch that it stands in, or null.
  const Branch *branch = nullptr;
  /// Of an If: the branch that is taken if the condition holds, and the other.
  const Branch *thenBranch = nullptr, *elseBranch = nullptr;
};

/// The nodes of a graph with calls of the model's functions replaced by their
/// bodies, and branches by their nodes: an If then has the condition, what one
/// branch makes and what the other makes as inputs.
class InlinedGraph {
public:
  /// Errors begin with the node they are about.
  llvm::Error build(const onnx::ModelProto &model, const Opsets &opsets);

  llvm::ArrayRef<GraphNode> getNodes() const { return nodes; }

private:
  class Inliner;

  std::vector<GraphNode> nodes;
  std::deque<onnx::NodeProto> protos;
  std::deque<Opsets> functionOpsets;
  std::deque<Branch> branches;
};

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_MODEL_FUNCTIONS_H
