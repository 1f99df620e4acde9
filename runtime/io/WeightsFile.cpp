//===- WeightsFile.cpp - Ids of weights files -------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tern/runtime/WeightsFile.h"
#include "Sha256.h"
#include "tern/runtime/Safetensors.h"

#include <cstring>

using namespace tern::runtime;

std::string tern::runtime::weightsPathWithId(const std::string &path,
                                             const std::string &id) {
  static const std::string suffix = ".safetensors";
  std::string stem = path;
  if (stem.size() > suffix.size() &&
      stem.compare(stem.size() - suffix.size(), suffix.size(), suffix) == 0)
    stem.resize(stem.size() - suffix.size());
  return stem + "." + id + suffix;
}

MaybeError tern::runtime::hashWeights(const char *data, uint64_t size,
                                      std::string &id) {
  SafetensorsIndex index;
  if (MaybeError error = parseSafetensors(data, size, index))
    return "is malformed: " + *error;
  auto it = index.metadata.find(kWeightsIdKey);
  if (it == index.metadata.end())
    return "has no " + std::string(kWeightsIdKey) + " in its metadata";
  uint64_t headerSize;
  std::memcpy(&headerSize, data, sizeof(headerSize));
  std::string header(data, sizeof(headerSize) + headerSize);
  // As SafetensorsWriter prints it.
  std::string entry = "\"" + std::string(kWeightsIdKey) + "\":\"" + it->second;
  size_t at = header.find(entry + "\"");
  if (at == std::string::npos)
    return "was not written by ternc";
  header.replace(at + entry.size() - it->second.size(), it->second.size(),
                 it->second.size(), '0');
  Sha256 hash;
  hash.update(header.data(), header.size());
  hash.update(data + header.size(), size - header.size());
  id = hash.finish().substr(0, 32);
  return std::nullopt;
}
