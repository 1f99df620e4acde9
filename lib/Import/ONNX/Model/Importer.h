//===- Importer.h - An ONNX graph to a module -------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_IMPORT_ONNX_MODEL_IMPORTER_H
#define TERN_LIB_IMPORT_ONNX_MODEL_IMPORTER_H

#include "../Ops/OpTable.h"
#include "../Ops/Tensor.h"
#include "../Shape/Symbols.h"
#include "Functions.h"
#include "ModelFile.h"
#include "ParameterUses.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "tern/Import/ONNX/Import.h"
#include "tern/Support/UniqueNames.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"
#include <deque>
#include <limits>

namespace tern::onnx_import {

/// Initializers and constants up to this size may be inlined.
constexpr int64_t maxInlineBytes = 1024;

/// What nodes say of symbolic dimensions of the inputs: found in one run of the
/// importer, used in the next.
struct Deductions {
  /// The dimension that the name stands for.
  llvm::StringRef resolve(llvm::StringRef name) const;

  llvm::StringMap<int64_t> values;
  llvm::StringMap<std::string> aliases;
};

class Importer {
public:
  Importer(ModelFile &file, mlir::MLIRContext &context,
           const ImportOptions &options, Deductions &deductions);

  /// The module, or null after errors were reported.
  mlir::OwningOpRef<mlir::ModuleOp> run();

  /// Reports an error that concerns the whole file or one of its tensors.
  mlir::LogicalResult error(const llvm::Twine &message);
  mlir::LogicalResult error(mlir::Location loc, const llvm::Twine &message);

  /// Notes what a dimension must be. The import has to start over.
  void deduce(const Symbols::Solution &solution);
  bool mustStartOver() const { return hasDeduced; }

  Symbols &getSymbols() { return symbols; }
  ModelFile &getFile() { return file; }
  /// The SSA value of a tensor; emits its constant or adds its argument.
  mlir::Value getValue(Tensor &tensor);
  /// A constant of the graph as a tensor: its elements if it is small, else
  /// the parameter `name`. Reports data that do not verify.
  mlir::FailureOr<Tensor> makeConstant(const onnx::TensorProto &proto,
                                       llvm::StringRef name,
                                       mlir::LocationAttr loc,
                                       bool isInitializer);
  /// Keeps a tensor made from something else for the time of the import.
  const onnx::TensorProto &keep(onnx::TensorProto proto) {
    return keptTensors.emplace_back(std::move(proto));
  }
  /// The elements of a parameter of at most `maxInlineBytes`, or null.
  mlir::DenseElementsAttr readSmallParameter(const Tensor &tensor);
  /// Notes that the parameter is the weight of a linear layer: its axis
  /// `channelAxis` is the layer's output channels.
  void noteLinearUse(const Tensor &weight, int64_t channelAxis);
  /// Whether the value, true or false, is known; none if it is not.
  std::optional<bool> getKnownCondition(llvm::StringRef name);
  /// The value, true or false, as a scalar; of one that follows from extents
  /// the extent, 0 or 1, too.
  mlir::Value getCondition(mlir::ImplicitLocOpBuilder &b, llvm::StringRef name,
                           std::optional<Extent> &extent);
  /// Whether what is imported may not run: it stands in a branch that is not
  /// known to be taken.
  bool isInBranch() const { return !openBranches.empty(); }
  /// Where the code of a branch is, which goes on to the end of the function's
  /// so far, or to the code of the other branch.
  struct BranchCode {
    /// A placeholder in front of it; null if there is no code.
    mlir::Operation *begin = nullptr;
    /// Atoms from this number on were made in it.
    unsigned firstAtom = std::numeric_limits<unsigned>::max();
  };
  BranchCode getCode(const Branch *branch) const {
    return branchCode.lookup(branch);
  }
  /// Whether a node or an output of the graph reads the value.
  bool isUsed(llvm::StringRef value);
  /// Notes that no gradient trains the parameter: a running statistic.
  void noteBuffer(const Tensor &parameter) {
    buffers.insert(parameter.parameter);
  }
  /// What the parameter is after the updates so far, of a step of training.
  Tensor getUpdated(const Tensor &parameter);
  void update(mlir::ImplicitLocOpBuilder &b, Tensor parameter, Tensor value);
  /// A number for each source of random numbers.
  int64_t takeStream() { return numStreams++; }

private:
  mlir::LogicalResult checkModel();
  mlir::LogicalResult addInputs();
  /// `dimNames`: those that name something already.
  mlir::FailureOr<Tensor> importInput(const onnx::ValueInfoProto &input,
                                      UniqueNames &dimNames);
  void normalizeInput(Tensor &tensor);
  mlir::FailureOr<Tensor> loadConstantInput(llvm::StringRef name,
                                            const Tensor &declared,
                                            llvm::StringRef file);
  mlir::LogicalResult checkDims();
  mlir::LogicalResult addInitializers();
  mlir::LogicalResult inlineFunctions();
  mlir::FailureOr<std::vector<int>> sortNodes();
  mlir::LogicalResult importNode(int index);
  /// Each If behind all that stands in its branches, and these together.
  std::vector<int> groupBranches(llvm::ArrayRef<int> order) const;
  /// From here on, code is that of the branch.
  void enterBranch(const Branch *branch);
  mlir::LogicalResult importNodes(llvm::ArrayRef<int> order);
  mlir::LogicalResult addResults();
  mlir::ArrayAttr getShapeAttr(llvm::ArrayRef<Extent> shape);
  void addTernaryFacts();
  bool isParameter(llvm::StringRef name, const TensorData &data);
  mlir::LocationAttr getLoc(llvm::StringRef name);
  mlir::LocationAttr getNodeLoc(int index);
  std::string describeNode(int index);
  /// The value called `name`, creating it from an initializer if need be. Null
  /// if there is none or it could not be made (then that was reported, and
  /// `wasReported` is true).
  Tensor *lookup(llvm::StringRef name, bool &wasReported);

  ModelFile &file;
  const onnx::GraphProto &graph;
  mlir::MLIRContext &context;
  const ImportOptions &options;
  Deductions &deductions;
  mlir::OpBuilder builder;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
  Symbols symbols;

  Opsets opsets;
  InlinedGraph inlined;
  llvm::ArrayRef<GraphNode> nodes;
  llvm::StringMap<Tensor> tensors;
  /// The arguments that inputs are.
  llvm::StringMap<mlir::BlockArgument> inputArguments;
  llvm::StringMap<const onnx::TensorProto *> initializers;
  /// Values that could not be made, for which an error was reported.
  llvm::StringSet<> poisoned;
  /// Values of branches that are known not to be taken.
  llvm::StringSet<> absent;
  llvm::StringSet<> usedDims;
  /// The branches that code is emitted for, from the outside in, but for those
  /// that are known to be taken.
  llvm::SmallVector<const Branch *> openBranches;
  llvm::DenseMap<const Branch *, BranchCode> branchCode;

  struct Parameter {
    mlir::BlockArgument argument;
    const onnx::TensorProto *data = nullptr;
    /// Axis of the output channels, if all layers that use it agree; -1 if
    /// they do not.
    std::optional<int64_t> channelAxis;
  };
  llvm::MapVector<std::string, Parameter, llvm::StringMap<unsigned>> parameters;
  /// Once the nodes are sorted.
  std::optional<ParameterUses> uses;
  llvm::StringSet<> usedValues, buffers;
  llvm::StringMap<Tensor> updated;
  int64_t numStreams = 0;
  std::deque<onnx::TensorProto> keptTensors;
  bool hasErrors = false, hasDeduced = false;

  friend class Node;
};

/// The `tern.ternary` fact about a matrix of f32, f16, bf16 or f64, or a tensor
/// of which all dimensions but the first are its columns, if its elements are
/// exactly {-s, 0, s}: "tensor", "row" or "group:G", "" if not. Rows are the
/// indices of `channelAxis`.
std::string findTernaryFact(const TensorData &data, int64_t channelAxis);

/// Reads the tensor in a file bound to an input: .npy, or .pb for an ONNX
/// TensorProto. Errors do not name the file.
llvm::Expected<onnx::TensorProto> readTensorFile(llvm::StringRef path);

} // namespace tern::onnx_import

#endif // TERN_LIB_IMPORT_ONNX_MODEL_IMPORTER_H
