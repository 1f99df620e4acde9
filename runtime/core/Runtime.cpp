//===- Runtime.cpp - The C functions of the runtime -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/runtime/Runtime.h"
#include "CApi.h"
#include "Program.h"
#include "tern/runtime/Text.h"

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

MaybeFailure tern::runtime::readOptions(const TernProgramOptions *given,
                                        TernProgramOptions &options) {
  options = {};
  if (!given)
    return std::nullopt;
  // A caller compiled with older headers passes fewer fields.
  if (given->size <
          offsetof(TernProgramOptions, flags) + sizeof(given->flags) ||
      given->size > 4096)
    return invalid("TernProgramOptions.size is not set");
  options = *given;
  if (options.flags & ~static_cast<uint32_t>(TERN_LOAD_SIGNATURE_ONLY |
                                             TERN_LOAD_VERIFY_WEIGHTS))
    return invalid("unknown TernLoadFlags");
  return std::nullopt;
}

MaybeFailure tern::runtime::describe(const std::vector<TensorSpec> &specs,
                                     size_t index, TernTensorInfo *info) {
  if (!info)
    return nullArgument();
  if (index >= specs.size())
    return invalid("there is no tensor " + std::to_string(index));
  const TensorSpec &spec = specs[index];
  *info = {spec.name.c_str(), toDLPack(spec.dtype),
           static_cast<int32_t>(spec.shape.size()), spec.shape.data(),
           spec.symbolNames.data()};
  return std::nullopt;
}

MaybeFailure tern::runtime::copyExtents(const std::vector<int64_t> &from,
                                        int64_t *extents, size_t count) {
  if (count != from.size())
    return invalid("the outputs have " + std::to_string(from.size()) +
                   " extents together, got room for " + std::to_string(count));
  if (count)
    std::memcpy(extents, from.data(), count * sizeof(int64_t));
  return std::nullopt;
}

uint32_t tern_runtime_api_version(void) { return TERN_RUNTIME_API_VERSION; }
const char *tern_runtime_version(void) { return TERN_VERSION; }
const char *tern_last_error(void) { return lastError; }

TernStatus tern_program_load(const char *path, const TernProgramOptions *given,
                             TernProgram **result) {
  return create(path, given, result,
                [&](TernProgram &program) { return program.open(path); });
}

TernStatus tern_program_link(const TernArtifact *artifact,
                             const TernProgramOptions *given,
                             TernProgram **result) {
  return create(artifact, given, result,
                [&](TernProgram &program) { return program.link(*artifact); });
}

void tern_program_destroy(TernProgram *program) { delete program; }

const char *tern_program_signature(const TernProgram *program) {
  return program ? program->artifact.signature() : "";
}

const char *tern_program_weights_path(const TernProgram *program) {
  return program ? program->weightsPath.c_str() : "";
}

size_t tern_program_num_inputs(const TernProgram *program) {
  return program ? program->signature.inputs.size() : 0;
}

size_t tern_program_num_outputs(const TernProgram *program) {
  return program ? program->signature.outputs.size() : 0;
}

TernStatus tern_program_input(const TernProgram *program, size_t index,
                              TernTensorInfo *info) {
  return guard([&] {
    return program ? describe(program->signature.inputs, index, info)
                   : nullArgument();
  });
}

TernStatus tern_program_output(const TernProgram *program, size_t index,
                               TernTensorInfo *info) {
  return guard([&] {
    return program ? describe(program->signature.outputs, index, info)
                   : nullArgument();
  });
}

size_t tern_program_num_dims(const TernProgram *program) {
  return program ? program->signature.dims.size() : 0;
}

const char *tern_program_dim_name(const TernProgram *program, size_t index) {
  if (!program || index >= program->signature.dims.size())
    return nullptr;
  return program->signature.dims[index].c_str();
}

TernStatus tern_program_arena_size(const TernProgram *program,
                                   const int64_t *dims, size_t numDims,
                                   int64_t *bytes) {
  return guard([&]() -> MaybeFailure {
    if (!program || !bytes || (numDims && !dims))
      return nullArgument();
    return program->call.arenaSize(dims, numDims, *bytes);
  });
}

TernStatus tern_program_output_shapes(TernProgram *program,
                                      const DLTensor *const *inputs,
                                      size_t numInputs, int64_t *extents,
                                      size_t numExtents) {
  return guard([&]() -> MaybeFailure {
    if (!program || (numExtents && !extents))
      return nullArgument();
    std::lock_guard<ForkSafeMutex> lock(program->mutex);
    if (MaybeFailure failure = program->checkFiles())
      return failure;
    if (MaybeFailure failure =
            program->call.setInputs(inputs, numInputs, /*withData=*/false))
      return failure;
    return copyExtents(program->call.outputExtents(), extents, numExtents);
  });
}

TernStatus tern_program_invoke(TernProgram *program,
                               const DLTensor *const *inputs, size_t numInputs,
                               const DLTensor *const *outputs,
                               size_t numOutputs) {
  return guard([&]() -> MaybeFailure {
    if (!program)
      return nullArgument();
    std::lock_guard<ForkSafeMutex> lock(program->mutex);
    if (!program->host.numThreads())
      return invalid(program->name + " was loaded for its signature only");
    if (MaybeFailure failure = program->checkFiles())
      return failure;
    if (MaybeFailure failure =
            program->call.setInputs(inputs, numInputs, /*withData=*/true))
      return failure;
    if (MaybeFailure failure = program->call.setOutputs(outputs, numOutputs))
      return failure;
    return program->call.run(program->host, program->arena);
  });
}

uint32_t tern_program_num_threads(const TernProgram *program) {
  return program ? program->host.numThreads() : 0;
}

TernStatus tern_program_set_num_threads(TernProgram *program, uint32_t count) {
  return guard([&]() -> MaybeFailure {
    if (!program)
      return nullArgument();
    std::lock_guard<ForkSafeMutex> lock(program->mutex);
    return program->host.setNumThreads(count);
  });
}

TernStatus tern_program_profile_begin(TernProgram *program) {
  return guard([&]() -> MaybeFailure {
    if (!program)
      return nullArgument();
    std::lock_guard<ForkSafeMutex> lock(program->mutex);
    return program->host.beginProfile();
  });
}

TernStatus tern_program_profile_end(TernProgram *program, const char *path) {
  return guard([&]() -> MaybeFailure {
    if (!program || !path)
      return nullArgument();
    std::lock_guard<ForkSafeMutex> lock(program->mutex);
    return program->host.endProfile(path, program->signature.model);
  });
}
