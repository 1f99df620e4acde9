//===- Runtime.cpp - The C functions of the runtime -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/runtime/Runtime.h"
#include "Program.h"

#include <cstddef>
#include <cstring>
#include <new>

using namespace tern::runtime;

static thread_local std::string lastError;

static TernStatus fail(TernStatus code, const char *message) noexcept {
  try {
    lastError = message;
  } catch (...) {
    lastError.clear();
  }
  return code;
}

/// Runs a function that returns a MaybeFailure and turns whatever goes wrong
/// into a status.
template <typename Function>
static TernStatus guard(const Function &function) noexcept {
  try {
    MaybeFailure failure = function();
    return failure ? fail(failure->code, failure->message.c_str()) : TERN_OK;
  } catch (const std::bad_alloc &) {
    return fail(TERN_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception &e) {
    return fail(TERN_INTERNAL_ERROR, e.what());
  } catch (...) {
    return fail(TERN_INTERNAL_ERROR, "unknown exception");
  }
}

static MaybeFailure nullArgument() {
  return Failure{TERN_INVALID_ARGUMENT, "an argument is a null pointer"};
}

static MaybeFailure readOptions(const TernProgramOptions *given,
                                TernProgramOptions &options) {
  options = {};
  if (!given)
    return std::nullopt;
  // A caller compiled with older headers passes fewer fields.
  if (given->size <
          offsetof(TernProgramOptions, flags) + sizeof(given->flags) ||
      given->size > 4096)
    return Failure{TERN_INVALID_ARGUMENT, "TernProgramOptions.size is not set"};
  options = *given;
  if (options.flags & ~static_cast<uint32_t>(TERN_LOAD_SIGNATURE_ONLY))
    return Failure{TERN_INVALID_ARGUMENT, "unknown TernLoadFlags"};
  return std::nullopt;
}

uint32_t tern_runtime_api_version(void) { return TERN_RUNTIME_API_VERSION; }
const char *tern_runtime_version(void) { return TERN_VERSION; }
const char *tern_last_error(void) { return lastError.c_str(); }

TernStatus tern_program_load(const char *path, const TernProgramOptions *given,
                             TernProgram **result) {
  return guard([&]() -> MaybeFailure {
    if (!path || !result)
      return nullArgument();
    *result = nullptr;
    TernProgramOptions options;
    if (MaybeFailure failure = readOptions(given, options))
      return failure;
    auto program = std::make_unique<TernProgram>();
    if (MaybeFailure failure = program->open(path))
      return failure;
    if (MaybeFailure failure = program->finishLoading(options))
      return failure;
    *result = program.release();
    return std::nullopt;
  });
}

TernStatus tern_program_link(const TernArtifact *artifact,
                             const TernProgramOptions *given,
                             TernProgram **result) {
  return guard([&]() -> MaybeFailure {
    if (!artifact || !result)
      return nullArgument();
    *result = nullptr;
    TernProgramOptions options;
    if (MaybeFailure failure = readOptions(given, options))
      return failure;
    auto program = std::make_unique<TernProgram>();
    program->name = "this executable";
    program->artifact = *artifact;
    if (MaybeFailure failure = program->finishLoading(options))
      return failure;
    *result = program.release();
    return std::nullopt;
  });
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

static MaybeFailure describe(const std::vector<TensorSpec> &specs, size_t index,
                             TernTensorInfo *info) {
  if (!info)
    return nullArgument();
  if (index >= specs.size())
    return Failure{TERN_INVALID_ARGUMENT,
                   "there is no tensor " + std::to_string(index)};
  const TensorSpec &spec = specs[index];
  *info = {spec.name.c_str(), toDLPack(spec.dtype),
           static_cast<int32_t>(spec.shape.size()), spec.shape.data(),
           spec.symbolNames.data()};
  return std::nullopt;
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
    if (numDims != program->signature.dims.size())
      return Failure{TERN_INVALID_ARGUMENT,
                     "the model has " +
                         std::to_string(program->signature.dims.size()) +
                         " symbolic extents, got " + std::to_string(numDims)};
    *bytes = program->artifact.arena_size(dims);
    return std::nullopt;
  });
}

TernStatus tern_program_output_shapes(TernProgram *program,
                                      const DLTensor *const *inputs,
                                      size_t numInputs, int64_t *extents,
                                      size_t numExtents) {
  return guard([&]() -> MaybeFailure {
    if (!program || (numExtents && !extents))
      return nullArgument();
    std::lock_guard<std::mutex> lock(program->mutex);
    if (MaybeFailure failure =
            program->bindInputs(inputs, numInputs, /*withData=*/false))
      return failure;
    if (numExtents != program->extents.size())
      return Failure{
          TERN_INVALID_ARGUMENT,
          "the outputs have " + std::to_string(program->extents.size()) +
              " extents together, got room for " + std::to_string(numExtents)};
    if (numExtents)
      std::memcpy(extents, program->extents.data(),
                  numExtents * sizeof(int64_t));
    return std::nullopt;
  });
}

TernStatus tern_program_invoke(TernProgram *program,
                               const DLTensor *const *inputs, size_t numInputs,
                               const DLTensor *const *outputs,
                               size_t numOutputs) {
  return guard([&]() -> MaybeFailure {
    if (!program)
      return nullArgument();
    std::lock_guard<std::mutex> lock(program->mutex);
    return program->invoke(inputs, numInputs, outputs, numOutputs);
  });
}

uint32_t tern_program_num_threads(const TernProgram *program) {
  return program && program->pool ? program->pool->size() : 0;
}

TernStatus tern_program_set_num_threads(TernProgram *program, uint32_t count) {
  return guard([&]() -> MaybeFailure {
    if (!program)
      return nullArgument();
    std::lock_guard<std::mutex> lock(program->mutex);
    if (program->profile)
      return Failure{TERN_INVALID_ARGUMENT,
                     "the number of threads is fixed while profiling"};
    return program->setNumThreads(count);
  });
}

TernStatus tern_program_profile_begin(TernProgram *program) {
  return guard([&]() -> MaybeFailure {
    if (!program)
      return nullArgument();
    std::lock_guard<std::mutex> lock(program->mutex);
    if (program->profile || !program->pool)
      return Failure{TERN_INVALID_ARGUMENT,
                     "profiling is already on, or there is nothing to run"};
    program->profile = std::make_unique<Profile>(program->pool->size());
    return std::nullopt;
  });
}

TernStatus tern_program_profile_end(TernProgram *program, const char *path) {
  return guard([&]() -> MaybeFailure {
    if (!program || !path)
      return nullArgument();
    std::lock_guard<std::mutex> lock(program->mutex);
    if (!program->profile)
      return Failure{TERN_INVALID_ARGUMENT, "profiling is not on"};
    std::unique_ptr<Profile> profile = std::move(program->profile);
    if (MaybeError error = profile->write(path, program->signature.model))
      return Failure{TERN_IO_ERROR, *error};
    return std::nullopt;
  });
}
