//===- Program.cpp - Load and run artifacts ---------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Program.h"
#include "CpuFeatures.h"
#include "OpenWeights.h"
#include "tern/runtime/Text.h"
#include "tern/runtime/WeightsFile.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

using namespace tern::runtime;

static constexpr int64_t stateAlignment = 64;

TernProgram::~TernProgram() {
  // Its table is in the library.
  host.closeDevice();
  std::free(memory);
}

//===----------------------------------------------------------------------===//
// The artifact
//===----------------------------------------------------------------------===//

MaybeFailure TernProgram::open(const std::string &path) {
  name = "'" + path + "'";
  artifactPath = path;
  if (MaybeFailure failure = library.open(path))
    return failure;
  const TernArtifact *(*getModel)(void) = nullptr;
  library.find("tern_model", getModel);
  if (getModel) {
    const TernArtifact *model = getModel();
    return model ? link(*model)
                 : Failure{TERN_BAD_ARTIFACT, name + " is empty"};
  }
  // Up to version 4 each function was a symbol.
  uint32_t (*getAbi)(void) = nullptr;
  library.find("tern_model_abi", getAbi);
  if (getAbi)
    return checkAbi(getAbi(), name);
  return Failure{TERN_BAD_ARTIFACT, name + " is not a Tern artifact: it has no "
                                           "symbol tern_model"};
}

/// The fields that both whoever made a struct and this runtime know.
template <typename Struct> static Struct readStruct(const Struct &given) {
  Struct known = {};
  std::memcpy(&known, &given, std::min<uint64_t>(given.size, sizeof(known)));
  return known;
}

MaybeFailure TernProgram::link(const TernArtifact &linked) {
  if (name.empty())
    name = "this executable";
  if (MaybeFailure failure = checkAbi(linked.abi, name))
    return failure;
  artifact = readStruct(linked);
  if (!artifact.signature || (artifact.num_functions && !artifact.functions))
    return Failure{TERN_BAD_ARTIFACT, name + " lacks a function"};
  return std::nullopt;
}

MaybeFailure TernProgram::finishLoading(const TernProgramOptions &options,
                                        bool trains) {
  if (MaybeError error = parseSignature(artifact.signature, signature))
    return Failure{TERN_BAD_ARTIFACT, name + " has a bad signature: " + *error};
  if (signature.isTraining() && !trains)
    return Failure{TERN_BAD_ARTIFACT,
                   name + " is a training artifact: tern-train runs it"};
  if (!signature.isTraining() && trains)
    return Failure{TERN_BAD_ARTIFACT,
                   name + " is no training artifact (ternc --train makes one); "
                          "tern-run runs it"};
  state.resize(signature.state.size());
  if (auto step = signature.findFunction("train_step"))
    measurements.resize(signature.functions[*step].outputs.size());
  if (options.weights_path)
    givenWeights = options.weights_path;
  verify = options.flags & TERN_LOAD_VERIFY_WEIGHTS;
  if (MaybeFailure failure = setDefaults())
    return failure;
  if (MaybeFailure failure = setStateDims(options))
    return failure;
  if (!(options.flags & TERN_LOAD_SIGNATURE_ONLY)) {
    if (MaybeError error = checkCpuFeatures(signature.features))
      return Failure{TERN_UNSUPPORTED_CPU,
                     "cannot run " + name + ": " + *error};
    if (MaybeFailure failure = openDevice(options.device_path))
      return failure;
    if (MaybeFailure failure = allocateState())
      return failure;
    if (!signature.isTraining()) {
      if (MaybeFailure failure = mapState())
        return failure;
      fillState();
    }
    if (MaybeFailure failure = host.setNumThreads(options.num_threads))
      return failure;
  }
  return prepareCalls();
}

MaybeFailure TernProgram::openDevice(const char *path) {
  if (!artifact.device) {
    if (path)
      return invalid(name + " runs on this processor: it takes no device");
    return std::nullopt;
  }
  deviceTable = readStruct(*artifact.device);
  if (!path)
    return invalid(
        name + " has kernels" +
        (deviceTable.num_images
             ? " of kind '" + std::string(deviceTable.images[0]->kind) + "'"
             : "") +
        ": name their device's library (--device=FILE, device_path)");
  if (MaybeError error = host.openDevice(path, deviceTable))
    return Failure{TERN_INVALID_ARGUMENT, "cannot run " + name + ": " + *error};
  return std::nullopt;
}

MaybeFailure TernProgram::prepareCalls() {
  calls.resize(signature.functions.size());
  for (size_t i = 0; i < calls.size(); ++i) {
    const FunctionSpec &spec = signature.functions[i];
    TernFunction code = {};
    for (uint64_t f = 0; f < artifact.num_functions; ++f)
      if (const TernFunction *function = artifact.functions[f];
          function && function->name && function->name == spec.name)
        code = readStruct(*function);
    if (!code.shapes || !code.arena_sizes || !code.invoke)
      return Failure{TERN_BAD_ARTIFACT,
                     name + " lacks the function " + spec.name};
    // What profiles call it.
    if (spec.name == "main")
      code.name = "invoke";
    size_t index = 0;
    calls[i].prepare(spec, spec.scalars.size() + spec.state.size(), code);
    for (size_t scalar : spec.scalars)
      calls[i].bind(index++, &cells[scalar], sizeof(cells[scalar]));
    // What is mapped is read-only and overlaps nothing.
    for (size_t tensor : spec.state)
      calls[i].bind(index++, state[tensor],
                    memory && owns(tensor) ? signature.state[tensor].numBytes()
                                           : 0);
    calls[i].setStateDims(stateExtents);
  }
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// The state
//===----------------------------------------------------------------------===//

/// Takes the extents of the state that the options name, and puts them in its
/// shapes.
MaybeFailure TernProgram::setStateDims(const TernProgramOptions &options) {
  if (options.num_state_dims && !options.state_dims)
    return invalid("TernProgramOptions.state_dims is null");
  stateExtents.assign(signature.stateDims.size(), -1);
  auto list = [&] {
    std::string text;
    for (const std::string &dim : signature.stateDims)
      text += (text.empty() ? "" : ", ") + dim;
    return text.empty() ? std::string("none") : text;
  };
  for (size_t i = 0; i < options.num_state_dims; ++i) {
    const TernDim &given = options.state_dims[i];
    if (!given.name)
      return invalid("TernProgramOptions.state_dims has no name");
    auto it = std::find(signature.stateDims.begin(), signature.stateDims.end(),
                        given.name);
    std::string dim =
        "the extent '" + std::string(given.name) + "' of the state";
    if (it == signature.stateDims.end())
      return invalid(name + " has no state with an extent '" + given.name +
                     "'; there are: " + list() +
                     suggest(given.name, signature.stateDims));
    if (given.extent < 1)
      return invalid(dim + " is " + std::to_string(given.extent) +
                     ", which is not positive");
    int64_t &extent =
        stateExtents[static_cast<size_t>(it - signature.stateDims.begin())];
    if (extent >= 0)
      return invalid(dim + " is given twice");
    extent = given.extent;
  }
  if (options.flags & TERN_LOAD_SIGNATURE_ONLY)
    return std::nullopt;
  for (size_t i = 0; i < stateExtents.size(); ++i)
    if (stateExtents[i] < 0)
      return invalid(name + " has state whose extent '" +
                     signature.stateDims[i] +
                     "' is not given: set it when the program is loaded");
  for (StateSpec &spec : signature.state) {
    for (size_t axis = 0; axis < spec.shape.size(); ++axis)
      if (spec.dims[axis] >= 0)
        spec.shape[axis] = stateExtents[static_cast<size_t>(spec.dims[axis])];
    if (!byteSize(spec.dtype, spec.shape))
      return Failure{TERN_OUT_OF_MEMORY, "the size of state '" + spec.name +
                                             "' (" + spec.type() +
                                             ") overflows"};
  }
  return std::nullopt;
}

int64_t TernProgram::stateExtent(const std::string &dim) const {
  for (size_t i = 0; i < stateExtents.size(); ++i)
    if (signature.stateDims[i] == dim)
      return stateExtents[i];
  return -1;
}

MaybeFailure TernProgram::allocateState() {
  std::vector<int64_t> offsets;
  bool isNeeded = signature.isTraining();
  for (size_t i = 0; i < signature.state.size(); ++i) {
    const StateSpec &spec = signature.state[i];
    offsets.push_back(stateSize);
    if (!owns(i))
      continue;
    isNeeded = true;
    if (__builtin_add_overflow(stateSize, spec.numBytes(), &stateSize) ||
        __builtin_add_overflow(stateSize, stateAlignment - 1, &stateSize))
      return Failure{TERN_OUT_OF_MEMORY, "the size of the state overflows"};
    stateSize = stateSize / stateAlignment * stateAlignment;
  }
  if (!isNeeded)
    return std::nullopt;
  // The system may grant more than there is and kill the process later.
  int64_t limit = int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  if (stateSize > limit ||
      ::posix_memalign(&memory, stateAlignment,
                       static_cast<size_t>(stateSize) + 1) != 0)
    return Failure{TERN_OUT_OF_MEMORY, "cannot allocate " +
                                           std::to_string(stateSize) +
                                           " bytes for the model's state"};
  for (size_t i = 0; i < offsets.size(); ++i)
    if (owns(i))
      state[i] = static_cast<char *>(memory) + offsets[i];
  return std::nullopt;
}

MaybeFailure TernProgram::mapState() {
  if (std::none_of(signature.state.begin(), signature.state.end(),
                   [](const StateSpec &spec) { return spec.isParam; }))
    return std::nullopt;
  SafetensorsIndex index;
  std::string file;
  if (MaybeFailure failure = readWeights(weights, index, file))
    return failure;
  auto bad = [&](const std::string &what) {
    return Failure{TERN_BAD_WEIGHTS, file + " " + what};
  };
  for (size_t i = 0; i < state.size(); ++i) {
    const StateSpec &param = signature.state[i];
    if (owns(i))
      continue;
    auto it = index.tensors.find(param.name);
    if (it == index.tensors.end())
      return bad("lacks the parameter '" + param.name + "'");
    const SafetensorsView &view = it->second;
    if (view.dtype != param.dtype || view.shape != param.shape)
      return bad("has parameter '" + param.name + "' as " +
                 typeString(view.dtype, view.shape) + ", " + name + " needs " +
                 param.type());
    if (reinterpret_cast<uintptr_t>(view.data) % dtypeSize(view.dtype) != 0)
      return bad("has parameter '" + param.name +
                 "' at an address that is not aligned for its dtype");
    // Artifacts only read their parameters.
    state[i] = const_cast<char *>(view.data);
  }
  return std::nullopt;
}

/// Finds the weights and checks that they are this artifact's. A file that the
/// options name may give a training artifact parameters by their names.
MaybeFailure TernProgram::readWeights(MappedFile &mapped,
                                      SafetensorsIndex &index,
                                      std::string &file) {
  bool trains = signature.isTraining();
  bool isForeign = trains && givenWeights;
  const char *data = artifact.weights;
  uint64_t size = artifact.weights_size;
  file = "the weights embedded in " + name;
  if (givenWeights || !artifact.weights) {
    if (!givenWeights && !library)
      return invalid(trains ? "the path of the initial parameters is missing"
                            : "the path of the weights file is missing");
    std::string path =
        givenWeights ? *givenWeights : defaultWeightsPath(artifactPath);
    if (MaybeError error =
            openWeights(path, signature.weightsId, mapped, weightsPath))
      return Failure{TERN_IO_ERROR,
                     *error + " (these are the " +
                         (trains ? "initial parameters" : "weights") + " of " +
                         name + ")"};
    data = mapped.data();
    size = mapped.size();
    file = "'" + weightsPath + "'";
  }
  if (MaybeError error = parseSafetensors(data, size, index))
    return Failure{TERN_BAD_WEIGHTS, file + " is malformed: " + *error};
  auto id = index.metadata.find(kWeightsIdKey);
  if (id == index.metadata.end()) {
    if (isForeign)
      return std::nullopt;
    return Failure{TERN_BAD_WEIGHTS,
                   file + " is not a weights file of Tern: its metadata has "
                          "no tern_weights_id"};
  }
  if (id->second != signature.weightsId)
    return Failure{TERN_BAD_WEIGHTS,
                   file + " holds the weights of another model: its id is " +
                       id->second + ", " + name + " needs " +
                       signature.weightsId +
                       "; use the file written together with it"};
  if (MaybeError error = checkWeights(data, size, signature, verify))
    return Failure{TERN_BAD_WEIGHTS, file + " " + *error};
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

Call *TernProgram::find(const char *function) {
  if (!function)
    return nullptr;
  std::optional<size_t> index = signature.findFunction(function);
  return index ? &calls[*index] : nullptr;
}

MaybeFailure TernProgram::checkFiles() const {
  if (library.isDamaged())
    return Failure{TERN_IO_ERROR, describeCutFile(artifactPath)};
  if (weights.hasShrunk())
    return Failure{TERN_IO_ERROR, describeCutFile(weightsPath)};
  return std::nullopt;
}

MaybeFailure TernProgram::checkHasValues() const {
  if (!host.numThreads())
    return invalid(name + " was loaded for its signature only");
  if (!hasValues)
    return invalid(signature.isTraining()
                       ? "the state has no values yet: initialize it or "
                         "restore a checkpoint"
                       : "the state has no values since a call went wrong: "
                         "reset it");
  return std::nullopt;
}

MaybeFailure TernProgram::checkOwnsState() const {
  if (!host.numThreads())
    return invalid(name + " was loaded for its signature only");
  if (!signature.isTraining())
    return invalid(name + " is no training artifact: its parameters stay");
  return std::nullopt;
}

MaybeFailure TernProgram::setInputs(Call &call, const DLTensor *const *inputs,
                                    size_t count) {
  if (MaybeFailure failure = checkHasValues())
    return failure;
  if (MaybeFailure failure = checkFiles())
    return failure;
  if (MaybeFailure failure = call.setInputs(inputs, count, /*withData=*/true))
    return failure;
  return checkScalars(call);
}

MaybeFailure TernProgram::run(Call &call, const DLTensor *const *outputs,
                              size_t count) {
  if (MaybeFailure failure = call.setOutputs(outputs, count))
    return failure;
  return runCall(call);
}

MaybeFailure TernProgram::runCall(Call &call) {
  MaybeFailure failure = call.run(host, arena);
  // What ran on what it is not for has spoilt what it updates.
  if (call.hasSpoiltState())
    hasValues = false;
  return failure;
}
