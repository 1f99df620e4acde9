//===- SafetensorsWriter.cpp - Stream safetensors files out -----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Json.h"
#include "Sha256.h"
#include "tern/runtime/Safetensors.h"
#include "tern/runtime/Text.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <tuple>

using namespace tern::runtime;

static constexpr uint64_t alignment = 64;

static bool fillsLines(uint64_t size) { return size % alignment == 0; }

MaybeError SafetensorsWriter::layOut() {
  std::set<std::string> names;
  for (const Entry &entry : entries) {
    if (entry.name == "__metadata__" || !names.insert(entry.name).second)
      return "cannot write '" + path + "': tensor name '" + entry.name +
             "' is reserved or used twice";
    std::optional<int64_t> bytes = byteSize(entry.dtype, entry.shape);
    if (!bytes)
      return "cannot write '" + path + "': the size of tensor '" + entry.name +
             "' overflows";
    sizes.push_back(static_cast<uint64_t>(*bytes));
  }
  std::vector<size_t> order(entries.size());
  std::iota(order.begin(), order.end(), size_t(0));
  auto key = [&](size_t i) {
    size_t element = fillsLines(sizes[i]) ? 0 : dtypeSize(entries[i].dtype);
    return std::make_tuple(!fillsLines(sizes[i]), -static_cast<int>(element),
                           i);
  };
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return key(a) < key(b); });
  offsets.resize(entries.size());
  for (size_t i : order) {
    offsets[i] = dataSize;
    if (__builtin_add_overflow(dataSize, sizes[i], &dataSize) ||
        dataSize > INT64_MAX)
      return "cannot write '" + path + "': its size overflows";
  }
  return std::nullopt;
}

std::string SafetensorsWriter::header() const {
  // Names are UTF-8; what metadata quote, such as names of files, need not be.
  std::string text = "{\"__metadata__\":{";
  const char *separator = "";
  for (const auto &[key, value] : metadata) {
    text += separator + quoteJson(key) + ":" + quoteJson(value);
    separator = ",";
  }
  text += "}";
  for (size_t i = 0; i < entries.size(); ++i) {
    text += "," + quoteJson(entries[i].name) + ":{\"dtype\":\"" +
            safetensorsName(entries[i].dtype) + "\",\"shape\":[";
    separator = "";
    for (int64_t extent : entries[i].shape) {
      text += separator + std::to_string(extent);
      separator = ",";
    }
    text += "],\"data_offsets\":[" + std::to_string(offsets[i]) + "," +
            std::to_string(offsets[i] + sizes[i]) + "]}";
  }
  text += "}";
  // Spaces at the end are allowed, and put the data on a cache line.
  uint64_t length = sizeof(uint64_t) + text.size();
  length = (length + alignment - 1) / alignment * alignment - sizeof(uint64_t);
  text.resize(length, ' ');
  return std::string(reinterpret_cast<const char *>(&length), sizeof(length)) +
         text;
}

MaybeError
SafetensorsWriter::open(const std::string &newPath,
                        std::vector<Entry> newEntries,
                        std::map<std::string, std::string> newMetadata) {
  path = newPath;
  entries = std::move(newEntries);
  metadata = std::move(newMetadata);
  offsets.clear();
  sizes.clear();
  dataSize = written = 0;
  current = 0;
  for (const Entry &entry : entries)
    if (!isText(entry.name))
      return "cannot write '" + path + "': the name of tensor " +
             quote(entry.name) + " is not UTF-8, or has a NUL";
  if (MaybeError error = layOut())
    return error;
  std::string text = header();
  headerSize = text.size();
  if (MaybeError error = file.open(path))
    return error;
  return file.write(text.data(), text.size());
}

MaybeError SafetensorsWriter::append(const void *data, uint64_t size) {
  const char *bytes = static_cast<const char *>(data);
  for (;;) {
    while (current < entries.size() && written == sizes[current]) {
      ++current;
      written = 0;
    }
    if (size == 0)
      return std::nullopt;
    if (current == entries.size()) {
      file.discard();
      return "cannot write '" + path + "': more data than declared tensors";
    }
    uint64_t piece = std::min(size, sizes[current] - written);
    if (MaybeError error =
            file.writeAt(headerSize + offsets[current] + written, bytes, piece))
      return error;
    bytes += piece;
    size -= piece;
    written += piece;
  }
}

MaybeError SafetensorsWriter::setMetadata(const std::string &key,
                                          const std::string &value) {
  auto it = metadata.find(key);
  if (it == metadata.end() || it->second.size() != value.size())
    return "cannot write '" + path + "': metadata '" + key +
           "' was not declared with this length";
  it->second = value;
  std::string text = header();
  if (text.size() != headerSize)
    return "cannot write '" + path + "': metadata '" + key +
           "' needs more room than declared";
  return file.writeAt(0, text.data(), text.size());
}

MaybeError SafetensorsWriter::checkComplete() {
  if (!file.isOpen())
    return "cannot write '" + path + "': it is not open";
  if (MaybeError error = append(nullptr, 0))
    return error;
  if (current == entries.size())
    return std::nullopt;
  file.discard();
  return "cannot write '" + path + "': tensor '" + entries[current].name +
         "' is incomplete";
}

MaybeError SafetensorsWriter::sign(const std::string &key, std::string &id) {
  if (MaybeError error = checkComplete())
    return error;
  Sha256 hash;
  std::vector<char> buffer(size_t(1) << 20);
  for (uint64_t at = 0; at < fileSize();) {
    uint64_t piece = std::min<uint64_t>(buffer.size(), fileSize() - at);
    if (MaybeError error = file.readAt(at, buffer.data(), piece))
      return error;
    hash.update(buffer.data(), piece);
    at += piece;
  }
  id = hash.finish().substr(0, 32);
  return setMetadata(key, id);
}

MaybeError SafetensorsWriter::finish(bool durable) {
  if (MaybeError error = checkComplete())
    return error;
  return file.commit(durable);
}
