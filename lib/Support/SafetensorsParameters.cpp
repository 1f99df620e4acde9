//===- SafetensorsParameters.cpp - Safetensors as a source ----------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/Support/SafetensorsParameters.h"
#include "tern/runtime/Safetensors.h"

using namespace tern;

namespace {

class SafetensorsParameters : public ParameterSource {
public:
  llvm::Error load(llvm::StringRef file,
                   std::shared_ptr<llvm::MemoryBuffer> bytes) {
    path = file.str();
    buffer = std::move(bytes);
    if (auto error = runtime::parseSafetensors(buffer->getBufferStart(),
                                               buffer->getBufferSize(), index))
      return llvm::createStringError("'" + path + "' is malformed: " + *error);
    return llvm::Error::success();
  }

  llvm::Expected<Parameter> lookup(llvm::StringRef name) override {
    auto it = index.tensors.find(name.str());
    if (it == index.tensors.end())
      return llvm::createStringError("no parameter '" + name.str() + "' in '" +
                                     path + "'");
    const runtime::SafetensorsView &view = it->second;
    Parameter parameter;
    parameter.dtype = runtime::dtypeName(view.dtype);
    parameter.shape.assign(view.shape.begin(), view.shape.end());
    parameter.bytes = llvm::ArrayRef(view.data, view.size);
    return parameter;
  }

  std::vector<std::string> names() const override {
    std::vector<std::pair<const char *, std::string>> byPlace;
    byPlace.reserve(index.tensors.size());
    for (const auto &[name, view] : index.tensors)
      byPlace.emplace_back(view.data, name);
    std::sort(byPlace.begin(), byPlace.end());
    std::vector<std::string> result;
    result.reserve(byPlace.size());
    for (auto &[place, name] : byPlace)
      result.push_back(std::move(name));
    return result;
  }

  std::vector<std::string> files() const override { return {path}; }

  std::map<std::string, std::string> metadata() const override {
    return index.metadata;
  }

private:
  std::string path;
  std::shared_ptr<llvm::MemoryBuffer> buffer;
  runtime::SafetensorsIndex index;
};

} // namespace

llvm::Expected<std::unique_ptr<ParameterSource>>
tern::readSafetensorsParameters(llvm::StringRef path,
                                std::shared_ptr<llvm::MemoryBuffer> bytes) {
  auto source = std::make_unique<SafetensorsParameters>();
  if (llvm::Error error = source->load(path, std::move(bytes)))
    return std::move(error);
  return source;
}
