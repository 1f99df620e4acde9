//===- ONNXParameters.cpp - Initializers as a parameter source ------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Importer.h"
#include "tern/Support/ParameterSource.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <deque>
#include <google/protobuf/message.h>
#include <set>

using namespace tern;
using namespace tern::onnx_import;
using llvm::Expected;
using llvm::StringRef;

/// Adds the locations that the tensors of a message, however deep, name.
static void collectLocations(const google::protobuf::Message &message,
                             std::set<std::string> &locations) {
  if (message.GetDescriptor() == onnx::TensorProto::descriptor()) {
    for (const onnx::StringStringEntryProto &entry :
         static_cast<const onnx::TensorProto &>(message).external_data())
      if (entry.key() == "location")
        locations.insert(entry.value());
    return;
  }
  const google::protobuf::Reflection &reflection = *message.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor *> fields;
  reflection.ListFields(message, &fields);
  for (const google::protobuf::FieldDescriptor *field : fields) {
    if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE)
      continue;
    if (!field->is_repeated()) {
      collectLocations(reflection.GetMessage(message, field), locations);
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i)
      collectLocations(reflection.GetRepeatedMessage(message, field, i),
                       locations);
  }
}

namespace {
class ONNXParameterSource : public ParameterSource {
public:
  explicit ONNXParameterSource(ONNXFile model) : file(std::move(model)) {
    const onnx::GraphProto &graph = file->getModel().graph();
    for (const onnx::TensorProto &initializer : graph.initializer())
      add(initializer.name(), initializer);
    // Constants that the importer may have made parameters.
    if (llvm::Error error = inlined.build(file->getModel(), Opsets()))
      llvm::consumeError(std::move(error)); // The importer reports it.
    for (const GraphNode &entry : inlined.getNodes()) {
      const onnx::NodeProto &node = *entry.proto;
      if (node.op_type() != "Constant" || node.output_size() != 1)
        continue;
      for (const onnx::AttributeProto &attribute : node.attribute()) {
        onnx::TensorProto storage;
        const onnx::TensorProto *tensor = getConstantTensor(attribute, storage);
        if (tensor == &storage)
          tensor = &converted.emplace_back(std::move(storage));
        if (tensor)
          add(node.output(0), *tensor);
      }
    }
  }

  Expected<Parameter> lookup(StringRef name) override {
    auto tensor = tensors.find(name);
    if (tensor == tensors.end())
      return llvm::createStringError(llvm::Twine(StringRef(file->getPath())) +
                                     ": there is no initializer " +
                                     quote(name));
    Expected<TensorData> data = file->getData(*tensor->second);
    if (!data)
      return llvm::createStringError(llvm::Twine(StringRef(file->getPath())) +
                                     ": " + llvm::toString(data.takeError()));
    return Parameter{getInterfaceName(data->dtype).str(), data->shape,
                     data->bytes, data->owner};
  }

  std::vector<std::string> names() const override { return order; }

  std::vector<std::string> files() const override {
    std::set<std::string> locations;
    collectLocations(file->getModel(), locations);
    llvm::SmallString<256> realPath;
    if (llvm::sys::fs::real_path(file->getPath(), realPath))
      realPath = file->getPath();
    std::vector<std::string> files = {file->getPath().str()};
    // Beside the model, or beside what it is a link to.
    for (const std::string &location : locations)
      for (StringRef model : {file->getPath(), StringRef(realPath)}) {
        llvm::SmallString<256> external(llvm::sys::path::parent_path(model));
        llvm::sys::path::append(external, location);
        files.push_back(external.str().str());
      }
    return files;
  }

private:
  void add(StringRef name, const onnx::TensorProto &tensor) {
    if (!name.empty() && tensors.try_emplace(name, &tensor).second)
      order.push_back(name.str());
  }

  ONNXFile file;
  InlinedGraph inlined;
  llvm::StringMap<const onnx::TensorProto *> tensors;
  std::deque<onnx::TensorProto> converted;
  std::vector<std::string> order;
};
} // namespace

std::unique_ptr<ParameterSource> tern::getONNXParameters(ONNXFile file) {
  return std::make_unique<ONNXParameterSource>(std::move(file));
}
