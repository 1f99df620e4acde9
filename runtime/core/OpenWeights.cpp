//===- OpenWeights.cpp - The weights file of a model ----------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpenWeights.h"
#include "tern/runtime/Safetensors.h"
#include "tern/runtime/WeightsFile.h"

using namespace tern::runtime;

static bool hasId(const MappedFile &file, const std::string &id) {
  SafetensorsIndex index;
  if (parseSafetensors(file.data(), file.size(), index))
    return false;
  auto it = index.metadata.find(kWeightsIdKey);
  return it != index.metadata.end() && it->second == id;
}

MaybeError tern::runtime::openWeights(const std::string &path,
                                      const std::string &id, MappedFile &file,
                                      std::string &opened) {
  opened = path;
  MaybeError missing = file.open(path);
  if (!missing && hasId(file, id))
    return std::nullopt;
  // The compiler was stopped, or is working: it gives the file its own name
  // last.
  MappedFile other;
  std::string withId = weightsPathWithId(path, id);
  if (!other.open(withId) && hasId(other, id)) {
    file = std::move(other);
    opened = withId;
    return std::nullopt;
  }
  // It may just have had it.
  return file.open(path);
}

MaybeError tern::runtime::checkWeights(const char *data, uint64_t size,
                                       const Signature &info, bool verify) {
  // Artifacts of earlier versions do not say.
  if (info.weightsBytes && size != *info.weightsBytes)
    return "was changed since it was written: it has " + std::to_string(size) +
           " bytes, not " + std::to_string(*info.weightsBytes);
  if (!verify)
    return std::nullopt;
  if (!info.weightsBytes)
    return "cannot be verified: the model was compiled by an earlier version "
           "of Tern; compile it again";
  std::string id;
  if (MaybeError error = hashWeights(data, size, id))
    return error;
  if (id != info.weightsId)
    return "was changed since it was written: the hash of its bytes is " + id +
           ", its id " + info.weightsId;
  return std::nullopt;
}
