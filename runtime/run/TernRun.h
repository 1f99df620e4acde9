//===- TernRun.h - Entry points of tern-run ---------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_TERNRUN_H
#define TERN_RUNTIME_TERNRUN_H

#include "../io/HostTensor.h"
#include "tern/runtime/Artifact.h"

namespace tern::runtime {

/// Reads an ONNX TensorProto file; `name` receives the tensor's name in it.
using OnnxTensorReader = MaybeError (*)(const std::string &path,
                                        HostTensor &tensor, std::string &name);

/// The whole program; returns the exit code. `linked` may be null: then the
/// first argument names an artifact. `readOnnx` may be null: stand-alone
/// executables do without protobuf.
int runModels(int argc, char **argv, const TernArtifact *linked,
              OnnxTensorReader readOnnx);

} // namespace tern::runtime

/// runModels without ONNX, for stand-alone executables.
extern "C" int tern_run_main(int argc, char **argv, const TernArtifact *linked);

#endif // TERN_RUNTIME_TERNRUN_H
