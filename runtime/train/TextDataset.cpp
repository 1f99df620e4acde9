//===- TextDataset.cpp - Batches from a text -------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../io/MappedFile.h"
#include "Dataset.h"

#include <algorithm>
#include <cstring>

using namespace tern::runtime;

namespace {
/// The symbols of a text: its bytes, or numbers of characters.
class Symbols {
public:
  MaybeError read(const TextFile &file);
  int64_t size() const {
    return areBytes ? static_cast<int64_t>(bytes.size())
                    : static_cast<int64_t>(numbers.size());
  }
  int64_t at(int64_t index) const {
    return areBytes ? static_cast<unsigned char>(bytes.data()[index])
                    : numbers[static_cast<size_t>(index)];
  }
  /// One more than the largest.
  int64_t count = 0;

private:
  MaybeError numberCharacters();

  bool areBytes = true;
  MappedFile bytes;
  std::vector<uint16_t> numbers;
};

class TextDataset : public Dataset {
public:
  std::shared_ptr<const Symbols> symbols;
  int64_t begin = 0, items = 0, context = 0, stride = 1;
  bool labelsEach = false;

  int64_t size() const override { return items; }
  std::vector<std::vector<int64_t>> itemShapes() const override {
    if (labelsEach)
      return {{1, context}, {1, context}};
    return {{1, context}, {1}};
  }
  void copy(int64_t item, int64_t row,
            std::vector<HostTensor> &batch) const override {
    int64_t first = begin + item * stride;
    for (int64_t i = 0; i < context; ++i) {
      store(batch[0], row * context + i, symbols->at(first + i));
      if (labelsEach)
        store(batch[1], row * context + i, symbols->at(first + i + 1));
    }
    if (!labelsEach)
      store(batch[1], row, symbols->at(first + context));
  }

private:
  static void store(HostTensor &tensor, int64_t index, int64_t value) {
    if (tensor.dtype == DType::I64)
      reinterpret_cast<int64_t *>(tensor.mutableData())[index] = value;
    else
      storeElement(tensor, index, static_cast<double>(value));
  }
};
} // namespace

/// Decodes one character of UTF-8; false if it is malformed.
static bool decode(const unsigned char *&p, const unsigned char *end,
                   uint32_t &code) {
  unsigned char lead = *p++;
  if (lead < 0x80) {
    code = lead;
    return true;
  }
  int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
  if (lead < 0xc2 || lead > 0xf4 || end - p < more)
    return false;
  code = lead & (0x3f >> more);
  for (int i = 0; i < more; ++i) {
    if ((*p & 0xc0) != 0x80)
      return false;
    code = code << 6 | (*p++ & 0x3f);
  }
  static constexpr uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
  return code >= smallest[more] && code <= 0x10ffff &&
         (code < 0xd800 || code > 0xdfff);
}

MaybeError Symbols::numberCharacters() {
  const auto *start = reinterpret_cast<const unsigned char *>(bytes.data());
  const unsigned char *end = start + bytes.size();
  std::vector<bool> occurs(0x110000);
  size_t characters = 0;
  uint32_t code = 0;
  for (const unsigned char *p = start; p != end; ++characters) {
    const unsigned char *at = p;
    if (!decode(p, end, code))
      return "it is not UTF-8 at byte " + std::to_string(at - start) +
             "; use --vocab byte";
    occurs[code] = true;
  }
  std::vector<int32_t> numberOf(occurs.size());
  for (size_t i = 0; i < occurs.size(); ++i)
    if (occurs[i])
      numberOf[i] = static_cast<int32_t>(count++);
  if (count > 0x10000)
    return "it has " + std::to_string(count) +
           " different characters, more than 65536";
  numbers.reserve(characters);
  for (const unsigned char *p = start; p != end;) {
    (void)decode(p, end, code);
    numbers.push_back(static_cast<uint16_t>(numberOf[code]));
  }
  return std::nullopt;
}

MaybeError Symbols::read(const TextFile &file) {
  if (MaybeError error = bytes.open(file.path))
    return error;
  areBytes = file.areBytes;
  if (!areBytes) {
    if (MaybeError error = numberCharacters())
      return "'" + file.path + "': " + *error;
    bytes = MappedFile();
    return std::nullopt;
  }
  for (uint64_t i = 0; i < bytes.size(); ++i)
    count = std::max(count,
                     int64_t(static_cast<unsigned char>(bytes.data()[i])) + 1);
  return std::nullopt;
}

static MaybeError checkInputs(const ModelInputs &model, int64_t &context) {
  const TensorSpec &x = model.inputs[0], &labels = model.labels();
  auto isInteger = [](const TensorSpec &info) {
    return !isFloat(info.dtype) && info.dtype != DType::Bool;
  };
  if (model.inputs.size() != 2 || x.shape.size() != 2 || !isInteger(x) ||
      !isInteger(labels) || labels.shape.empty() || labels.shape.size() > 2)
    return "the model takes " + listTensors(model.inputs) +
           "; a text is for models of an integer tensor [batch, context] and "
           "labels [batch, context] or [batch]";
  for (const TensorSpec *info : {&x, &labels}) {
    if (info->shape.size() < 2 || info->shape[1] < 0)
      continue;
    if (context && context != info->shape[1])
      return "--context is " + std::to_string(context) + ", '" + info->name +
             "' of the model is " + info->type();
    context = info->shape[1];
  }
  if (!context)
    return "--context is missing: the model takes any";
  return std::nullopt;
}

MaybeError tern::runtime::readText(const TextFile &file,
                                   const ModelInputs &model,
                                   std::shared_ptr<Dataset> &train,
                                   std::shared_ptr<Dataset> &validation) {
  int64_t context = file.context;
  if (MaybeError error = checkInputs(model, context))
    return error;
  auto symbols = std::make_shared<Symbols>();
  if (MaybeError error = symbols->read(file))
    return error;
  std::string name = "'" + file.path + "': ";
  int64_t limit = model.classes.value_or(INT64_MAX);
  if (model.inputs[0].dtype == DType::U8 || model.inputs[0].dtype == DType::I8)
    limit = std::min<int64_t>(limit,
                              model.inputs[0].dtype == DType::U8 ? 256 : 128);
  if (symbols->count > limit)
    return name + (file.areBytes ? "it has the byte " : "it has ") +
           (file.areBytes ? std::to_string(symbols->count - 1) + ", the model "
                          : std::to_string(symbols->count) +
                                " different characters, the model ") +
           "takes symbols below " + std::to_string(limit);
  int64_t length = symbols->size();
  int64_t split =
      static_cast<int64_t>(static_cast<double>(length) * (1 - file.split));
  auto part = [&](int64_t begin, int64_t end, int64_t stride) {
    auto dataset = std::make_shared<TextDataset>();
    dataset->symbols = symbols;
    dataset->begin = begin;
    dataset->context = context;
    dataset->stride = stride;
    dataset->labelsEach = model.labels().shape.size() == 2;
    // Each window needs one symbol more, its last label.
    if (end - begin > context)
      dataset->items = (end - begin - context - 1) / stride + 1;
    return dataset;
  };
  train = part(0, split, file.stride);
  if (train->size() == 0)
    return name + "its " + std::to_string(split) +
           " symbols for training are too few for a context of " +
           std::to_string(context);
  if (split == length)
    return std::nullopt;
  validation = part(split, length,
                    model.labels().shape.size() == 2 ? context : int64_t(1));
  if (validation->size() == 0)
    return name + "its " + std::to_string(length - split) +
           " symbols for validation are too few for a context of " +
           std::to_string(context);
  return std::nullopt;
}
