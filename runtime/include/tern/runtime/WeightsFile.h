//===- WeightsFile.h - Ids of weights files ---------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A compiled model and its weights file name each other by an id, a hash of
// every byte of the file. The file's metadata have it, and the model's
// signature.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_WEIGHTSFILE_H
#define TERN_RUNTIME_WEIGHTSFILE_H

#include "tern/runtime/DType.h"

namespace tern::runtime {

/// The id's key in the file's metadata.
inline constexpr const char *kWeightsIdKey = "tern_weights_id";

/// Where the weights with this id are while they are on their way to `path`:
/// X.ID.safetensors for X.safetensors.
std::string weightsPathWithId(const std::string &path, const std::string &id);

/// Hashes a weights file that is in memory as SafetensorsWriter::sign() does:
/// the first 32 digits of the SHA-256 of all its bytes, with zeros for the
/// digits of the id in its metadata. An error, to follow the file's name, if it
/// has no id.
[[nodiscard]] MaybeError hashWeights(const char *data, uint64_t size,
                                     std::string &id);

} // namespace tern::runtime

#endif // TERN_RUNTIME_WEIGHTSFILE_H
