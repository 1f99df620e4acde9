//===- Trainer.cpp - Load and run training artifacts -----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Trainer.h"
#include "CpuFeatures.h"
#include "NonFinite.h"
#include "tern/runtime/Text.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

#include <unistd.h>

using namespace tern::runtime;

static constexpr int64_t stateAlignment = 64;

TernTrainer::~TernTrainer() { std::free(memory); }

MaybeFailure TernTrainer::open(const std::string &path) {
  name = "'" + path + "'";
  artifactPath = path;
  if (MaybeFailure failure = library.open(path))
    return failure;
  library.find("tern_model_abi", abi);
  if (MaybeFailure failure = checkAbi(abi, name))
    return failure;
  if (library.find("tern_model_invoke"))
    return Failure{TERN_BAD_ARTIFACT,
                   name + " is no training artifact (ternc --train makes one); "
                          "tern-run runs it"};
  const char *(*getSignature)(void) = nullptr;
  library.find("tern_model_signature", getSignature);
  if (!getSignature)
    return Failure{TERN_BAD_ARTIFACT,
                   name + " is not a Tern artifact: it has no symbol "
                          "tern_model_signature"};
  signatureText = getSignature();
  for (size_t i = 0; i < numTrainFunctions; ++i) {
    std::string prefix =
        std::string("tern_model_") + trainFunctionNames[i] + "_";
    functions[i].name = trainFunctionNames[i];
    library.find(prefix + "shapes", functions[i].shapes);
    library.find(prefix + "arena_size", functions[i].arena_size);
    library.find(prefix + "invoke", functions[i].invoke);
  }
  embedded = static_cast<const char *>(library.find("tern_model_weights"));
  if (const void *size = library.find("tern_model_weights_size"))
    embeddedSize = *static_cast<const uint64_t *>(size);
  return std::nullopt;
}

MaybeFailure TernTrainer::link(const TernTrainArtifact &artifact) {
  name = "this executable";
  abi = artifact.abi;
  if (MaybeFailure failure = checkAbi(abi, name))
    return failure;
  if (!artifact.signature || (artifact.num_functions && !artifact.functions))
    return Failure{TERN_BAD_ARTIFACT, name + " lacks a function"};
  signatureText = artifact.signature();
  for (uint64_t f = 0; f < artifact.num_functions; ++f)
    for (size_t i = 0; i < numTrainFunctions; ++i)
      if (artifact.functions[f].name &&
          std::strcmp(artifact.functions[f].name, trainFunctionNames[i]) == 0)
        functions[i] = artifact.functions[f];
  embedded = artifact.weights;
  embeddedSize = artifact.weights_size;
  return std::nullopt;
}

MaybeFailure TernTrainer::allocateState() {
  for (const StateSpec &spec : signature.state) {
    offsets.push_back(stateSize);
    int64_t bytes = *byteSize(spec.dtype, spec.shape);
    if (__builtin_add_overflow(stateSize, bytes, &stateSize) ||
        __builtin_add_overflow(stateSize, stateAlignment - 1, &stateSize))
      return Failure{TERN_OUT_OF_MEMORY, "the size of the state overflows"};
    stateSize = stateSize / stateAlignment * stateAlignment;
  }
  // The system may grant more than there is and kill the process later.
  int64_t limit = int64_t(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
  if (stateSize > limit ||
      ::posix_memalign(&memory, stateAlignment,
                       static_cast<size_t>(stateSize) + 1) != 0)
    return Failure{TERN_OUT_OF_MEMORY, "cannot allocate " +
                                           std::to_string(stateSize) +
                                           " bytes for the model's state"};
  return std::nullopt;
}

MaybeFailure TernTrainer::prepareCalls() {
  for (size_t i = 0; i < numTrainFunctions; ++i) {
    const FunctionSpec &spec = signature.functions[i];
    if (!spec.exists)
      continue;
    if (!functions[i].shapes || !functions[i].arena_size ||
        !functions[i].invoke)
      return Failure{TERN_BAD_ARTIFACT,
                     name + " lacks the function " + trainFunctionNames[i]};
    size_t index = 0;
    calls[i].prepare(spec, spec.scalars.size() + spec.params.size(),
                     functions[i]);
    for (size_t scalar : spec.scalars)
      calls[i].bind(index++, &cells[scalar], sizeof(cells[scalar]));
    for (size_t param : spec.params)
      calls[i].bind(
          index++, memory ? stateData(param) : nullptr,
          byteSize(signature.state[param].dtype, signature.state[param].shape)
              .value_or(0));
  }
  return std::nullopt;
}

MaybeFailure TernTrainer::finishLoading(const TernProgramOptions &options) {
  if (MaybeError error = parseTrainSignature(signatureText, signature))
    return Failure{TERN_BAD_ARTIFACT, name + " has a bad signature: " + *error};
  cells.resize(signature.scalars.size());
  values.resize(signature.scalars.size());
  measurements.resize(signature.functions[TERN_TRAIN_STEP].outputs.size());
  for (size_t i = 0; i < signature.scalars.size(); ++i) {
    const ScalarSpec &spec = signature.scalars[i];
    std::optional<double> value = spec.defaultValue;
    if (!value && spec.name == "lambda")
      value = 1;
    if (!value && (spec.name == "weight_decay" || spec.name == "clip_norm"))
      value = 0;
    if (value && !isCountedScalar(spec.name))
      if (MaybeFailure failure = setScalar(spec.name, *value))
        return Failure{TERN_BAD_ARTIFACT,
                       name + " has a bad signature: " + failure->message};
  }
  if (!(options.flags & TERN_LOAD_SIGNATURE_ONLY)) {
    if (MaybeError error = checkCpuFeatures(signature.features))
      return Failure{TERN_UNSUPPORTED_CPU,
                     "cannot run " + name + ": " + *error};
    if (MaybeFailure failure = allocateState())
      return failure;
    if (MaybeFailure failure = host.setNumThreads(options.num_threads))
      return failure;
    if (options.weights_path)
      weightsPath = options.weights_path;
    verify = options.flags & TERN_LOAD_VERIFY_WEIGHTS;
  }
  return prepareCalls();
}

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

MaybeFailure TernTrainer::setScalar(const std::string &scalar, double value) {
  std::optional<size_t> index = signature.findScalar(scalar);
  if (!index) {
    std::string list;
    std::vector<std::string> known;
    for (const ScalarSpec &spec : signature.scalars) {
      list += (list.empty() ? "" : ", ") + spec.name;
      known.push_back(spec.name);
    }
    return invalid("there is no scalar '" + scalar + "' among " +
                   (list.empty() ? "none" : list) + suggest(scalar, known));
  }
  if (isCountedScalar(scalar))
    return invalid("the scalar '" + scalar + "' is counted");
  auto fail = [&](const std::string &what) {
    char text[64];
    std::snprintf(text, sizeof(text), "%g", value);
    return invalid("scalar '" + scalar + "' is " + text + ", " + what);
  };
  if (!std::isfinite(value))
    return fail("not a finite number");
  if (value < 0 && (scalar == "lr" || scalar == "weight_decay"))
    return fail("which is negative");
  if (value < 1 && scalar == "accumulate")
    return fail("not a number of steps");
  if ((value < 0 || value > 1) && scalar == "lambda")
    return fail("not in [0, 1]");
  uint64_t &cell = cells[*index];
  auto store = [&](auto typed) { std::memcpy(&cell, &typed, sizeof(typed)); };
  switch (signature.scalars[*index].dtype) {
  case DType::F64:
    store(value);
    break;
  case DType::I32:
    if (value != std::floor(value) || std::fabs(value) > INT32_MAX)
      return fail("not an i32");
    store(static_cast<int32_t>(value));
    break;
  case DType::I64:
    // Beyond 2^53 a double no longer says which integer was meant.
    if (value != std::floor(value) || std::fabs(value) > 0x1p53)
      return fail("not an integer up to 2^53");
    store(static_cast<int64_t>(value));
    break;
  default:
    if (std::fabs(value) > 3.4028234663852886e38)
      return fail("too large for f32");
    store(static_cast<float>(value));
    break;
  }
  values[*index] = value;
  return std::nullopt;
}

std::optional<double> TernTrainer::getScalar(size_t index) const {
  const std::string &scalar = signature.scalars[index].name;
  if (scalar == "accumulate_start")
    return static_cast<double>(window.start);
  if (scalar == "accumulate_updates")
    return static_cast<double>(window.updates);
  if (scalar == "accumulate_close")
    return window.closes;
  return scalar == "step" ? static_cast<double>(steps) : values[index];
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

MaybeFailure TernTrainer::checkFile() const {
  if (library.isDamaged())
    return Failure{TERN_IO_ERROR, describeCutFile(artifactPath)};
  return std::nullopt;
}

MaybeFailure TernTrainer::checkHasValues() const {
  if (!memory)
    return invalid(name + " was loaded for its signature only");
  if (!hasValues)
    return invalid("the state has no values yet: initialize it or restore a "
                   "checkpoint");
  return std::nullopt;
}

template <typename T>
static std::optional<int64_t>
findBadLabel(const void *data, int64_t count, int64_t classes,
             std::optional<int64_t> ignored, std::string &text) {
  const T *labels = static_cast<const T *>(data);
  for (int64_t i = 0; i < count; ++i) {
    bool isClass = labels[i] >= 0 && static_cast<uint64_t>(labels[i]) <
                                         static_cast<uint64_t>(classes);
    if (isClass || (ignored && std::is_signed_v<T> &&
                    static_cast<int64_t>(labels[i]) == *ignored))
      continue;
    text = std::to_string(labels[i]);
    return i;
  }
  return std::nullopt;
}

MaybeFailure TernTrainer::checkLabels(TernTrainFunction function,
                                      const DLTensor *const *inputs) const {
  std::optional<int64_t> classes = signature.classes;
  if (signature.classesAxis)
    classes = inputs[signature.classesAxis->first]
                  ->shape[signature.classesAxis->second];
  if (!classes)
    return std::nullopt;
  const DLTensor *labels =
      inputs[signature.functions[function].inputs.size() - 1];
  const TensorSpec &spec = signature.functions[function].inputs.back();
  int64_t count = 1;
  for (int i = 0; i < labels->ndim; ++i)
    count *= labels->shape[i];
  const void *data = address(*labels);
  std::optional<int64_t> bad;
  std::string text;
  auto find = [&](auto zero) {
    bad = findBadLabel<decltype(zero)>(data, count, *classes,
                                       signature.ignoreIndex, text);
  };
  switch (spec.dtype) {
  case DType::I8:
    find(int8_t());
    break;
  case DType::I16:
    find(int16_t());
    break;
  case DType::I32:
    find(int32_t());
    break;
  case DType::I64:
    find(int64_t());
    break;
  case DType::U8:
    find(uint8_t());
    break;
  case DType::U16:
    find(uint16_t());
    break;
  case DType::U32:
    find(uint32_t());
    break;
  case DType::U64:
    find(uint64_t());
    break;
  default:
    return std::nullopt;
  }
  if (!bad)
    return std::nullopt;
  return invalid("label " + text + " at index " + std::to_string(*bad) +
                 " is out of range for " + std::to_string(*classes) +
                 " classes");
}

MaybeFailure TernTrainer::setInputs(TernTrainFunction function,
                                    const DLTensor *const *inputs,
                                    size_t count) {
  if (MaybeFailure failure = checkHasValues())
    return failure;
  if (MaybeFailure failure = checkFile())
    return failure;
  if (MaybeFailure failure =
          calls[function].setInputs(inputs, count, /*withData=*/true))
    return failure;
  return function == TERN_FORWARD ? std::nullopt
                                  : checkLabels(function, inputs);
}

/// A DLTensor of one f32.
static DLTensor scalarTensor(float *value) {
  return {value, {kDLCPU, 0}, 0, toDLPack(DType::F32), nullptr, nullptr, 0};
}

MaybeFailure TernTrainer::evalStep(const DLTensor *const *inputs,
                                   size_t numInputs, float *loss,
                                   const DLTensor *const *outputs,
                                   size_t numOutputs) {
  if (MaybeFailure failure = setInputs(TERN_EVAL_STEP, inputs, numInputs))
    return failure;
  DLTensor lossTensor = scalarTensor(loss);
  std::vector<const DLTensor *> all = {&lossTensor};
  if (numOutputs)
    all.insert(all.end(), outputs, outputs + numOutputs);
  Call &call = calls[TERN_EVAL_STEP];
  if (MaybeFailure failure = call.setOutputs(all.data(), all.size()))
    return failure;
  return call.run(host, arena);
}

void TernTrainer::storeCounted(size_t index, int64_t value) {
  float asFloat = static_cast<float>(value);
  double asDouble = static_cast<double>(value);
  int32_t asInt = static_cast<int32_t>(value);
  DType dtype = signature.scalars[index].dtype;
  const void *source = dtype == DType::F32   ? (const void *)&asFloat
                       : dtype == DType::F64 ? (const void *)&asDouble
                       : dtype == DType::I32 ? (const void *)&asInt
                                             : &value;
  std::memcpy(&cells[index], source, dtypeSize(dtype));
}

MaybeFailure TernTrainer::trainStep(const DLTensor *const *inputs,
                                    size_t numInputs, float *loss) {
  TernTrainFunction function = TERN_TRAIN_STEP;
  std::optional<size_t> lambda = signature.findScalar("lambda");
  if (lambda && values[*lambda] < 1.0 && calls[TERN_TRAIN_STEP_FLOAT].exists())
    function = TERN_TRAIN_STEP_FLOAT;
  if (MaybeFailure failure = setInputs(function, inputs, numInputs))
    return failure;
  for (size_t index : signature.functions[function].scalars) {
    const ScalarSpec &spec = signature.scalars[index];
    if (spec.name == "step")
      storeCounted(index, steps + 1);
    else if (!isCountedScalar(spec.name) && !values[index])
      return invalid("the scalar '" + spec.name + "' has no value");
  }
  if (MaybeFailure failure = prepareWindow())
    return failure;
  std::vector<DLTensor> tensors;
  std::vector<const DLTensor *> outputs;
  tensors.reserve(measurements.size());
  outputs.reserve(measurements.size());
  for (float &value : measurements)
    tensors.push_back(scalarTensor(&value));
  for (const DLTensor &tensor : tensors)
    outputs.push_back(&tensor);
  Call &call = calls[function];
  if (MaybeFailure failure = call.setOutputs(outputs.data(), outputs.size()))
    return failure;
  if (MaybeFailure failure = call.run(host, arena)) {
    // A step that ran on what it is not for has spoilt what it updates.
    if (failure->code == TERN_INVALID_ARGUMENT)
      hasValues = false;
    return failure;
  }
  ++steps;
  finishWindow();
  *loss = measurements[0];
  return std::nullopt;
}

std::optional<std::pair<size_t, int64_t>>
TernTrainer::findNonFiniteState() const {
  for (size_t i = 0; i < signature.state.size(); ++i) {
    const StateSpec &spec = signature.state[i];
    if (std::optional<int64_t> element =
            spec.findBad(stateData(i), numElements(spec.shape).value_or(0)))
      return std::make_pair(i, *element);
  }
  return std::nullopt;
}
