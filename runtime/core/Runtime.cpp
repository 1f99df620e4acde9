//===- Runtime.cpp - The C functions of the runtime -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/runtime/Runtime.h"
#include "CApi.h"
#include "tern/runtime/Text.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

using namespace tern::runtime;

/// No string: registering its destructor takes memory in each thread, and
/// where there is none the C library ends the process.
static thread_local char lastError[4096];

static void setLastError(std::string_view line) noexcept {
  static constexpr std::string_view cut = " ...";
  size_t room = sizeof(lastError) - 1, size = line.size();
  bool isCut = size > room;
  // Where a character of UTF-8 begins.
  if (isCut)
    for (size = room - cut.size(); (line[size] & 0xc0) == 0x80;)
      --size;
  std::memcpy(lastError, line.data(), size);
  if (isCut) {
    std::memcpy(lastError + size, cut.data(), cut.size());
    size += cut.size();
  }
  lastError[size] = '\0';
}

TernStatus tern::runtime::fail(TernStatus code,
                               std::string_view message) noexcept {
  try {
    setLastError(messageLine(message));
  } catch (const std::exception &) {
    setLastError("out of memory");
  }
  return code;
}

/// Takes options of a caller that may be older than this library; `given` may
/// be null.
static MaybeFailure readOptions(const TernProgramOptions *given,
                                TernProgramOptions &options) {
  options = {};
  if (!given)
    return std::nullopt;
  // A caller compiled with older headers passes fewer fields.
  if (given->size <
          offsetof(TernProgramOptions, flags) + sizeof(given->flags) ||
      given->size > 4096)
    return invalid("TernProgramOptions.size is not set");
  std::memcpy(&options, given, std::min(given->size, sizeof(options)));
  if (options.flags & ~static_cast<uint32_t>(TERN_LOAD_SIGNATURE_ONLY |
                                             TERN_LOAD_VERIFY_WEIGHTS))
    return invalid("unknown TernLoadFlags");
  return std::nullopt;
}

TernStatus tern::runtime::create(const char *path, const TernArtifact *linked,
                                 const TernProgramOptions *given, bool trains,
                                 TernProgram **result) noexcept {
  return guard([&]() -> MaybeFailure {
    if ((!path && !linked) || !result)
      return nullArgument();
    *result = nullptr;
    TernProgramOptions options;
    if (MaybeFailure failure = readOptions(given, options))
      return failure;
    auto made = std::make_unique<TernProgram>();
    if (MaybeFailure failure = path ? made->open(path) : made->link(*linked))
      return failure;
    if (MaybeFailure failure = made->finishLoading(options, trains))
      return failure;
    *result = made.release();
    return std::nullopt;
  });
}

//===----------------------------------------------------------------------===//
// Any function
//===----------------------------------------------------------------------===//

const FunctionSpec *tern::runtime::findSpec(const TernProgram *program,
                                            const char *function) {
  if (!program || !function)
    return nullptr;
  std::optional<size_t> index = program->signature.findFunction(function);
  return index ? &program->signature.functions[*index] : nullptr;
}

TernStatus tern::runtime::describe(const FunctionSpec *spec,
                                   std::vector<TensorSpec> FunctionSpec::*list,
                                   size_t index,
                                   TernTensorInfo *info) noexcept {
  return guard([&]() -> MaybeFailure {
    if (!spec)
      return noFunction();
    if (!info)
      return nullArgument();
    if (index >= (spec->*list).size())
      return invalid("there is no tensor " + std::to_string(index));
    const TensorSpec &tensor = (spec->*list)[index];
    *info = {tensor.name.c_str(), toDLPack(tensor.dtype),
             static_cast<int32_t>(tensor.shape.size()), tensor.shape.data(),
             tensor.symbolNames.data()};
    return std::nullopt;
  });
}

const char *tern::runtime::dimName(const FunctionSpec *spec, size_t index) {
  return spec && index < spec->dims.size() ? spec->dims[index].c_str()
                                           : nullptr;
}

TernStatus tern::runtime::arenaSize(const TernProgram *program,
                                    const char *function, const int64_t *dims,
                                    size_t numDims, int64_t *bytes) noexcept {
  return guard([&]() -> MaybeFailure {
    if (!program || !bytes || (numDims && !dims))
      return nullArgument();
    const Call *call = program->find(function);
    return call ? call->arenaSize(dims, numDims, *bytes) : noFunction();
  });
}

TernStatus tern::runtime::outputShapes(TernProgram *program,
                                       const char *function,
                                       const DLTensor *const *inputs,
                                       size_t numInputs, int64_t *extents,
                                       size_t numExtents) noexcept {
  return locked(program, [&]() -> MaybeFailure {
    if (numExtents && !extents)
      return nullArgument();
    Call *call = program->find(function);
    if (!call)
      return noFunction();
    if (MaybeFailure failure = program->checkFiles())
      return failure;
    if (MaybeFailure failure =
            call->setInputs(inputs, numInputs, /*withData=*/false))
      return failure;
    const std::vector<int64_t> &all = call->outputExtents();
    if (numExtents != all.size())
      return invalid("the outputs have " + std::to_string(all.size()) +
                     " extents together, got room for " +
                     std::to_string(numExtents));
    if (numExtents)
      std::memcpy(extents, all.data(), numExtents * sizeof(int64_t));
    return std::nullopt;
  });
}

TernStatus tern::runtime::invoke(TernProgram *program, const char *function,
                                 const DLTensor *const *inputs,
                                 size_t numInputs,
                                 const DLTensor *const *outputs,
                                 size_t numOutputs) noexcept {
  return locked(program, [&]() -> MaybeFailure {
    Call *call = program->find(function);
    if (!call)
      return noFunction();
    const std::vector<bool> &donated = call->interface().donated;
    if (program->signature.isTraining() &&
        std::find(donated.begin(), donated.end(), true) != donated.end())
      return invalid(
          "'" + std::string(function) +
          "' is a step of training: tern_trainer_train_step runs it");
    if (MaybeFailure failure = program->setInputs(*call, inputs, numInputs))
      return failure;
    return program->run(*call, outputs, numOutputs);
  });
}

//===----------------------------------------------------------------------===//
// Runtime.h
//===----------------------------------------------------------------------===//

uint32_t tern_runtime_api_version(void) { return TERN_RUNTIME_API_VERSION; }
const char *tern_runtime_version(void) { return TERN_VERSION; }
const char *tern_last_error(void) { return lastError; }

static constexpr const char *mainName = "main";

TernStatus tern_program_load(const char *path, const TernProgramOptions *given,
                             TernProgram **result) {
  return create(path, nullptr, given, /*trains=*/false, result);
}

TernStatus tern_program_link(const TernArtifact *artifact,
                             const TernProgramOptions *given,
                             TernProgram **result) {
  return create(nullptr, artifact, given, /*trains=*/false, result);
}

void tern_program_destroy(TernProgram *program) { delete program; }

const char *tern_program_signature(const TernProgram *program) {
  return program ? program->artifact.signature : "";
}

const char *tern_program_weights_path(const TernProgram *program) {
  return program ? program->weightsPath.c_str() : "";
}

size_t tern_program_num_inputs(const TernProgram *program) {
  const FunctionSpec *spec = findSpec(program, mainName);
  return spec ? spec->inputs.size() : 0;
}

size_t tern_program_num_outputs(const TernProgram *program) {
  const FunctionSpec *spec = findSpec(program, mainName);
  return spec ? spec->outputs.size() : 0;
}

TernStatus tern_program_input(const TernProgram *program, size_t index,
                              TernTensorInfo *info) {
  return describe(findSpec(program, mainName), &FunctionSpec::inputs, index,
                  info);
}

TernStatus tern_program_output(const TernProgram *program, size_t index,
                               TernTensorInfo *info) {
  return describe(findSpec(program, mainName), &FunctionSpec::outputs, index,
                  info);
}

size_t tern_program_num_dims(const TernProgram *program) {
  const FunctionSpec *spec = findSpec(program, mainName);
  return spec ? spec->dims.size() : 0;
}

const char *tern_program_dim_name(const TernProgram *program, size_t index) {
  return dimName(findSpec(program, mainName), index);
}

TernStatus tern_program_arena_size(const TernProgram *program,
                                   const int64_t *dims, size_t numDims,
                                   int64_t *bytes) {
  return arenaSize(program, mainName, dims, numDims, bytes);
}

TernStatus tern_program_output_shapes(TernProgram *program,
                                      const DLTensor *const *inputs,
                                      size_t numInputs, int64_t *extents,
                                      size_t numExtents) {
  return outputShapes(program, mainName, inputs, numInputs, extents,
                      numExtents);
}

TernStatus tern_program_invoke(TernProgram *program,
                               const DLTensor *const *inputs, size_t numInputs,
                               const DLTensor *const *outputs,
                               size_t numOutputs) {
  return invoke(program, mainName, inputs, numInputs, outputs, numOutputs);
}

//===----------------------------------------------------------------------===//
// Functions by name
//===----------------------------------------------------------------------===//

size_t tern_program_num_functions(const TernProgram *program) {
  return program ? program->signature.functions.size() : 0;
}

const char *tern_program_function_name(const TernProgram *program,
                                       size_t index) {
  return index < tern_program_num_functions(program)
             ? program->signature.functions[index].name.c_str()
             : nullptr;
}

size_t tern_function_num_inputs(const TernProgram *program,
                                const char *function) {
  const FunctionSpec *spec = findSpec(program, function);
  return spec ? spec->inputs.size() : 0;
}

size_t tern_function_num_outputs(const TernProgram *program,
                                 const char *function) {
  const FunctionSpec *spec = findSpec(program, function);
  return spec ? spec->outputs.size() : 0;
}

TernStatus tern_function_input(const TernProgram *program, const char *function,
                               size_t index, TernTensorInfo *info) {
  return describe(findSpec(program, function), &FunctionSpec::inputs, index,
                  info);
}

TernStatus tern_function_output(const TernProgram *program,
                                const char *function, size_t index,
                                TernTensorInfo *info) {
  return describe(findSpec(program, function), &FunctionSpec::outputs, index,
                  info);
}

size_t tern_function_num_dims(const TernProgram *program,
                              const char *function) {
  const FunctionSpec *spec = findSpec(program, function);
  return spec ? spec->dims.size() : 0;
}

const char *tern_function_dim_name(const TernProgram *program,
                                   const char *function, size_t index) {
  return dimName(findSpec(program, function), index);
}

TernStatus tern_function_arena_size(const TernProgram *program,
                                    const char *function, const int64_t *dims,
                                    size_t numDims, int64_t *bytes) {
  return arenaSize(program, function, dims, numDims, bytes);
}

TernStatus tern_function_output_shapes(TernProgram *program,
                                       const char *function,
                                       const DLTensor *const *inputs,
                                       size_t numInputs, int64_t *extents,
                                       size_t numExtents) {
  return outputShapes(program, function, inputs, numInputs, extents,
                      numExtents);
}

TernStatus tern_function_invoke(TernProgram *program, const char *function,
                                const DLTensor *const *inputs, size_t numInputs,
                                const DLTensor *const *outputs,
                                size_t numOutputs) {
  return invoke(program, function, inputs, numInputs, outputs, numOutputs);
}

//===----------------------------------------------------------------------===//
// Scalars and state
//===----------------------------------------------------------------------===//

size_t tern_program_num_scalars(const TernProgram *program) {
  return program ? program->signature.scalars.size() : 0;
}

const char *tern_program_scalar_name(const TernProgram *program, size_t index) {
  return index < tern_program_num_scalars(program)
             ? program->signature.scalars[index].name.c_str()
             : nullptr;
}

TernStatus tern_program_set_scalar(TernProgram *program, const char *name,
                                   double value) {
  return locked(program, [&]() -> MaybeFailure {
    return name ? program->setScalar(name, value) : nullArgument();
  });
}

TernStatus tern_program_get_scalar(const TernProgram *program, const char *name,
                                   double *value) {
  return guard([&]() -> MaybeFailure {
    if (!program || !name || !value)
      return nullArgument();
    std::optional<size_t> index = program->signature.findScalar(name);
    if (!index)
      return invalid("there is no scalar '" + std::string(name) + "'");
    std::optional<double> current = program->getScalar(*index);
    if (!current)
      return invalid("the scalar '" + std::string(name) + "' has no value");
    *value = *current;
    return std::nullopt;
  });
}

size_t tern_program_num_state(const TernProgram *program) {
  return program ? program->signature.state.size() : 0;
}

TernStatus tern_program_state(const TernProgram *program, size_t index,
                              TernStateInfo *info) {
  return guard([&]() -> MaybeFailure {
    if (!program || !info)
      return nullArgument();
    if (index >= program->signature.state.size())
      return invalid("there is no state tensor " + std::to_string(index));
    const StateSpec &spec = program->signature.state[index];
    info->name = spec.name.c_str();
    info->is_param = spec.isParam;
    info->is_trainable = spec.trainable;
    // No values, nor memory, with TERN_LOAD_SIGNATURE_ONLY.
    info->tensor = {program->state[index],
                    {kDLCPU, 0},
                    static_cast<int32_t>(spec.shape.size()),
                    toDLPack(spec.dtype),
                    const_cast<int64_t *>(spec.shape.data()),
                    nullptr,
                    0};
    return std::nullopt;
  });
}

static MaybeFailure findState(const TernProgram *program, const char *name,
                              size_t &index) {
  if (!program || !name)
    return nullArgument();
  std::optional<size_t> found = program->signature.findState(name);
  if (!found)
    return invalid("there is no state tensor '" + std::string(name) + "'");
  index = *found;
  return std::nullopt;
}

TernStatus tern_program_find_state(const TernProgram *program, const char *name,
                                   TernStateInfo *info) {
  size_t index = 0;
  TernStatus status = guard([&] { return findState(program, name, index); });
  return status == TERN_OK ? tern_program_state(program, index, info) : status;
}

TernStatus tern_program_set_state(TernProgram *program, const char *name,
                                  const DLTensor *value) {
  return locked(program, [&]() -> MaybeFailure {
    size_t index = 0;
    if (MaybeFailure failure = findState(program, name, index))
      return failure;
    if (!program->owns(index))
      return program->checkOwnsState();
    if (MaybeFailure failure = program->checkHasValues())
      return failure;
    const StateSpec &spec = program->signature.state[index];
    if (MaybeFailure failure =
            checkTensor(value, spec, "state", /*withData=*/true))
      return failure;
    if (int64_t bytes = spec.numBytes())
      std::memmove(program->state[index], address(*value),
                   static_cast<size_t>(bytes));
    return std::nullopt;
  });
}

TernStatus tern_program_reset_state(TernProgram *program) {
  return locked(program, [&] { return program->resetState(); });
}

//===----------------------------------------------------------------------===//
// Threads and profiles
//===----------------------------------------------------------------------===//

uint32_t tern_program_num_threads(const TernProgram *program) {
  return program ? program->host.numThreads() : 0;
}

TernStatus tern_program_set_num_threads(TernProgram *program, uint32_t count) {
  return locked(program, [&] { return program->host.setNumThreads(count); });
}

TernStatus tern_program_profile_begin(TernProgram *program) {
  return locked(program, [&] { return program->host.beginProfile(); });
}

TernStatus tern_program_profile_end(TernProgram *program, const char *path) {
  return locked(program, [&]() -> MaybeFailure {
    if (!path)
      return nullArgument();
    return program->host.endProfile(path, program->signature.model);
  });
}
