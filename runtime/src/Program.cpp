//===- Program.cpp - Load models --------------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Program.h"
#include "CpuFeatures.h"
#include "tern/runtime/Safetensors.h"

#include <cstdlib>
#include <cstring>

#include <dlfcn.h>

using namespace tern::runtime;

static constexpr uint32_t maxThreads = 1024;

Arena::~Arena() { std::free(memory); }

bool Arena::reserve(size_t size) {
  if (size <= capacity && memory)
    return true;
  // Models that need no scratch memory still get a valid pointer.
  size = size < 64 ? 64 : size;
  void *fresh = nullptr;
  if (::posix_memalign(&fresh, 64, size) != 0)
    return false;
  std::free(memory);
  memory = fresh;
  capacity = size;
  return true;
}

std::string tern::runtime::defaultWeightsPath(const std::string &artifact) {
  std::string stem = artifact;
  if (stem.size() > 3 && stem.compare(stem.size() - 3, 3, ".so") == 0)
    stem.resize(stem.size() - 3);
  return stem + ".safetensors";
}

TernProgram::~TernProgram() {
  if (library)
    ::dlclose(library);
}

MaybeFailure TernProgram::open(const std::string &path) {
  name = "'" + path + "'";
  artifactPath = path;
  {
    // dlopen's own messages for these are unclear.
    MappedFile file;
    if (MaybeError error = file.open(path))
      return Failure{TERN_IO_ERROR, *error};
    if (file.size() < 4 || std::memcmp(file.data(), "\177ELF", 4) != 0)
      return Failure{TERN_BAD_ARTIFACT,
                     name + " is not a shared library (ternc -o NAME.so "
                            "makes one)"};
  }
  // Without a slash dlopen would search the system's folders.
  std::string located =
      path.find('/') == std::string::npos ? "./" + path : path;
  library = ::dlopen(located.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *why = ::dlerror();
    return Failure{TERN_BAD_ARTIFACT, "cannot load " + name + ": " +
                                          (why ? why : "unknown reason")};
  }
  std::string missing;
  auto find = [&](const char *symbol, auto &pointer) {
    void *address = ::dlsym(library, symbol);
    if (!address && missing.empty())
      missing = symbol;
    pointer = reinterpret_cast<std::decay_t<decltype(pointer)>>(address);
  };
  // The version comes first: everything else may differ with it.
  find("tern_model_abi", artifact.abi);
  if (!artifact.abi)
    return Failure{TERN_BAD_ARTIFACT,
                   name + " is not a Tern artifact: it has no symbol "
                          "tern_model_abi"};
  if (artifact.abi() != TERN_ARTIFACT_ABI)
    return std::nullopt; // Reported by finishLoading.
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
      static_cast<const char *>(::dlsym(library, "tern_model_weights"));
  if (const void *size = ::dlsym(library, "tern_model_weights_size"))
    artifact.weights_size = *static_cast<const uint64_t *>(size);
  return std::nullopt;
}

MaybeFailure TernProgram::finishLoading(const TernProgramOptions &options) {
  if (!artifact.abi)
    return Failure{TERN_BAD_ARTIFACT, name + " has no function abi"};
  if (uint32_t abi = artifact.abi(); abi != TERN_ARTIFACT_ABI)
    return Failure{TERN_BAD_ARTIFACT, name + " has artifact ABI " +
                                          std::to_string(abi) +
                                          ", this runtime has " +
                                          std::to_string(TERN_ARTIFACT_ABI) +
                                          "; compile the model again"};
  if (!artifact.signature || !artifact.shapes || !artifact.arena_size ||
      !artifact.invoke)
    return Failure{TERN_BAD_ARTIFACT, name + " lacks a function"};
  if (MaybeError error = parseSignature(artifact.signature(), signature))
    return Failure{TERN_BAD_ARTIFACT, name + " has a bad signature: " + *error};

  size_t numExtents = 0;
  for (const TensorSpec &output : signature.outputs)
    numExtents += output.shape.size();
  extents.resize(numExtents);
  dims.resize(signature.dims.size());
  buffers.resize(signature.inputs.size() + signature.params.size() +
                 signature.outputs.size());
  bufferSizes.resize(buffers.size());
  if (options.flags & TERN_LOAD_SIGNATURE_ONLY)
    return std::nullopt;

  if (MaybeError error = checkCpuFeatures(signature.features))
    return Failure{TERN_UNSUPPORTED_CPU, "cannot run " + name + ": " + *error};
  if (MaybeFailure failure = bindWeights(options))
    return failure;
  return setNumThreads(options.num_threads);
}

MaybeFailure TernProgram::bindWeights(const TernProgramOptions &options) {
  if (signature.params.empty())
    return std::nullopt;
  if (!options.weights_path && artifact.weights)
    return bindParams(artifact.weights, artifact.weights_size,
                      "the weights embedded in " + name);
  if (options.weights_path)
    weightsPath = options.weights_path;
  else if (library)
    weightsPath = defaultWeightsPath(artifactPath);
  else
    return Failure{TERN_INVALID_ARGUMENT,
                   "the path of the weights file is missing"};
  if (MaybeError error = weights.open(weightsPath))
    return Failure{TERN_IO_ERROR,
                   *error + " (these are the weights of " + name + ")"};
  return bindParams(weights.data(), weights.size(), "'" + weightsPath + "'");
}

MaybeFailure TernProgram::bindParams(const char *data, uint64_t size,
                                     const std::string &file) {
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
    buffers[signature.inputs.size() + i] = const_cast<char *>(view.data);
  }
  return std::nullopt;
}

MaybeFailure TernProgram::setNumThreads(uint32_t count) {
  if (count == 0) {
    count = numAvailableCores();
    const char *text = std::getenv("TERN_NUM_THREADS");
    if (text && *text) {
      char *end = nullptr;
      unsigned long value = std::strtoul(text, &end, 10);
      if (*end || *text == '-' || value == 0 || value > maxThreads)
        return Failure{TERN_INVALID_ARGUMENT, "TERN_NUM_THREADS is '" +
                                                  std::string(text) +
                                                  "', not a number from 1 to " +
                                                  std::to_string(maxThreads)};
      count = static_cast<uint32_t>(value);
    }
  }
  if (count > maxThreads)
    return Failure{TERN_INVALID_ARGUMENT,
                   "more than " + std::to_string(maxThreads) + " threads"};
  if (!pool || pool->size() != count) {
    pool.reset();
    pool = std::make_unique<ThreadPool>(count);
  }
  return std::nullopt;
}
