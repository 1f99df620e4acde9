//===- Importer.cpp - An ONNX graph to a module ---------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "../Ops/NarrowTypes.h"
#include "../Ops/Node.h"
#include "../Shape/OperandTypes.h"
#include "FoldedNorms.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Bufferization/IR/Bufferization.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlowOps.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "tern/Dialect/Tern/IR/TernDialect.h"
#include "tern/Dialect/Tern/Utils/DeadCode.h"
#include "llvm/Support/Path.h"
#include <functional>
#include <queue>
#include <utility>

using namespace mlir;
using namespace tern;
using namespace tern::onnx_import;

Importer::Importer(ModelFile &file, MLIRContext &context,
                   const ImportOptions &options, Deductions &deductions)
    : file(file), graph(file.getModel().graph()), context(context),
      options(options), deductions(deductions), builder(&context) {}

StringRef Deductions::resolve(StringRef name) const {
  for (auto alias = aliases.find(name); alias != aliases.end();
       alias = aliases.find(name))
    name = alias->second;
  return name;
}

void Importer::deduce(const Symbols::Solution &solution) {
  // Nothing that is known is among the symbols, so there are no cycles but for
  // two equations of one run; the next run has the second.
  if (hasDeduced && deductions.resolve(solution.name) != solution.name)
    return;
  hasDeduced = true;
  if (solution.value)
    deductions.values.try_emplace(solution.name, *solution.value);
  else if (deductions.resolve(solution.other) != solution.name)
    deductions.aliases.try_emplace(solution.name, solution.other);
}

LogicalResult Importer::error(Location loc, const Twine &message) {
  hasErrors = true;
  // Models choose the names of tensors, dimensions and attributes.
  return emitError(loc, escape((file.getPath() + ": " + message).str()));
}

LogicalResult Importer::error(const Twine &message) {
  return error(FileLineColLoc::get(&context, file.getPath(), 0, 0), message);
}

LocationAttr Importer::getLoc(StringRef name) {
  return NameLoc::get(builder.getStringAttr(name),
                      FileLineColLoc::get(&context, file.getPath(), 0, 0));
}

LocationAttr Importer::getNodeLoc(int index) {
  return getLoc(nodes[index].name);
}

std::string Importer::describeNode(int index) {
  const onnx::NodeProto &node = *nodes[index].proto;
  return "node " + quote(cast<NameLoc>(Location(getNodeLoc(index))).getName()) +
         " (" + StringRef(quote(node.op_type())).trim('\'').str() + ")";
}

OwningOpRef<ModuleOp> Importer::run() {
  if (failed(checkModel()))
    return nullptr;
  StringRef stem = llvm::sys::path::stem(file.getPath());
  module = ModuleOp::create(getLoc(stem));
  TernDialect::ModelAttrHelper(module->getContext())
      .setAttr(module.get(), builder.getStringAttr(stem));
  builder.setInsertionPointToEnd(module->getBody());
  function = func::FuncOp::create(builder, getLoc(stem), "main",
                                  builder.getFunctionType({}, {}));
  function.setPublic();
  builder.setInsertionPointToStart(function.addEntryBlock());
  if (failed(addInputs()) || failed(addInitializers()) ||
      failed(inlineFunctions()))
    return nullptr;
  FailureOr<std::vector<int>> order = sortNodes();
  if (failed(order))
    return nullptr;
  uses.emplace(file, nodes, *order);
  if (failed(importNodes(*order)) || failed(addResults()))
    return nullptr;
  addTernaryFacts();

  // Building blocks leave reshapes behind that were folded into others.
  eraseDeadOps(function.getBody());
  if (hasErrors || failed(verify(*module)))
    return nullptr;
  return std::move(module);
}

LogicalResult Importer::checkModel() {
  const onnx::ModelProto &model = file.getModel();
  if (!model.has_graph())
    return error("there is no graph in it; is it an ONNX model?");
  for (const onnx::OperatorSetIdProto &opset : model.opset_import()) {
    StringRef domain =
        opset.domain() == "ai.onnx" ? "" : StringRef(opset.domain());
    if (opset.version() < 1)
      return error("opset version " + Twine(opset.version()) + " of domain " +
                   quote(domain) + " is not valid");
    opsets[domain] = opset.version();
  }
  if (!opsets.count("")) {
    // Models of before opsets had names are of the first.
    if (model.ir_version() >= 3 && model.opset_import_size() == 0)
      return error("it declares no opset version");
    opsets[""] = 1;
  }
  if (opsets[""] > newestOpset)
    return error("it uses opset " + Twine(opsets[""]) +
                 "; the newest that is supported is " + Twine(newestOpset));
  return success();
}

LogicalResult Importer::inlineFunctions() {
  if (llvm::Error failure = inlined.build(file.getModel(), opsets))
    return error(llvm::toString(std::move(failure)));
  nodes = inlined.getNodes();
  return success();
}

FailureOr<std::vector<int>> Importer::sortNodes() {
  // Who makes each value. The standard asks for topological order, but not all
  // exporters keep to it.
  llvm::StringMap<int> producers;
  int numNodes = nodes.size();
  for (int i = 0; i < numNodes; ++i) {
    for (const std::string &output : nodes[i].proto->output()) {
      if (output.empty())
        continue;
      if (tensors.count(output) || initializers.count(output) ||
          !producers.try_emplace(output, i).second)
        return error(getNodeLoc(i), describeNode(i) + ": value " +
                                        quote(output) +
                                        " is defined a second time");
    }
  }
  // Only what the outputs need is imported: mark it, from the outputs back.
  std::vector<char> isNeeded(numNodes);
  std::vector<int> worklist;
  auto need = [&](StringRef value) {
    auto producer = producers.find(value);
    if (producer != producers.end() && !isNeeded[producer->second]) {
      isNeeded[producer->second] = true;
      worklist.push_back(producer->second);
    }
  };
  for (const onnx::ValueInfoProto &output : graph.output())
    need(output.name());
  while (!worklist.empty()) {
    int index = worklist.back();
    worklist.pop_back();
    for (const std::string &input : nodes[index].proto->input())
      need(input);
    for (const Branch *b = nodes[index].branch; b; b = b->parent)
      need(b->condition);
  }
  // Kahn's algorithm on all nodes, taking them in file order where there is a
  // choice.
  std::vector<int> missing(numNodes);
  std::vector<std::vector<int>> users(numNodes);
  for (int i = 0; i < numNodes; ++i) {
    auto follow = [&](StringRef value) {
      auto producer = producers.find(value);
      if (producer == producers.end())
        return;
      users[producer->second].push_back(i);
      ++missing[i];
    };
    for (const std::string &input : nodes[i].proto->input())
      follow(input);
    // Whether a branch is taken may be known before it is imported.
    for (const Branch *b = nodes[i].branch; b; b = b->parent)
      follow(b->condition);
  }
  std::vector<int> order;
  std::priority_queue<int, std::vector<int>, std::greater<int>> ready;
  for (int i = 0; i < numNodes; ++i)
    if (missing[i] == 0)
      ready.push(i);
  size_t numSorted = 0;
  while (!ready.empty()) {
    int index = ready.top();
    ready.pop();
    ++numSorted;
    if (isNeeded[index])
      order.push_back(index);
    for (int user : users[index])
      if (--missing[user] == 0)
        ready.push(user);
  }
  if (numSorted == missing.size())
    return groupBranches(order);
  int index =
      llvm::find_if(missing, [](int n) { return n > 0; }) - missing.begin();
  return error(getNodeLoc(index),
               describeNode(index) + ": its inputs depend on its outputs");
}

std::vector<int> Importer::groupBranches(ArrayRef<int> order) const {
  // Only the If itself reads what stands in a branch, so that may come later.
  llvm::DenseMap<const Branch *, std::vector<int>> groups;
  for (int index : order) {
    const GraphNode &node = nodes[index];
    std::vector<int> whole;
    for (const Branch *branch : {node.thenBranch, node.elseBranch}) {
      if (!branch)
        continue;
      std::vector<int> inside = std::exchange(groups[branch], {});
      if (whole.empty())
        whole = std::move(inside);
      else
        llvm::append_range(whole, inside);
    }
    std::vector<int> &group = groups[node.branch];
    if (group.empty())
      group = std::move(whole);
    else
      llvm::append_range(group, whole);
    group.push_back(index);
  }
  return groups[nullptr];
}

void Importer::enterBranch(const Branch *branch) {
  SmallVector<const Branch *> path;
  for (; branch; branch = branch->parent)
    if (!getKnownCondition(branch->condition))
      path.push_back(branch);
  std::reverse(path.begin(), path.end());
  while (openBranches.size() > path.size() ||
         ArrayRef(path).take_front(openBranches.size()) !=
             ArrayRef(openBranches)) {
    openBranches.pop_back();
    symbols.leaveScope();
  }
  for (const Branch *next : ArrayRef(path).drop_front(openBranches.size())) {
    openBranches.push_back(next);
    symbols.enterScope();
    auto begin = UnrealizedConversionCastOp::create(
        builder, function.getLoc(), TypeRange(builder.getIndexType()),
        ValueRange());
    branchCode[next] = {begin, symbols.getNumAtoms()};
  }
}

Tensor *Importer::lookup(StringRef name, bool &wasReported) {
  wasReported = poisoned.contains(name);
  if (auto tensor = tensors.find(name); tensor != tensors.end())
    return &tensor->second;
  auto initializer = initializers.find(name);
  if (initializer == initializers.end() || wasReported)
    return nullptr;
  FailureOr<Tensor> tensor = makeConstant(*initializer->second, name,
                                          getLoc(name), /*isInitializer=*/true);
  if (succeeded(tensor))
    return &(tensors[name] = std::move(*tensor));
  poisoned.insert(name);
  wasReported = true;
  return nullptr;
}

std::optional<bool> Importer::getKnownCondition(StringRef name) {
  bool wasReported = false;
  Tensor *tensor = lookup(name, wasReported);
  if (!tensor || tensor->dtype != DType::Bool || !tensor->contents ||
      tensor->contents->size() != 1)
    return std::nullopt;
  std::optional<int64_t> value = tensor->contents->front().getConstant();
  return value ? std::optional(*value != 0) : std::nullopt;
}

Value Importer::getCondition(ImplicitLocOpBuilder &b, StringRef name,
                             std::optional<Extent> &extent) {
  bool wasReported = false;
  Tensor &condition = *lookup(name, wasReported);
  if (condition.contents) {
    extent = condition.contents->front();
    return symbols.getScalar(b, *extent, b.getI1Type());
  }
  Value tensor = getValue(condition);
  SmallVector<Value> position(
      cast<RankedTensorType>(tensor.getType()).getRank(),
      arith::ConstantIndexOp::create(b, 0));
  return tensor::ExtractOp::create(b, tensor, position);
}

LogicalResult Importer::importNode(int index) {
  const onnx::NodeProto &proto = *nodes[index].proto;
  for (const Branch *branch = nodes[index].branch; branch;
       branch = branch->parent) {
    if (absent.contains(branch->condition) ||
        getKnownCondition(branch->condition).value_or(branch->isThen) !=
            branch->isThen) {
      for (const std::string &output : proto.output())
        absent.insert(output);
      return success();
    }
    // Then the node that chooses says what is wrong with the condition.
    bool wasReported = false;
    Tensor *condition = lookup(branch->condition, wasReported);
    if (!condition)
      return failure();
    if (condition->dtype != DType::Bool || condition->getRank() > 1)
      return success();
  }
  enterBranch(nodes[index].branch);
  StringRef domain =
      proto.domain() == "ai.onnx" ? "" : StringRef(proto.domain());
  const Opsets &versions = *nodes[index].opsets;
  auto opset = versions.find(domain);
  int64_t version = opset == versions.end() ? 1 : opset->second;
  Node node(*this, nodes[index], version,
            ImplicitLocOpBuilder(Location(getNodeLoc(index)), builder));

  int64_t firstVersion;
  const OpTable::Entry *entry =
      OpTable::get().lookup(domain, proto.op_type(), version, firstVersion);
  if (!entry)
    return node.error(firstVersion ? "this operator is supported from opset " +
                                         Twine(firstVersion) + " on"
                                   : Twine("this operator is not supported"));

  // One message for a node, however much is wrong with it.
  bool hasFailed = false;
  ScopedDiagnosticHandler handler(
      builder.getContext(), [&](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() != DiagnosticSeverity::Error)
          return failure();
        return success(std::exchange(hasFailed, true));
      });

  // Inputs that could not be made were reported: the node is not to blame.
  bool isPoisoned = false;
  unsigned numInputs = proto.input_size();
  while (numInputs > 0 && proto.input(numInputs - 1).empty())
    --numInputs;
  for (unsigned i = 0; i < numInputs; ++i) {
    const std::string &name = proto.input(i);
    bool wasReported = false;
    Tensor *tensor = name.empty() || absent.contains(name)
                         ? nullptr
                         : lookup(name, wasReported);
    isPoisoned |= wasReported;
    if (!name.empty() && !tensor && !wasReported && !absent.contains(name))
      return node.error("input " + quote(name) +
                        " is neither an input of the graph nor an initializer "
                        "nor the output of a node");
    node.inputs.push_back(tensor);
  }
  if (isPoisoned)
    return failure();
  if (numInputs < entry->inputs.min || numInputs > entry->inputs.max)
    return node.error("has " + Twine(numInputs) + " inputs; the operator " +
                      (numInputs > entry->inputs.max
                           ? "takes at most " + Twine(entry->inputs.max)
                           : "needs " + Twine(entry->inputs.min)));
  for (unsigned i = 0; i < entry->inputs.min; ++i)
    if (!node.hasInput(i))
      return node.error("required input " + Twine(i) + " is missing");
  for (unsigned i = 0; i < numInputs; ++i) {
    if (!node.hasInput(i) || !isNarrow(node.getInput(i).dtype))
      continue;
    DType type = node.getInput(i).dtype;
    if (!takesNarrowType(domain, proto.op_type(), i, type))
      return node.error("element type " + getName(type) + " is not supported");
  }

  if (domain != "com.microsoft" && failed(checkOperands(node)))
    return failure();
  if (failed(entry->rule(node)) || failed(node.checkAttributes()) ||
      failed(node.checkResults()))
    return failure();
  std::vector<std::optional<Tensor>> results = node.takeResults();
  for (auto [i, result] : llvm::enumerate(results))
    if (result && !proto.output(i).empty())
      tensors[proto.output(i)] = std::move(*result);
  return success();
}

LogicalResult Importer::importNodes(ArrayRef<int> order) {
  for (int index : order)
    if (failed(importNode(index)))
      for (const std::string &output : nodes[index].proto->output())
        poisoned.insert(output);
  enterBranch(nullptr);
  return failure(hasErrors || hasDeduced);
}

/// Training would go on without the statistics of batches, in silence.
static void warnOfFoldedNorms(const ModelFile &file, MLIRContext &context) {
  std::vector<std::string> names = findFoldedNorms(file.getModel().graph());
  if (names.empty())
    return;
  InFlightDiagnostic warning =
      emitWarning(FileLineColLoc::get(&context, file.getPath(), 0, 0));
  warning << escape(file.getPath()) << ": node " << quote(names.front());
  if (names.size() > 1)
    warning << " and " << names.size() - 1 << " more have";
  else
    warning << " has";
  warning << " a batch normalization folded into the weights, which is not "
             "trained; export the model without (docs/pytorch.md: "
             "torch.onnx.export(..., optimize=False))";
}

llvm::Expected<ONNXFile>
tern::openONNX(StringRef path, std::shared_ptr<llvm::MemoryBuffer> bytes) {
  return ModelFile::open(path, std::move(bytes));
}

OwningOpRef<ModuleOp> tern::importONNX(StringRef path, MLIRContext &context,
                                       const ImportOptions &options) {
  return importONNX(path, openONNX(path), context, options);
}

OwningOpRef<ModuleOp> tern::importONNX(StringRef path,
                                       llvm::Expected<ONNXFile> file,
                                       MLIRContext &context,
                                       const ImportOptions &options) {
  context.loadDialect<arith::ArithDialect, bufferization::BufferizationDialect,
                      cf::ControlFlowDialect, func::FuncDialect,
                      linalg::LinalgDialect, math::MathDialect, scf::SCFDialect,
                      tensor::TensorDialect, TernDialect>();
  if (!file) {
    emitError(FileLineColLoc::get(&context, path, 0, 0),
              escape(llvm::toString(file.takeError())));
    return nullptr;
  }
  if (options.isForTraining)
    warnOfFoldedNorms(**file, context);
  Deductions deductions;
  while (true) {
    // What a run says that has to be repeated is not final.
    std::vector<Diagnostic> diagnostics;
    OwningOpRef<ModuleOp> module;
    bool startsOver;
    {
      ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
        diagnostics.push_back(std::move(diagnostic));
        return success();
      });
      Importer importer(**file, context, options, deductions);
      module = importer.run();
      startsOver = importer.mustStartOver();
    }
    if (startsOver)
      continue;
    for (Diagnostic &diagnostic : diagnostics)
      context.getDiagEngine().emit(std::move(diagnostic));
    return module;
  }
}

void tern::registerONNXImportDialects(DialectRegistry &registry) {
  registry.insert<arith::ArithDialect, bufferization::BufferizationDialect,
                  cf::ControlFlowDialect, func::FuncDialect,
                  linalg::LinalgDialect, math::MathDialect, scf::SCFDialect,
                  tensor::TensorDialect, TernDialect>();
}
