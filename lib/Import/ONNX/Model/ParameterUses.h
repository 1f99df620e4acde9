//===- ParameterUses.h - Which initializers training may change -*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A file does not tell weights from constants: converters write the 2 of a Pow,
// an epsilon or a causal mask as an initializer, as they do weights. What reads
// a value tells: the inputs that the standard gives an operator.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_MODEL_PARAMETERUSES_H
#define TERN_LIB_IMPORT_ONNX_MODEL_PARAMETERUSES_H

#include "Functions.h"
#include "ModelFile.h"
#include "tern/Dialect/Tern/IR/ParamUse.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringSet.h"
#include <optional>
#include <string>

namespace tern::onnx_import {

/// The values of a graph, who makes each and who reads it.
class ValueGraph {
public:
  struct Reader {
    const GraphNode *node;
    int input;
  };
  struct Value {
    llvm::StringRef name;
    const GraphNode *producer = nullptr;
    /// Of initializers and constants, but not those of one repeated value that
    /// ConstantOfShape makes.
    const onnx::TensorProto *data = nullptr;
    llvm::SmallVector<Reader, 1> readers;
  };

  /// `order` are the nodes that count, each after those it reads of.
  ValueGraph(const onnx::GraphProto &graph, llvm::ArrayRef<GraphNode> nodes,
             llvm::ArrayRef<int> order);

  /// Null if nothing that counts makes or reads it.
  const Value *lookup(llvm::StringRef name) const;
  /// The value that a node reads, or null.
  const Value *getInput(const GraphNode &node, int input) const;
  const Value *getOutput(const GraphNode &node, int output = 0) const;
  llvm::ArrayRef<const GraphNode *> getNodes() const { return nodes; }

private:
  llvm::StringMap<Value> values;
  std::vector<const GraphNode *> nodes;
  std::deque<onnx::TensorProto> storage;
};

/// Whether the elements of the node's results are elements of this input: it
/// moves them, repeats them, leaves some out, or changes their float type.
bool isView(const GraphNode &node, int input);

/// "'node' (Op)"
std::string describe(const GraphNode &node);

/// An attribute, or null.
const onnx::AttributeProto *findAttribute(const GraphNode &node,
                                          llvm::StringRef name);

/// Finds the constants among float tensors that are added to scores, or chosen
/// instead of them, to leave elements out.
class MaskFinder {
public:
  MaskFinder(ModelFile &file, const ValueGraph &graph)
      : file(file), graph(graph) {}

  /// By initializer: what it is, "mask of 'add' (Add)".
  const llvm::StringMap<std::string> &find();

  struct Range {
    double low, high;
  };
  /// In which range the elements of a tensor in the file are; nothing if it has
  /// none, or they cannot be read.
  std::optional<Range> getRange(const onnx::TensorProto &data);

private:
  using Value = ValueGraph::Value;

  std::optional<Range> getRange(const Value *value, unsigned depth = 0);
  std::optional<Range> computeRange(const GraphNode &node, unsigned depth);
  void findScores();
  bool isLow(const Value *value, bool isNegated, double limit);
  void collect(const Value *value, bool isNegated, double limit,
               const std::string &reason, unsigned depth = 0);
  void collectAll(const Value *value, const std::string &reason,
                  unsigned depth = 0);

  ModelFile &file;
  const ValueGraph &graph;
  llvm::DenseMap<const onnx::TensorProto *, std::optional<Range>> ranges;
  llvm::DenseMap<const Value *, std::optional<Range>> computed;
  /// What one search has been to, and for which sign, 2 for both.
  llvm::DenseSet<std::pair<const Value *, int>> seen;
  /// Values from which a softmax is reached element by element.
  llvm::DenseSet<const Value *> scores;
  llvm::StringMap<std::string> masks;
  bool isDone = false;
};

/// Says of parameters what training may do with them.
class ParameterUses {
public:
  ParameterUses(ModelFile &file, llvm::ArrayRef<GraphNode> nodes,
                llvm::ArrayRef<int> order);

  /// Nothing for one that is trained as all are.
  std::optional<ParamUse> find(llvm::StringRef name);

private:
  using Value = ValueGraph::Value;
  struct Found;

  void addReader(const ValueGraph::Reader &reader, const Value &parameter,
                 Found &found);
  void findScales();
  bool isMatmulBias(const ValueGraph::Reader &reader);
  bool isEpsilon(const ValueGraph::Reader &reader, const Value &parameter);
  bool selects(const GraphNode &node);

  ValueGraph graph;
  MaskFinder masks;
  /// Scales of quantizers that are spelled out, by initializer.
  llvm::StringMap<std::string> scales;
  bool hasScales = false;
};

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_MODEL_PARAMETERUSES_H
