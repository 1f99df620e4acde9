//===- TensorDataset.cpp - Batches from arrays -----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../core/NonFinite.h"
#include "../run/TensorArguments.h"
#include "Dataset.h"

#include <cmath>
#include <cstdlib>
#include <cstring>

using namespace tern::runtime;

namespace {
/// A file's rows and what they become.
struct Source {
  HostTensor values;
  DType dtype = DType::F32;
  /// Of one row, without the leading extent.
  std::vector<int64_t> shape;
  int64_t elements = 0;
  Conversion conversion;
  bool isCopy = false;
  /// What each byte becomes, if bytes become f32.
  std::vector<float> table;

  void copyRow(int64_t item, int64_t row, HostTensor &target) const;
};

class TensorDataset : public Dataset {
public:
  explicit TensorDataset(std::vector<Source> sources)
      : sources(std::move(sources)) {}
  int64_t size() const override { return sources.back().values.shape[0]; }
  std::vector<std::vector<int64_t>> itemShapes() const override {
    std::vector<std::vector<int64_t>> shapes;
    for (const Source &source : sources) {
      shapes.push_back({1});
      shapes.back().insert(shapes.back().end(), source.shape.begin(),
                           source.shape.end());
    }
    return shapes;
  }
  void copy(int64_t item, int64_t row,
            std::vector<HostTensor> &batch) const override {
    for (size_t i = 0; i < sources.size(); ++i)
      sources[i].copyRow(item, row, batch[i]);
  }

private:
  std::vector<Source> sources;
};
} // namespace

template <typename From>
static void convertToF32(const char *from, float *to, int64_t count,
                         const Conversion &c) {
  for (int64_t i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, from + i * static_cast<int64_t>(sizeof(From)),
                sizeof(From));
    double number = static_cast<double>(value);
    to[i] = static_cast<float>(
        c.isAffine ? (number * c.scale - c.mean) / c.deviation : number);
  }
}

void Source::copyRow(int64_t item, int64_t row, HostTensor &target) const {
  int64_t bytes = elements * static_cast<int64_t>(dtypeSize(dtype));
  char *to = target.mutableData() + row * bytes;
  int64_t first = item * elements;
  const char *from =
      values.data() + first * static_cast<int64_t>(dtypeSize(values.dtype));
  if (isCopy) {
    std::memcpy(to, from, static_cast<size_t>(bytes));
    return;
  }
  if (!table.empty()) {
    float *floats = reinterpret_cast<float *>(to);
    for (int64_t i = 0; i < elements; ++i)
      floats[i] = table[static_cast<unsigned char>(from[i])];
    return;
  }
  if (dtype == DType::F32 && values.dtype == DType::F32)
    return convertToF32<float>(from, reinterpret_cast<float *>(to), elements,
                               conversion);
  if (dtype == DType::F32 && values.dtype == DType::F64)
    return convertToF32<double>(from, reinterpret_cast<float *>(to), elements,
                                conversion);
  for (int64_t i = 0; i < elements; ++i) {
    double value = static_cast<double>(values.at(first + i));
    if (conversion.isAffine)
      value =
          (value * conversion.scale - conversion.mean) / conversion.deviation;
    storeElement(target, row * elements + i, value);
  }
}

MaybeError tern::runtime::parseScale(const std::string &text, double &scale) {
  char *end = nullptr;
  scale = std::strtod(text.c_str(), &end);
  if (*end == '/') {
    const char *divisor = end + 1;
    scale /= std::strtod(divisor, &end);
    if (end == divisor)
      end = nullptr;
  }
  if (text.empty() || !end || *end || !std::isfinite(scale) || scale == 0)
    return "'" + text + "' is not a number such as 0.5 or 1/255";
  return std::nullopt;
}

MaybeError tern::runtime::parseNormalization(const std::string &text,
                                             Conversion &conversion) {
  char *comma = nullptr, *end = nullptr;
  conversion.mean = std::strtod(text.c_str(), &comma);
  if (comma == text.c_str() || *comma != ',')
    return "'" + text + "' is not MEAN,DEVIATION";
  conversion.deviation = std::strtod(comma + 1, &end);
  if (end == comma + 1 || *end)
    return "'" + text + "' is not MEAN,DEVIATION";
  if (!std::isfinite(conversion.mean) || !std::isfinite(conversion.deviation) ||
      conversion.deviation == 0)
    return "mean and deviation must be finite, the deviation not 0";
  conversion.isAffine = true;
  return std::nullopt;
}

static bool isInteger(DType dtype) {
  return !isFloat(dtype) && dtype != DType::Bool;
}

/// Whether all of a type's integers can be in another.
static bool fits(long double value, DType dtype) {
  int bits = static_cast<int>(8 * dtypeSize(dtype));
  bool isSigned = dtypeName(dtype)[0] == 'i';
  long double limit = std::ldexp(1.0L, isSigned ? bits - 1 : bits);
  return value < limit && value >= (isSigned ? -limit : 0);
}

static std::vector<float> makeTable(const Conversion &conversion) {
  char bytes[256];
  for (int i = 0; i < 256; ++i)
    bytes[i] = static_cast<char>(i);
  std::vector<float> table(256);
  convertToF32<uint8_t>(bytes, table.data(), 256, conversion);
  return table;
}

/// Decides how to convert, or why not.
static MaybeError checkDType(Source &source, const TensorSpec &input,
                             const Conversion &conversion, bool areLabels) {
  DType from = source.values.dtype, to = input.dtype;
  auto fail = [&](const std::string &what) {
    return std::string("it holds ") + dtypeName(from) + ", the model's " +
           (areLabels ? "labels are " : "input is ") + dtypeName(to) + what;
  };
  source.dtype = to;
  if (!areLabels && isFloat(to))
    source.conversion = conversion;
  source.isCopy = from == to && !source.conversion.isAffine;
  if (source.isCopy || (isFloat(from) && isFloat(to)))
    return std::nullopt;
  if (areLabels)
    return isInteger(from) && isInteger(to) ? std::nullopt
                                            : MaybeError(fail(""));
  if (isFloat(to) && from != DType::Bool) {
    if (source.conversion.isAffine) {
      if (from == DType::U8 && to == DType::F32)
        source.table = makeTable(source.conversion);
      return std::nullopt;
    }
    return fail("; say what its numbers mean by --scale (such as 1/255) or "
                "--normalize");
  }
  return isInteger(from) && isInteger(to) ? std::nullopt : MaybeError(fail(""));
}

static MaybeError checkValues(const Source &source, const ModelInputs &model,
                              bool areLabels) {
  const HostTensor &values = source.values;
  int64_t count = values.numElements();
  if (std::optional<int64_t> bad =
          findNonFinite(values.dtype, values.data(), count))
    return "it has a NaN or an infinity at " + formatIndex(values.shape, *bad);
  if (!isInteger(source.dtype))
    return std::nullopt;
  bool areClasses = areLabels && model.classes;
  if (!areClasses && source.isCopy)
    return std::nullopt;
  for (int64_t i = 0; i < count; ++i) {
    long double value = values.at(i);
    if (!fits(value, source.dtype))
      return "element " + values.formatAt(i) + " at " +
             formatIndex(values.shape, i) + " does not fit the model's " +
             dtypeName(source.dtype);
    if (!areClasses || (value >= 0 && value < *model.classes))
      continue;
    if (!model.ignoreIndex || value != *model.ignoreIndex)
      return "label " + values.formatAt(i) + " at " +
             formatIndex(values.shape, i) + " is out of range for " +
             std::to_string(*model.classes) + " classes";
  }
  return std::nullopt;
}

/// Compares a row with what the model takes.
static MaybeError checkShape(Source &source, const TensorSpec &input) {
  const std::vector<int64_t> &shape = source.values.shape;
  auto fail = [&] {
    return "its type " + typeString(source.values.dtype, shape) +
           " does not fit the model's '" + input.name + "', " + input.type();
  };
  if (input.shape.empty())
    return "the model's '" + input.name + "' has no rows";
  if (shape.empty())
    return fail();
  source.shape.assign(shape.begin() + 1, shape.end());
  source.elements = 1;
  for (int64_t extent : source.shape)
    source.elements *= extent;
  std::vector<int64_t> wanted(input.shape.begin() + 1, input.shape.end());
  bool same = wanted.size() == source.shape.size(), isStatic = true;
  int64_t elements = 1;
  for (size_t i = 0; i < wanted.size(); ++i) {
    isStatic &= wanted[i] >= 0;
    elements *= wanted[i];
    same = same && (wanted[i] < 0 || wanted[i] == source.shape[i]);
  }
  if (same)
    return std::nullopt;
  if (!isStatic || elements != source.elements)
    return fail();
  source.shape = wanted;
  return std::nullopt;
}

static MaybeError readSource(const std::string &path, const TensorSpec &input,
                             const ModelInputs &model,
                             const Conversion &conversion, bool areLabels,
                             Source &source) {
  if (MaybeError error = readTensorFile(path, nullptr, source.values))
    return error;
  auto checks = [&]() -> MaybeError {
    if (MaybeError error = checkDType(source, input, conversion, areLabels))
      return error;
    if (MaybeError error = checkShape(source, input))
      return error;
    if (source.values.shape[0] == 0)
      return "it is empty";
    return checkValues(source, model, areLabels);
  };
  if (MaybeError error = checks())
    return "'" + path + "': " + *error;
  return std::nullopt;
}

static std::string withoutAt(const std::string &path) {
  return !path.empty() && path[0] == '@' ? path.substr(1) : path;
}

MaybeError tern::runtime::readTensors(const TensorFiles &files,
                                      const ModelInputs &model,
                                      std::shared_ptr<Dataset> &dataset) {
  size_t numData = model.inputs.size() - 1;
  std::vector<Source> sources(model.inputs.size());
  std::vector<std::string> paths(model.inputs.size());
  for (const std::string &argument : files.data) {
    size_t index = 0;
    std::string path;
    while (index < numData && !isNamed(argument, model.inputs[index].name))
      ++index;
    if (index < numData) {
      path = argument.substr(model.inputs[index].name.size() + 1);
    } else {
      for (index = 0; index < numData && !paths[index].empty();)
        ++index;
      path = argument;
    }
    if (index == numData)
      return files.dataOption + ": more files than the model has inputs (" +
             listTensors({model.inputs.begin(), model.inputs.end() - 1}) + ")";
    if (!paths[index].empty())
      return files.dataOption + ": '" + model.inputs[index].name +
             "' is given twice";
    paths[index] = withoutAt(path);
  }
  paths.back() = withoutAt(files.labels);
  for (size_t i = 0; i < paths.size(); ++i) {
    bool areLabels = i == numData;
    const std::string &option =
        areLabels ? files.labelsOption : files.dataOption;
    if (paths[i].empty())
      return option + " is missing for '" + model.inputs[i].name + "' (" +
             model.inputs[i].type() + ")";
    if (MaybeError error =
            readSource(paths[i], model.inputs[i], model,
                       areLabels ? Conversion() : files.conversions[i],
                       areLabels, sources[i]))
      return option + ": " + *error;
    if (sources[i].values.shape[0] != sources[0].values.shape[0])
      return option + ": '" + paths[i] + "' has " +
             std::to_string(sources[i].values.shape[0]) + " rows, '" +
             paths[0] + "' has " + std::to_string(sources[0].values.shape[0]);
  }
  dataset = std::make_shared<TensorDataset>(std::move(sources));
  return std::nullopt;
}
