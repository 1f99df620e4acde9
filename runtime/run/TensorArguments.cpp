//===- TensorArguments.cpp - Read --input, write --output -------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TensorArguments.h"
#include "../io/Idx.h"
#include "../io/MappedFile.h"
#include "../io/Npy.h"
#include "Literal.h"
#include "tern/runtime/Text.h"

#include <string_view>

using namespace tern::runtime;

static bool endsWith(const std::string &text, const std::string &end) {
  return text.size() >= end.size() &&
         text.compare(text.size() - end.size(), end.size(), end) == 0;
}

MaybeError tern::runtime::readTensorFile(const std::string &path,
                                         OnnxTensorReader readOnnx,
                                         HostTensor &tensor) {
  if (endsWith(path, ".pb")) {
    std::string name;
    if (readOnnx)
      return readOnnx(path, tensor, name);
    return "cannot read '" + path +
           "': this executable reads no ONNX tensors, tern-run does";
  }
  auto file = std::make_shared<MappedFile>();
  if (MaybeError error = file->open(path))
    return error;
  std::string_view bytes(file->data(), file->size());
  if (endsWith(path, ".npy") || bytes.substr(0, 4) == "\x93NUM")
    return readNpy(path, file, tensor);
  std::string_view start = bytes.substr(0, 2);
  if (bytes.size() >= 4 &&
      (start == "\x1f\x8b" || start == std::string_view("\0\0", 2)))
    return readIdx(path, tensor);
  return "cannot read '" + path + "': it is neither a .npy nor an IDX file" +
         (readOnnx ? " (ONNX tensors must be named *.pb)" : "");
}

bool tern::runtime::isNamed(const std::string &argument,
                            const std::string &name) {
  return argument.size() > name.size() && argument[name.size()] == '=' &&
         argument.compare(0, name.size(), name) == 0;
}

MaybeError tern::runtime::splitArgument(
    const std::string &option, const std::string &argument,
    const std::vector<Session::Tensor> &tensors, std::vector<bool> &taken,
    size_t &index, std::string &rest) {
  // Names may contain anything, so look for the known ones first.
  for (index = 0; index < tensors.size(); ++index) {
    const std::string &name = tensors[index].name;
    if (!isNamed(argument, name))
      continue;
    if (taken[index])
      return std::string(option).append(": '").append(name).append(
          "' is given twice");
    taken[index] = true;
    rest = argument.substr(name.size() + 1);
    return std::nullopt;
  }
  bool isPositional = argument[0] == '@' || looksLikeLiteral(argument) ||
                      argument.find('=') == std::string::npos;
  if (!isPositional) {
    std::string name = argument.substr(0, argument.find('='));
    std::vector<std::string> known;
    for (const Session::Tensor &tensor : tensors)
      known.push_back(tensor.name);
    return option + ": there is no '" + name + "' among " +
           listTensors(tensors) + suggest(name, known);
  }
  for (index = 0; index < tensors.size(); ++index)
    if (!taken[index]) {
      taken[index] = true;
      rest = argument;
      return std::nullopt;
    }
  return option + ": more tensors than the model has (" + listTensors(tensors) +
         ")";
}

MaybeError tern::runtime::readTensorArguments(
    const std::string &option, const std::vector<std::string> &arguments,
    const std::vector<Session::Tensor> &tensors, OnnxTensorReader readOnnx,
    std::vector<HostTensor> &values, std::vector<bool> &taken) {
  values.assign(tensors.size(), HostTensor());
  taken.assign(tensors.size(), false);
  for (const std::string &argument : arguments) {
    size_t index = 0;
    std::string rest;
    if (MaybeError error =
            splitArgument(option, argument, tensors, taken, index, rest))
      return error;
    MaybeError error =
        !rest.empty() && rest[0] == '@'
            ? readTensorFile(rest.substr(1), readOnnx, values[index])
            : parseLiteral(rest, values[index]);
    if (error)
      return option + " '" + tensors[index].name + "': " + *error;
  }
  return std::nullopt;
}
