//===- Call.cpp - One function of an artifact -------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Call.h"
#include "../io/ElementType.h"

#include <algorithm>

using namespace tern::runtime;

bool Arena::reserve(size_t size) {
  if (size <= capacity && memory)
    return true;
  // Functions that need no scratch memory still get a valid pointer.
  size = size < 64 ? 64 : size;
  void *fresh = nullptr;
  if (::posix_memalign(&fresh, 64, size) != 0)
    return false;
  memory.reset(fresh);
  capacity = size;
  return true;
}

DLDataType tern::runtime::toDLPack(DType dtype) {
  static constexpr uint8_t codes[] = {kDLFloat, kDLUInt, kDLInt, kDLUInt,
                                      TERN_DLPACK_BOOL};
  uint8_t code = dtype == DType::BF16
                     ? static_cast<uint8_t>(kDLBfloat)
                     : codes[static_cast<size_t>(elementType(dtype).kind)];
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

char *tern::runtime::address(const DLTensor &tensor) {
  return tensor.data ? static_cast<char *>(tensor.data) + tensor.byte_offset
                     : nullptr;
}

MaybeFailure tern::runtime::checkTensor(const DLTensor *tensor,
                                        const TensorSpec &spec,
                                        const char *kind, bool withData) {
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

void Call::prepare(const FunctionSpec &interface, size_t count,
                   const TernFunction &code) {
  specs = &interface;
  function = code;
  numBound = count;
  size_t numExtents = 0;
  for (const TensorSpec &output : interface.outputs)
    numExtents += output.shape.size();
  extents.resize(numExtents);
  answers.resize(numExtents + interface.checks.size());
  dims.resize(interface.dims.size());
  knownDims.assign(dims.size(), -1);
  buffers.resize(interface.inputs.size() + count + interface.outputs.size());
  sizes.resize(buffers.size());
}

void Call::setStateDims(const std::vector<int64_t> &values) {
  for (size_t i = 0; i < knownDims.size(); ++i)
    if (specs->stateDims[i] >= 0)
      knownDims[i] = values[static_cast<size_t>(specs->stateDims[i])];
}

int64_t Call::findDim(const std::string &name) const {
  for (size_t i = 0; i < dims.size(); ++i)
    if (specs->dims[i] == name)
      return dims[i];
  return -1;
}

void Call::bind(size_t index, void *data, int64_t size) {
  buffers[specs->inputs.size() + index] = data;
  sizes[specs->inputs.size() + index] = size;
}

static MaybeFailure tooMuchScratch() {
  return Failure{TERN_OUT_OF_MEMORY,
                 "inputs of these shapes need more bytes of scratch memory "
                 "than 64 bits can count"};
}

MaybeFailure Call::arenaSize(const int64_t *values, size_t count,
                             int64_t &bytes) const {
  if (count != dims.size())
    return invalid("the model has " + std::to_string(dims.size()) +
                   " symbolic extents, got " + std::to_string(count));
  function.arena_sizes(values, /*num_spaces=*/1, &bytes);
  if (bytes < 0)
    return tooMuchScratch();
  return std::nullopt;
}

MaybeFailure Call::setInputs(const DLTensor *const *inputs, size_t count,
                             bool withData) {
  const std::vector<TensorSpec> &inputSpecs = specs->inputs;
  if (count != inputSpecs.size() || (count && !inputs))
    return invalid("the model takes " + std::to_string(inputSpecs.size()) +
                   " inputs (" + listTensors(inputSpecs) + "), got " +
                   std::to_string(count));
  std::copy(knownDims.begin(), knownDims.end(), dims.begin());
  for (size_t i = 0; i < count; ++i) {
    if (MaybeFailure failure =
            checkTensor(inputs[i], inputSpecs[i], "input", withData))
      return failure;
    for (size_t d = 0; d < inputSpecs[i].shape.size(); ++d) {
      if (inputSpecs[i].dims[d] < 0)
        continue;
      int64_t &dim = dims[static_cast<size_t>(inputSpecs[i].dims[d])];
      int64_t extent = inputs[i]->shape[d];
      if (dim >= 0 && dim != extent)
        return invalid("input '" + inputSpecs[i].name + "' has extent " +
                       std::to_string(extent) + " in dimension " +
                       std::to_string(d) + ", but '" +
                       inputSpecs[i].symbols[d] + "' is " +
                       std::to_string(dim) + " elsewhere");
      dim = extent;
    }
    buffers[i] = address(*inputs[i]);
    sizes[i] = sizeInBytes(*inputs[i], inputSpecs[i].dtype);
  }
  function.shapes(dims.data(), answers.data());
  std::copy_n(answers.begin(), extents.size(), extents.begin());
  for (size_t i = 0; i < specs->checks.size(); ++i)
    if (!answers[extents.size() + i])
      return invalid("the inputs' shapes do not fit the model: " +
                     specs->checks[i]);
  for (int64_t extent : extents)
    if (extent < 0)
      return invalid("the model has no output for inputs of these shapes");
  return std::nullopt;
}

MaybeFailure Call::setOutputs(const DLTensor *const *outputs, size_t count) {
  const std::vector<TensorSpec> &outputSpecs = specs->outputs;
  if (count != outputSpecs.size() || (count && !outputs))
    return invalid("the model gives " + std::to_string(outputSpecs.size()) +
                   " outputs (" + listTensors(outputSpecs) +
                   "), got room for " + std::to_string(count));
  const int64_t *extent = extents.data();
  size_t firstOutput = buffers.size() - count;
  for (size_t i = 0; i < count; ++i) {
    const TensorSpec &spec = outputSpecs[i];
    if (MaybeFailure failure =
            checkTensor(outputs[i], spec, "output", /*withData=*/true))
      return failure;
    for (size_t d = 0; d < spec.shape.size(); ++d, ++extent)
      if (outputs[i]->shape[d] != *extent)
        return invalid("output '" + spec.name + "' has extent " +
                       std::to_string(outputs[i]->shape[d]) + " in dimension " +
                       std::to_string(d) + ", expected " +
                       std::to_string(*extent) + " for these inputs");
    buffers[firstOutput + i] = address(*outputs[i]);
    sizes[firstOutput + i] = sizeInBytes(*outputs[i], spec.dtype);
  }
  return checkOverlaps();
}

std::string Call::describeBuffer(size_t index) const {
  size_t numInputs = specs->inputs.size();
  if (index < numInputs)
    return "input '" + specs->inputs[index].name + "'";
  if (index < numInputs + numBound)
    return "the model's state";
  return "output '" + specs->outputs[index - numInputs - numBound].name + "'";
}

MaybeFailure Call::checkOverlaps() const {
  auto overlap = [&](size_t a, size_t b) {
    const char *beginA = static_cast<const char *>(buffers[a]);
    const char *beginB = static_cast<const char *>(buffers[b]);
    return sizes[a] && sizes[b] && beginA < beginB + sizes[b] &&
           beginB < beginA + sizes[a];
  };
  size_t numInputs = specs->inputs.size();
  size_t firstOutput = numInputs + numBound;
  for (size_t out = firstOutput; out < buffers.size(); ++out)
    for (size_t other = 0; other < out; ++other)
      if (overlap(out, other))
        return invalid(describeBuffer(out) + " overlaps " +
                       describeBuffer(other) + " in memory");
  // Some of what is bound may be written too.
  for (size_t in = 0; in < numInputs; ++in)
    for (size_t other = numInputs; other < firstOutput; ++other)
      if (overlap(in, other))
        return invalid(describeBuffer(in) + " overlaps " +
                       describeBuffer(other) + " in memory");
  return std::nullopt;
}

MaybeFailure Call::run(const Host &host, Arena &arena) {
  spoilt = false;
  int64_t size = 0;
  if (MaybeFailure failure = arenaSize(dims.data(), dims.size(), size))
    return failure;
  if (!arena.reserve(static_cast<size_t>(size)))
    return Failure{TERN_OUT_OF_MEMORY,
                   "cannot allocate " + std::to_string(size) +
                       " bytes of scratch memory for inputs of these shapes"};
  void *arenas[] = {arena.data()};
  int32_t failed = host.invoke(function, buffers.data(), dims.data(), arenas);
  if (!failed)
    return std::nullopt;
  size_t check = static_cast<size_t>(failed) - 1;
  bool isOfScalars = failed > 0 && check < specs->scalarChecks;
  for (bool donated : specs->donated)
    spoilt |= donated && !isOfScalars;
  if (failed < 0)
    return Failure{TERN_INTERNAL_ERROR, host.describeFailure(failed)};
  return invalid(
      std::string(isOfScalars ? "the scalars do not fit the model"
                              : "the inputs' elements do not fit the "
                                "model") +
      (check < specs->elementChecks.size() ? ": " + specs->elementChecks[check]
                                           : std::string()));
}
