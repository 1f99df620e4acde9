//===- Functions.cpp - Functions that a model defines ---------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Functions.h"
#include "../Ops/OpTable.h"
#include "DType.h"
#include "tern/Support/UniqueNames.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

using namespace tern::onnx_import;

/// Nested calls multiply: a small file could ask for any number of nodes, of
/// calls that have none, and of copies of what their attributes hold.
static constexpr size_t maxNodes = 1 << 18;
static constexpr size_t maxCopiedBytes = size_t(1) << 29;
/// Each takes stack.
static constexpr size_t maxDepth = 256;

/// Fields that are newer than Debian's protobuf classes.
static constexpr int functionAttributeProto = 11, functionOverload = 13,
                     nodeOverload = 8;

/// The last value of a string field that the classes do not know.
static std::string getUnknownString(const google::protobuf::Message &message,
                                    int number) {
  std::string value;
  const google::protobuf::UnknownFieldSet &fields =
      message.GetReflection()->GetUnknownFields(message);
  for (int i = 0; i < fields.field_count(); ++i)
    if (fields.field(i).number() == number &&
        fields.field(i).type() ==
            google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED)
      value = fields.field(i).length_delimited();
  return value;
}

static llvm::StringRef getDomain(llvm::StringRef domain) {
  return domain == "ai.onnx" ? "" : domain;
}

class InlinedGraph::Inliner {
public:
  Inliner(InlinedGraph &graph, const onnx::ModelProto &model)
      : graph(graph), model(model) {}

  llvm::Error run(const Opsets &opsets);

private:
  /// What names stand for in one call of a function, or in a branch.
  struct Scope {
    llvm::StringMap<std::string> values;
    llvm::StringMap<const onnx::AttributeProto *> attributes;
    /// What the names of its nodes begin with.
    std::string prefix;
    /// Of a branch: where the names are from that it does not define. Null for
    /// a function, which sees no others.
    Scope *outer = nullptr;
  };

  llvm::Error add(const onnx::NodeProto &proto, const Opsets &opsets,
                  std::string name, Scope &scope);
  /// A copy of node `number` of what `caller` calls, with the names of a scope.
  llvm::Error addCopy(const onnx::NodeProto &node, size_t number,
                      const Opsets &opsets, llvm::StringRef caller,
                      Scope &scope);
  llvm::Error addNode(GraphNode node);
  llvm::Error addIf(const onnx::NodeProto &node, const Opsets &opsets,
                    llvm::StringRef name, Scope &scope);
  llvm::Error addBranch(const onnx::NodeProto &node, const Opsets &opsets,
                        llvm::StringRef name, Scope &scope, bool isThen,
                        onnx::NodeProto &choice);
  llvm::Error call(const onnx::NodeProto &node, llvm::StringRef name,
                   const onnx::FunctionProto &function, const Opsets &callers);
  llvm::Error bindAttributes(const onnx::NodeProto &node,
                             const onnx::FunctionProto &function, Scope &scope);
  const std::string &resolve(const std::string &name, Scope &scope);
  void copyNode(const onnx::NodeProto &from, Scope &scope, onnx::NodeProto &to);
  const onnx::FunctionProto *find(const onnx::NodeProto &node) const;
  llvm::Expected<const Opsets *> getOpsets(const onnx::FunctionProto &function,
                                           const Opsets &callers);
  /// The name of a value that only a call has.
  std::string makeName(llvm::StringRef wanted) { return names.make(wanted); }
  llvm::Error addCopiedBytes(llvm::StringRef node, size_t bytes);

  InlinedGraph &graph;
  const onnx::ModelProto &model;
  UniqueNames names;
  llvm::StringMap<const onnx::FunctionProto *> functions;
  size_t numCalls = 0, copiedBytes = 0;
  std::vector<const onnx::FunctionProto *> active;
  /// The branch that nodes are added to.
  const Branch *branch = nullptr;
  std::deque<onnx::AttributeProto> defaults;
  llvm::DenseMap<const onnx::FunctionProto *, const Opsets *> opsetsOf;
};

static std::string getNodeName(const onnx::NodeProto &node, int index) {
  return node.name().empty() ? "Op_" + std::to_string(index) : node.name();
}

static std::string describe(const onnx::FunctionProto &function) {
  std::string domain = function.domain();
  return quote(domain.empty() ? function.name()
                              : domain + "." + function.name());
}

static llvm::Error makeError(llvm::StringRef node, const llvm::Twine &message) {
  return llvm::createStringError("node " + quote(node) + ": " + message.str());
}

/// What tells functions, and calls of them, apart.
template <typename Proto>
static std::string getKey(const Proto &proto, llvm::StringRef name,
                          int overload) {
  return (getDomain(proto.domain()) + llvm::Twine('\0') + name +
          llvm::Twine('\0') + getUnknownString(proto, overload))
      .str();
}

llvm::Error InlinedGraph::build(const onnx::ModelProto &model,
                                const Opsets &opsets) {
  return Inliner(*this, model).run(opsets);
}

llvm::Error InlinedGraph::Inliner::run(const Opsets &opsets) {
  const onnx::GraphProto &main = model.graph();
  for (const onnx::FunctionProto &function : model.functions())
    functions.try_emplace(getKey(function, function.name(), functionOverload),
                          &function);
  Scope scope;
  auto define = [&](const std::string &name) {
    names.take(name);
    scope.values[name] = name;
  };
  for (const onnx::NodeProto &node : main.node())
    for (const auto *names : {&node.input(), &node.output()})
      llvm::for_each(*names, define);
  for (const onnx::ValueInfoProto &input : main.input())
    define(input.name());
  for (const onnx::TensorProto &tensor : main.initializer())
    define(tensor.name());
  for (auto [i, node] : llvm::enumerate(main.node()))
    if (llvm::Error error = add(node, opsets, getNodeName(node, i), scope))
      return error;
  return llvm::Error::success();
}

const onnx::FunctionProto *
InlinedGraph::Inliner::find(const onnx::NodeProto &node) const {
  if (functions.empty())
    return nullptr;
  return functions.lookup(getKey(node, node.op_type(), nodeOverload));
}

llvm::Error InlinedGraph::Inliner::addCopiedBytes(llvm::StringRef node,
                                                  size_t bytes) {
  copiedBytes += bytes;
  if (copiedBytes <= maxCopiedBytes)
    return llvm::Error::success();
  return makeError(node,
                   "the nodes of functions, counted for each call, and of "
                   "branches take more than " +
                       llvm::Twine(maxCopiedBytes) + " bytes");
}

llvm::Error InlinedGraph::Inliner::add(const onnx::NodeProto &proto,
                                       const Opsets &opsets, std::string name,
                                       Scope &scope) {
  if (const onnx::FunctionProto *function = find(proto))
    return call(proto, name, *function, opsets);
  if (proto.op_type() == "If" && getDomain(proto.domain()).empty() &&
      proto.attribute_size() != 0)
    return addIf(proto, opsets, name, scope);
  return addNode({&proto, &opsets, std::move(name), branch});
}

llvm::Error InlinedGraph::Inliner::addNode(GraphNode node) {
  if (graph.nodes.size() + numCalls >= maxNodes)
    return makeError(node.name,
                     "there are more than " + llvm::Twine(maxNodes) +
                         " nodes, those of functions counted for each call");
  graph.nodes.push_back(std::move(node));
  return llvm::Error::success();
}

/// The nodes of one branch; what it makes becomes inputs of the choice.
llvm::Error InlinedGraph::Inliner::addBranch(const onnx::NodeProto &node,
                                             const Opsets &opsets,
                                             llvm::StringRef name, Scope &scope,
                                             bool isThen,
                                             onnx::NodeProto &choice) {
  llvm::StringRef key = isThen ? "then_branch" : "else_branch";
  auto attribute = llvm::find_if(node.attribute(), [&](const auto &candidate) {
    return candidate.name() == key;
  });
  if (attribute == node.attribute().end() || !attribute->has_g())
    return makeError(name, "attribute " + quote(key) + " is missing");
  const onnx::GraphProto &body = attribute->g();
  if (body.input_size() != 0 || body.sparse_initializer_size() != 0)
    return makeError(name, "attribute " + quote(key) +
                               " has inputs or sparse initializers");
  if (body.output_size() != node.output_size())
    return makeError(name, "attribute " + quote(key) + " has " +
                               llvm::Twine(body.output_size()) +
                               " outputs, the node " +
                               llvm::Twine(node.output_size()));
  Scope inner;
  inner.prefix = (name + "/" + key + "/").str();
  inner.outer = &scope;
  llvm::StringSet<> defined;
  auto define = [&](const std::string &value) -> llvm::Error {
    if (value.empty())
      return llvm::Error::success();
    if (!defined.insert(value).second)
      return makeError(name, "attribute " + quote(key) + " defines " +
                                 quote(value) + " twice");
    inner.values[value] = makeName(inner.prefix + value);
    return llvm::Error::success();
  };
  for (const onnx::TensorProto &tensor : body.initializer())
    if (llvm::Error error = define(tensor.name()))
      return error;
  for (const onnx::NodeProto &made : body.node())
    for (const std::string &output : made.output())
      if (llvm::Error error = define(output))
        return error;

  // A branch's initializers are constants to the rest.
  for (const onnx::TensorProto &tensor : body.initializer()) {
    onnx::NodeProto &constant = graph.protos.emplace_back();
    constant.set_op_type("Constant");
    constant.add_output(inner.values[tensor.name()]);
    onnx::AttributeProto &value = *constant.add_attribute();
    value.set_name("value");
    value.set_type(onnx::AttributeProto::TENSOR);
    *value.mutable_t() = tensor;
    if (llvm::Error error = addCopiedBytes(name, constant.ByteSizeLong()))
      return error;
    if (llvm::Error error =
            addNode({&constant, &opsets, inner.prefix + tensor.name(), branch}))
      return error;
  }
  for (auto [i, made] : llvm::enumerate(body.node())) {
    if (llvm::Error error = addCopy(made, i, opsets, name, inner))
      return error;
  }
  for (const onnx::ValueInfoProto &output : body.output())
    choice.add_input(resolve(output.name(), inner));
  return llvm::Error::success();
}

llvm::Error InlinedGraph::Inliner::addCopy(const onnx::NodeProto &node,
                                           size_t number, const Opsets &opsets,
                                           llvm::StringRef caller,
                                           Scope &scope) {
  onnx::NodeProto &copy = graph.protos.emplace_back();
  copyNode(node, scope, copy);
  if (llvm::Error error =
          addCopiedBytes(caller, scope.prefix.size() + copy.ByteSizeLong()))
    return error;
  return add(copy, opsets, scope.prefix + getNodeName(node, number), scope);
}

llvm::Error InlinedGraph::Inliner::addIf(const onnx::NodeProto &node,
                                         const Opsets &opsets,
                                         llvm::StringRef name, Scope &scope) {
  for (const onnx::AttributeProto &attribute : node.attribute())
    if (attribute.name() != "then_branch" && attribute.name() != "else_branch")
      return makeError(name, "attribute " + quote(attribute.name()) +
                                 " is not supported");
  if (node.attribute_size() > 2)
    return makeError(name, "a branch is given twice");
  if (node.input_size() != 1 || node.input(0).empty())
    return makeError(name, "an If has one input, the condition");
  onnx::NodeProto &choice = graph.protos.emplace_back();
  choice.set_op_type(node.op_type());
  choice.add_input(node.input(0));
  *choice.mutable_output() = node.output();
  GraphNode result = {&choice, &opsets, name.str(), branch};
  for (bool isThen : {true, false}) {
    branch = &graph.branches.emplace_back(
        Branch{result.branch, node.input(0), isThen});
    (isThen ? result.thenBranch : result.elseBranch) = branch;
    llvm::Error error = addBranch(node, opsets, name, scope, isThen, choice);
    branch = result.branch;
    if (error)
      return error;
  }
  return addNode(std::move(result));
}

llvm::Expected<const Opsets *>
InlinedGraph::Inliner::getOpsets(const onnx::FunctionProto &function,
                                 const Opsets &callers) {
  const Opsets *&opsets = opsetsOf[&function];
  if (opsets)
    return opsets;
  Opsets own;
  for (const onnx::OperatorSetIdProto &opset : function.opset_import()) {
    llvm::StringRef domain = getDomain(opset.domain());
    if (opset.version() < 1 ||
        (domain.empty() && opset.version() > newestOpset))
      return llvm::createStringError(
          "function " + describe(function) + " uses opset " +
          std::to_string(opset.version()) + " of domain " + quote(domain) +
          ", which is not supported");
    own[domain] = opset.version();
  }
  for (const auto &caller : callers)
    own.try_emplace(caller.getKey(), caller.getValue());
  return opsets = &graph.functionOpsets.emplace_back(std::move(own));
}

llvm::Error
InlinedGraph::Inliner::bindAttributes(const onnx::NodeProto &node,
                                      const onnx::FunctionProto &function,
                                      Scope &scope) {
  llvm::StringSet<> declared;
  for (const std::string &name : function.attribute())
    declared.insert(name);
  // Those with defaults.
  const google::protobuf::UnknownFieldSet &fields =
      function.GetReflection()->GetUnknownFields(function);
  for (int i = 0; i < fields.field_count(); ++i) {
    const google::protobuf::UnknownField &field = fields.field(i);
    if (field.number() != functionAttributeProto)
      continue;
    onnx::AttributeProto &attribute = defaults.emplace_back();
    if (field.type() != google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED ||
        !attribute.ParseFromString(field.length_delimited()))
      return llvm::createStringError("function " + describe(function) +
                                     " has an attribute that is damaged");
    declared.insert(attribute.name());
    scope.attributes[attribute.name()] = &attribute;
  }
  llvm::StringSet<> given;
  for (const onnx::AttributeProto &attribute : node.attribute()) {
    if (!given.insert(attribute.name()).second)
      return llvm::createStringError("attribute " + quote(attribute.name()) +
                                     " is given twice");
    if (!declared.contains(attribute.name()))
      return llvm::createStringError("function " + describe(function) +
                                     " has no attribute " +
                                     quote(attribute.name()));
    scope.attributes[attribute.name()] = &attribute;
  }
  return llvm::Error::success();
}

/// What a name stands for. One that nothing defines gets a name of its own, so
/// that it is none of those made here.
const std::string &InlinedGraph::Inliner::resolve(const std::string &name,
                                                  Scope &scope) {
  Scope *last = &scope;
  for (Scope *s = &scope; s; s = s->outer) {
    // An operand that a call leaves out stays left out.
    if (auto known = s->values.find(name); known != s->values.end())
      return known->second;
    last = s;
  }
  std::string &value = last->values[name];
  if (!name.empty())
    value = makeName(last->prefix + name);
  return value;
}

void InlinedGraph::Inliner::copyNode(const onnx::NodeProto &from, Scope &scope,
                                     onnx::NodeProto &to) {
  to.set_op_type(from.op_type());
  to.set_domain(from.domain());
  for (const std::string &name : from.input())
    *to.add_input() = resolve(name, scope);
  for (const std::string &name : from.output()) {
    std::string &value = scope.values[name];
    if (value.empty() && !name.empty())
      value = makeName(scope.prefix + name);
    *to.add_output() = value;
  }
  for (const onnx::AttributeProto &attribute : from.attribute()) {
    if (attribute.ref_attr_name().empty()) {
      *to.add_attribute() = attribute;
      continue;
    }
    // One that the call does not give is not given here.
    const onnx::AttributeProto *actual = nullptr;
    for (Scope *s = &scope; s && !actual; s = s->outer)
      actual = s->attributes.lookup(attribute.ref_attr_name());
    if (!actual)
      continue;
    onnx::AttributeProto &copy = *to.add_attribute();
    copy = *actual;
    copy.set_name(attribute.name());
  }
}

llvm::Error InlinedGraph::Inliner::call(const onnx::NodeProto &node,
                                        llvm::StringRef name,
                                        const onnx::FunctionProto &function,
                                        const Opsets &callers) {
  if (llvm::is_contained(active, &function))
    return makeError(name, "function " + describe(function) + " calls itself");
  if (active.size() >= maxDepth)
    return makeError(name, "calls of functions are nested more than " +
                               llvm::Twine(maxDepth) + " deep");
  if (graph.nodes.size() + ++numCalls > maxNodes)
    return makeError(name, "there are more than " + llvm::Twine(maxNodes) +
                               " nodes, those of functions counted for each "
                               "call");
  if (node.input_size() > function.input_size() ||
      node.output_size() > function.output_size())
    return makeError(
        name, "function " + describe(function) + " has " +
                  llvm::Twine(function.input_size()) + " inputs and " +
                  llvm::Twine(function.output_size()) +
                  " outputs; the node has " + llvm::Twine(node.input_size()) +
                  " and " + llvm::Twine(node.output_size()));
  llvm::Expected<const Opsets *> opsets = getOpsets(function, callers);
  if (!opsets)
    return makeError(name, llvm::toString(opsets.takeError()));
  Scope scope;
  scope.prefix = name.str() + "/";
  if (llvm::Error error = bindAttributes(node, function, scope))
    return makeError(name, llvm::toString(std::move(error)));
  // Its names, and the default values of its attributes.
  if (llvm::Error error =
          addCopiedBytes(name, function.GetReflection()
                                       ->GetUnknownFields(function)
                                       .SpaceUsedExcludingSelfLong() +
                                   scope.prefix.size()))
    return error;

  for (auto [i, input] : llvm::enumerate(function.input()))
    if (!scope.values
             .try_emplace(input, static_cast<int>(i) < node.input_size()
                                     ? node.input(i)
                                     : std::string())
             .second)
      return makeError(name, "function " + describe(function) +
                                 " has two inputs " + quote(input));
  llvm::StringSet<> made;
  for (const onnx::NodeProto &inner : function.node())
    for (const std::string &output : inner.output())
      made.insert(output);
  // Outputs that are inputs are copied; others get the name that the call has
  // for them.
  std::vector<std::pair<std::string, std::string>> copies;
  for (auto [i, output] : llvm::enumerate(function.output())) {
    std::string outer =
        static_cast<int>(i) < node.output_size() ? node.output(i) : "";
    auto known = scope.values.find(output);
    if (known != scope.values.end()) {
      if (!outer.empty())
        copies.emplace_back(known->second, outer);
    } else if (!made.contains(output)) {
      return makeError(name, "function " + describe(function) +
                                 " does not make its output " + quote(output));
    } else if (!outer.empty()) {
      scope.values[output] = outer;
    }
  }
  active.push_back(&function);
  for (auto [i, inner] : llvm::enumerate(function.node())) {
    if (llvm::Error error = addCopy(inner, i, **opsets, name, scope))
      return error;
  }
  active.pop_back();
  for (const auto &[from, to] : copies) {
    onnx::NodeProto &copy = graph.protos.emplace_back();
    copy.set_op_type("Identity");
    copy.add_input(from);
    copy.add_output(to);
    if (llvm::Error error =
            addNode({&copy, *opsets, scope.prefix + "Identity", branch}))
      return error;
  }
  return llvm::Error::success();
}
