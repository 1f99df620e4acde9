//===- Invoke.cpp - Check tensors and run models ----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Program.h"

#include <cstring>

using namespace tern::runtime;

DLDataType tern::runtime::toDLPack(DType dtype) {
  uint8_t code = kDLFloat;
  switch (dtype) {
  case DType::F32:
  case DType::F64:
  case DType::F16:
    break;
  case DType::BF16:
    code = kDLBfloat;
    break;
  case DType::I8:
  case DType::I16:
  case DType::I32:
  case DType::I64:
    code = kDLInt;
    break;
  case DType::U8:
  case DType::U16:
  case DType::U32:
  case DType::U64:
    code = kDLUInt;
    break;
  case DType::Bool:
    code = TERN_DLPACK_BOOL;
    break;
  }
  return {code, static_cast<uint8_t>(8 * dtypeSize(dtype)), 1};
}

static bool matches(DLDataType given, DType dtype) {
  DLDataType wanted = toDLPack(dtype);
  // Producers older than DLPack's boolean type pass booleans as uint8.
  bool sameCode = given.code == wanted.code ||
                  (dtype == DType::Bool && given.code == kDLUInt);
  return sameCode && given.bits == wanted.bits && given.lanes == 1;
}

static std::string describe(DLDataType given) {
  for (size_t i = 0; i < numDTypes; ++i)
    if (DType dtype = static_cast<DType>(i);
        matches(given, dtype) && given.code == toDLPack(dtype).code)
      return dtypeName(dtype);
  return "DLPack type code " + std::to_string(given.code) + " with " +
         std::to_string(given.bits) + " bits and " +
         std::to_string(given.lanes) + " lanes";
}

static bool isDense(const DLTensor &tensor, bool empty) {
  if (!tensor.strides || empty)
    return true;
  int64_t expected = 1;
  for (int i = tensor.ndim - 1; i >= 0; --i) {
    if (tensor.shape[i] != 1 && tensor.strides[i] != expected)
      return false;
    expected *= tensor.shape[i];
  }
  return true;
}

static char *address(const DLTensor &tensor) {
  return tensor.data ? static_cast<char *>(tensor.data) + tensor.byte_offset
                     : nullptr;
}

static Failure invalid(std::string message) {
  return {TERN_INVALID_ARGUMENT, std::move(message)};
}

static std::string list(const std::vector<TensorSpec> &specs) {
  std::string text;
  for (const TensorSpec &spec : specs)
    text += (text.empty() ? "" : ", ") + spec.name + ": " + spec.type();
  return text;
}

/// Everything that does not depend on other tensors.
MaybeFailure TernProgram::checkTensor(const DLTensor *tensor,
                                      const TensorSpec &spec, const char *kind,
                                      bool withData) const {
  auto fail = [&](const std::string &what) {
    return invalid(std::string(kind) + " '" + spec.name + "' " + what);
  };
  if (!tensor)
    return fail("is a null pointer");
  if (!matches(tensor->dtype, spec.dtype))
    return fail("has dtype " + describe(tensor->dtype) + ", expected " +
                dtypeName(spec.dtype));
  size_t rank = spec.shape.size();
  if (tensor->ndim < 0 || static_cast<size_t>(tensor->ndim) != rank)
    return fail("has rank " + std::to_string(tensor->ndim) + ", expected " +
                std::to_string(rank) + " (" + spec.type() + ")");
  if (rank && !tensor->shape)
    return fail("has no shape");
  bool empty = false;
  int64_t bytes = static_cast<int64_t>(dtypeSize(spec.dtype));
  for (size_t i = 0; i < rank; ++i) {
    int64_t extent = tensor->shape[i];
    if (extent < 0)
      return fail("has a negative extent");
    if (spec.shape[i] >= 0 && extent != spec.shape[i])
      return fail("has extent " + std::to_string(extent) + " in dimension " +
                  std::to_string(i) + ", expected " +
                  std::to_string(spec.shape[i]) + " (" + spec.type() + ")");
    empty |= extent == 0;
    if (extent && __builtin_mul_overflow(bytes, extent, &bytes))
      return fail("has a size that overflows");
  }
  if (!withData)
    return std::nullopt;
  if (tensor->device.device_type != kDLCPU &&
      tensor->device.device_type != kDLCUDAHost)
    return fail("is on device type " +
                std::to_string(static_cast<int>(tensor->device.device_type)) +
                ", not on the CPU");
  if (!isDense(*tensor, empty))
    return fail("is not dense and row-major");
  if (empty)
    return std::nullopt;
  if (!tensor->data)
    return fail("has no data");
  if (reinterpret_cast<uintptr_t>(address(*tensor)) % dtypeSize(spec.dtype))
    return fail("has data that is not aligned for its dtype");
  return std::nullopt;
}

static int64_t sizeInBytes(const DLTensor &tensor, DType dtype) {
  int64_t bytes = static_cast<int64_t>(dtypeSize(dtype));
  for (int i = 0; i < tensor.ndim; ++i)
    bytes *= tensor.shape[i];
  return bytes;
}

MaybeFailure TernProgram::bindInputs(const DLTensor *const *inputs,
                                     size_t count, bool withData) {
  const std::vector<TensorSpec> &specs = signature.inputs;
  if (count != specs.size() || (count && !inputs))
    return invalid("the model takes " + std::to_string(specs.size()) +
                   " inputs (" + list(specs) + "), got " +
                   std::to_string(count));
  for (int64_t &dim : dims)
    dim = -1;
  for (size_t i = 0; i < count; ++i) {
    if (MaybeFailure failure =
            checkTensor(inputs[i], specs[i], "input", withData))
      return failure;
    for (size_t d = 0; d < specs[i].shape.size(); ++d) {
      int symbol = specs[i].symbols[d];
      if (symbol < 0)
        continue;
      int64_t &dim = dims[static_cast<size_t>(symbol)];
      int64_t extent = inputs[i]->shape[d];
      if (dim >= 0 && dim != extent)
        return invalid("input '" + specs[i].name + "' has extent " +
                       std::to_string(extent) + " in dimension " +
                       std::to_string(d) + ", but '" +
                       signature.dims[static_cast<size_t>(symbol)] + "' is " +
                       std::to_string(dim) + " elsewhere");
      dim = extent;
    }
    buffers[i] = address(*inputs[i]);
    bufferSizes[i] = sizeInBytes(*inputs[i], specs[i].dtype);
  }
  artifact.shapes(dims.data(), extents.data());
  for (int64_t extent : extents)
    if (extent < 0)
      return invalid("the model has no output for inputs of these shapes");
  return std::nullopt;
}

MaybeFailure TernProgram::checkOverlaps(size_t numInputs,
                                        size_t numOutputs) const {
  size_t firstOutput = buffers.size() - numOutputs;
  auto overlap = [&](size_t a, size_t b) {
    const char *beginA = static_cast<const char *>(buffers[a]);
    const char *beginB = static_cast<const char *>(buffers[b]);
    return bufferSizes[a] && bufferSizes[b] &&
           beginA < beginB + bufferSizes[b] && beginB < beginA + bufferSizes[a];
  };
  for (size_t out = 0; out < numOutputs; ++out) {
    const std::string &name = signature.outputs[out].name;
    for (size_t in = 0; in < numInputs; ++in)
      if (overlap(firstOutput + out, in))
        return invalid("output '" + name + "' overlaps input '" +
                       signature.inputs[in].name + "' in memory");
    for (size_t other = 0; other < out; ++other)
      if (overlap(firstOutput + out, firstOutput + other))
        return invalid("output '" + name + "' overlaps output '" +
                       signature.outputs[other].name + "' in memory");
  }
  return std::nullopt;
}

namespace {
struct ProfiledLoop {
  void (*body)(void *env, int64_t begin, int64_t end);
  void *env;
  const char *label;
  Profile *profile;
};
} // namespace

static void runProfiled(void *env, int64_t begin, int64_t end) {
  const ProfiledLoop &loop = *static_cast<const ProfiledLoop *>(env);
  int64_t start = Profile::now();
  loop.body(loop.env, begin, end);
  loop.profile->add(ThreadPool::workerIndex(), loop.label, start,
                    Profile::now(), end - begin);
}

static void parallelFor(const TernHost *host,
                        void (*body)(void *env, int64_t begin, int64_t end),
                        void *env, int64_t n, const char *label) {
  TernProgram &program = *static_cast<TernProgram *>(host->context);
  if (!program.profile) {
    program.pool->parallelFor(n, body, env);
    return;
  }
  ProfiledLoop loop = {body, env, label ? label : "loop",
                       program.profile.get()};
  program.pool->parallelFor(n, runProfiled, &loop);
}

MaybeFailure TernProgram::invoke(const DLTensor *const *inputs,
                                 size_t numInputs,
                                 const DLTensor *const *outputs,
                                 size_t numOutputs) {
  if (!pool)
    return invalid(name + " was loaded for its signature only");
  if (MaybeFailure failure = bindInputs(inputs, numInputs, /*withData=*/true))
    return failure;

  const std::vector<TensorSpec> &specs = signature.outputs;
  if (numOutputs != specs.size() || (numOutputs && !outputs))
    return invalid("the model gives " + std::to_string(specs.size()) +
                   " outputs (" + list(specs) + "), got room for " +
                   std::to_string(numOutputs));
  const int64_t *extent = extents.data();
  size_t firstOutput = buffers.size() - numOutputs;
  for (size_t i = 0; i < numOutputs; ++i) {
    if (MaybeFailure failure =
            checkTensor(outputs[i], specs[i], "output", /*withData=*/true))
      return failure;
    for (size_t d = 0; d < specs[i].shape.size(); ++d, ++extent)
      if (outputs[i]->shape[d] != *extent)
        return invalid("output '" + specs[i].name + "' has extent " +
                       std::to_string(outputs[i]->shape[d]) + " in dimension " +
                       std::to_string(d) + ", expected " +
                       std::to_string(*extent) + " for these inputs");
    buffers[firstOutput + i] = address(*outputs[i]);
    bufferSizes[firstOutput + i] = sizeInBytes(*outputs[i], specs[i].dtype);
  }
  if (MaybeFailure failure = checkOverlaps(numInputs, numOutputs))
    return failure;

  int64_t arenaSize = artifact.arena_size(dims.data());
  if (arenaSize < 0 || !arena.reserve(static_cast<size_t>(arenaSize)))
    return Failure{TERN_OUT_OF_MEMORY,
                   "cannot allocate " + std::to_string(arenaSize) +
                       " bytes of scratch memory for inputs of these shapes"};
  host = {TERN_ARTIFACT_ABI, pool->size(), this, parallelFor};
  int64_t start = profile ? Profile::now() : 0;
  artifact.invoke(&host, buffers.data(), dims.data(), arena.data());
  if (profile)
    profile->add(0, "invoke", start, Profile::now(), -1);
  return std::nullopt;
}
