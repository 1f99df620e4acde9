//===- Program.cpp - Load models --------------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Program.h"
#include "CpuFeatures.h"
#include "OpenWeights.h"
#include "tern/runtime/Safetensors.h"

using namespace tern::runtime;

MaybeFailure TernProgram::open(const std::string &path) {
  name = "'" + path + "'";
  artifactPath = path;
  if (MaybeFailure failure = library.open(path))
    return failure;
  // The version comes first: everything else may differ with it.
  library.find("tern_model_abi", artifact.abi);
  if (MaybeFailure failure = checkAbi(artifact.abi, name))
    return failure;
  if (library.find("tern_model_train_step_invoke"))
    return Failure{TERN_BAD_ARTIFACT,
                   name + " is a training artifact: tern-train runs it"};
  std::string missing;
  auto find = [&](const char *symbol, auto &pointer) {
    library.find(symbol, pointer);
    if (!pointer && missing.empty())
      missing = symbol;
  };
  find("tern_model_signature", artifact.signature);
  find("tern_model_shapes", artifact.shapes);
  find("tern_model_arena_size", artifact.arena_size);
  find("tern_model_invoke", artifact.invoke);
  if (!missing.empty())
    return Failure{TERN_BAD_ARTIFACT, name +
                                          " is not a Tern artifact: it has "
                                          "no symbol " +
                                          missing};
  artifact.weights =
      static_cast<const char *>(library.find("tern_model_weights"));
  if (const void *size = library.find("tern_model_weights_size"))
    artifact.weights_size = *static_cast<const uint64_t *>(size);
  return std::nullopt;
}

MaybeFailure TernProgram::link(const TernArtifact &linked) {
  name = "this executable";
  artifact = linked;
  return std::nullopt;
}

MaybeFailure TernProgram::finishLoading(const TernProgramOptions &options) {
  if (MaybeFailure failure = checkAbi(artifact.abi, name))
    return failure;
  if (!artifact.signature || !artifact.shapes || !artifact.arena_size ||
      !artifact.invoke)
    return Failure{TERN_BAD_ARTIFACT, name + " lacks a function"};
  if (MaybeError error = parseSignature(artifact.signature(), signature))
    return Failure{TERN_BAD_ARTIFACT, name + " has a bad signature: " + *error};

  call.prepare(
      signature, signature.params.size(),
      {"invoke", artifact.shapes, artifact.arena_size, artifact.invoke});
  if (options.flags & TERN_LOAD_SIGNATURE_ONLY)
    return std::nullopt;

  if (MaybeError error = checkCpuFeatures(signature.features))
    return Failure{TERN_UNSUPPORTED_CPU, "cannot run " + name + ": " + *error};
  if (MaybeFailure failure = bindWeights(options))
    return failure;
  return host.setNumThreads(options.num_threads);
}

MaybeFailure TernProgram::checkFiles() const {
  if (library.isDamaged())
    return Failure{TERN_IO_ERROR, describeCutFile(artifactPath)};
  if (weights.hasShrunk())
    return Failure{TERN_IO_ERROR, describeCutFile(weightsPath)};
  return std::nullopt;
}

MaybeFailure TernProgram::bindWeights(const TernProgramOptions &options) {
  if (signature.params.empty())
    return std::nullopt;
  bool verify = options.flags & TERN_LOAD_VERIFY_WEIGHTS;
  if (!options.weights_path && artifact.weights)
    return bindParams(artifact.weights, artifact.weights_size,
                      "the weights embedded in " + name, verify);
  if (options.weights_path)
    weightsPath = options.weights_path;
  else if (library)
    weightsPath = defaultWeightsPath(artifactPath);
  else
    return Failure{TERN_INVALID_ARGUMENT,
                   "the path of the weights file is missing"};
  if (MaybeError error =
          openWeights(weightsPath, signature.weightsId, weights, weightsPath))
    return Failure{TERN_IO_ERROR,
                   *error + " (these are the weights of " + name + ")"};
  return bindParams(weights.data(), weights.size(), "'" + weightsPath + "'",
                    verify);
}

MaybeFailure TernProgram::bindParams(const char *data, uint64_t size,
                                     const std::string &file, bool verify) {
  SafetensorsIndex index;
  if (MaybeError error = parseSafetensors(data, size, index))
    return Failure{TERN_BAD_WEIGHTS, file + " is malformed: " + *error};
  auto id = index.metadata.find("tern_weights_id");
  if (id == index.metadata.end())
    return Failure{TERN_BAD_WEIGHTS,
                   file + " is not a weights file of Tern: its metadata has "
                          "no tern_weights_id"};
  if (id->second != signature.weightsId)
    return Failure{TERN_BAD_WEIGHTS,
                   file + " holds the weights of another model: its id is " +
                       id->second + ", " + name + " needs " +
                       signature.weightsId +
                       "; use the file written together with it"};
  if (MaybeError error = checkWeights(data, size, signature, verify))
    return Failure{TERN_BAD_WEIGHTS, file + " " + *error};
  for (size_t i = 0; i < signature.params.size(); ++i) {
    const TensorSpec &param = signature.params[i];
    auto it = index.tensors.find(param.name);
    if (it == index.tensors.end())
      return Failure{TERN_BAD_WEIGHTS,
                     file + " lacks the parameter '" + param.name + "'"};
    const SafetensorsView &view = it->second;
    if (view.dtype != param.dtype || view.shape != param.shape)
      return Failure{TERN_BAD_WEIGHTS,
                     file + " has parameter '" + param.name + "' as " +
                         typeString(view.dtype, view.shape) + ", " + name +
                         " needs " + param.type()};
    if (reinterpret_cast<uintptr_t>(view.data) % dtypeSize(view.dtype) != 0)
      return Failure{TERN_BAD_WEIGHTS,
                     file + " has parameter '" + param.name +
                         "' at an address that is not aligned for its dtype"};
    // Artifacts only read their parameters.
    call.bind(i, const_cast<char *>(view.data), 0);
  }
  return std::nullopt;
}
