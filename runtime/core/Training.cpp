//===- Training.cpp - Scalars and steps of training ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../io/ElementType.h"
#include "Program.h"
#include "tern/runtime/Text.h"

#include <cmath>
#include <cstring>

using namespace tern::runtime;

//===----------------------------------------------------------------------===//
// Scalars
//===----------------------------------------------------------------------===//

MaybeFailure TernProgram::setDefaults() {
  cells.resize(signature.scalars.size());
  values.resize(signature.scalars.size());
  for (const ScalarSpec &spec : signature.scalars)
    if (spec.defaultValue && !isCounted(spec.name))
      if (MaybeFailure failure = setScalar(spec.name, *spec.defaultValue))
        return Failure{TERN_BAD_ARTIFACT,
                       name + " has a bad signature: " + failure->message};
  return std::nullopt;
}

MaybeFailure TernProgram::setScalar(const std::string &scalar, double value) {
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
  if (isCounted(scalar))
    return invalid("the scalar '" + scalar + "' is counted");
  auto fail = [&](const std::string &what) {
    char text[64];
    std::snprintf(text, sizeof(text), "%g", value);
    return invalid("scalar '" + scalar + "' is " + text + ", " + what);
  };
  if (!std::isfinite(value))
    return fail("not a finite number");
  if (signature.isTraining()) {
    if (value < 0 && (scalar == "lr" || scalar == "weight_decay"))
      return fail("which is negative");
    if (value < 1 && scalar == "accumulate")
      return fail("not a number of steps");
    if ((value < 0 || value > 1) && scalar == "lambda")
      return fail("not in [0, 1]");
  }
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

/// Whether the scalars of a call, whose inputs are set, are what its function
/// is for. It would find out itself, but not say what they are.
MaybeFailure TernProgram::checkScalars(const Call &call) const {
  for (size_t index : call.interface().scalars) {
    const ScalarSpec &spec = signature.scalars[index];
    if (isCounted(spec.name))
      continue;
    if (!values[index])
      return invalid("the scalar '" + spec.name + "' has no value");
    if (!spec.bound)
      continue;
    int64_t greatest = spec.bound->greatest ? *spec.bound->greatest
                                            : call.findDim(spec.bound->dim);
    // Scalars of integers are integers up to 2^53.
    int64_t value = static_cast<int64_t>(*values[index]);
    if (value >= spec.bound->least && value <= greatest)
      continue;
    return invalid(
        "scalar '" + spec.name + "' is " + std::to_string(value) +
        ", it must be from " + std::to_string(spec.bound->least) + " to " +
        (spec.bound->greatest ? std::to_string(greatest)
                              : "'" + spec.bound->dim + "', which is " +
                                    std::to_string(greatest)));
  }
  return std::nullopt;
}

std::optional<double> TernProgram::getScalar(size_t index) const {
  const std::string &scalar = signature.scalars[index].name;
  if (!signature.isTraining())
    return values[index];
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

/// Checks that labels, the last of a function's inputs, are classes.
MaybeFailure TernProgram::checkLabels(const FunctionSpec &function,
                                      const DLTensor *const *inputs) const {
  std::optional<int64_t> classes = signature.classes;
  if (signature.classesAxis)
    classes = inputs[signature.classesAxis->first]
                  ->shape[signature.classesAxis->second];
  if (!classes)
    return std::nullopt;
  const DLTensor *labels = inputs[function.inputs.size() - 1];
  const TensorSpec &spec = function.inputs.back();
  int64_t count = 1;
  for (int i = 0; i < labels->ndim; ++i)
    count *= labels->shape[i];
  const void *data = address(*labels);
  if (isFloat(spec.dtype) || spec.dtype == DType::Bool)
    return std::nullopt;
  std::string text;
  std::optional<int64_t> bad = withElementType(spec.dtype, [&](auto zero) {
    return findBadLabel<decltype(zero)>(data, count, *classes,
                                        signature.ignoreIndex, text);
  });
  if (!bad)
    return std::nullopt;
  return invalid("label " + text + " at index " + std::to_string(*bad) +
                 " is out of range for " + std::to_string(*classes) +
                 " classes");
}

MaybeFailure TernProgram::setBatch(Call *call, const DLTensor *const *inputs,
                                   size_t numInputs) {
  if (!call)
    return noFunction();
  if (MaybeFailure failure = setInputs(*call, inputs, numInputs))
    return failure;
  return checkLabels(call->interface(), inputs);
}

/// A DLTensor of one f32.
static DLTensor scalarTensor(float *value) {
  return {value, {kDLCPU, 0}, 0, toDLPack(DType::F32), nullptr, nullptr, 0};
}

MaybeFailure TernProgram::evalStep(const DLTensor *const *inputs,
                                   size_t numInputs, float *loss,
                                   const DLTensor *const *outputs,
                                   size_t numOutputs) {
  Call *call = find("eval_step");
  if (MaybeFailure failure = setBatch(call, inputs, numInputs))
    return failure;
  DLTensor lossTensor = scalarTensor(loss);
  std::vector<const DLTensor *> all = {&lossTensor};
  if (numOutputs)
    all.insert(all.end(), outputs, outputs + numOutputs);
  return run(*call, all.data(), all.size());
}

void TernProgram::storeCounted(size_t index, int64_t value) {
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

MaybeFailure TernProgram::trainStep(const DLTensor *const *inputs,
                                    size_t numInputs, float *loss) {
  std::optional<size_t> lambda = signature.findScalar("lambda");
  Call *call = nullptr;
  if (lambda && values[*lambda] < 1.0)
    call = find("train_step_float");
  if (!call)
    call = find("train_step");
  if (MaybeFailure failure = setBatch(call, inputs, numInputs))
    return failure;
  for (size_t index : call->interface().scalars)
    if (signature.scalars[index].name == "step")
      storeCounted(index, steps + 1);
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
  if (MaybeFailure failure = call->setOutputs(outputs.data(), outputs.size()))
    return failure;
  if (MaybeFailure failure = runCall(*call))
    return failure;
  ++steps;
  finishWindow();
  *loss = measurements[0];
  return std::nullopt;
}

std::optional<std::pair<size_t, int64_t>>
TernProgram::findNonFiniteState() const {
  for (size_t i = 0; i < signature.state.size(); ++i) {
    const StateSpec &spec = signature.state[i];
    if (std::optional<int64_t> element =
            spec.findBad(state[i], numElements(spec.shape).value_or(0)))
      return std::make_pair(i, *element);
  }
  return std::nullopt;
}
