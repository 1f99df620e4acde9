//===- TensorArguments.h - Read --input, write --output ---------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_TENSORARGUMENTS_H
#define TERN_RUNTIME_TENSORARGUMENTS_H

#include "Session.h"
#include "TernRun.h"

namespace tern::runtime {

/// Reads a .npy, IDX or, with `readOnnx`, ONNX tensor file. The contents
/// decide, unless the name ends in .npy or .pb.
[[nodiscard]] MaybeError readTensorFile(const std::string &path,
                                        OnnxTensorReader readOnnx,
                                        HostTensor &tensor);

/// Whether an argument is "NAME=..." for this name.
bool isNamed(const std::string &argument, const std::string &name);

/// Splits "NAME=REST" or "REST" among `tensors`: `index` is the named one, or
/// the first that is not in `taken` yet. `option` is for messages.
[[nodiscard]] MaybeError
splitArgument(const std::string &option, const std::string &argument,
              const std::vector<Session::Tensor> &tensors,
              std::vector<bool> &taken, size_t &index, std::string &rest);

/// Reads tensors given as NAME=@FILE or NAME=LITERAL into the places of
/// `tensors`; `taken` says which were given.
[[nodiscard]] MaybeError readTensorArguments(
    const std::string &option, const std::vector<std::string> &arguments,
    const std::vector<Session::Tensor> &tensors, OnnxTensorReader readOnnx,
    std::vector<HostTensor> &values, std::vector<bool> &taken);

} // namespace tern::runtime

#endif // TERN_RUNTIME_TENSORARGUMENTS_H
