//===- SignatureParser.h - Parts of signatures ------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the signatures of inference and of training artifacts have in common.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_SIGNATUREPARSER_H
#define TERN_RUNTIME_SIGNATUREPARSER_H

#include "../io/Json.h"
#include "Signature.h"

namespace tern::runtime {

[[nodiscard]] MaybeError parseString(const nlohmann::json &object,
                                     const char *key, std::string &value);
[[nodiscard]] MaybeError parseStrings(const nlohmann::json &object,
                                      const char *key,
                                      std::vector<std::string> &values);

/// Parses the whole text, which must be an object.
[[nodiscard]] MaybeError parseRoot(const char *text, JsonRoot &root);
/// The fields of ArtifactInfo.
[[nodiscard]] MaybeError parseInfo(const nlohmann::json &root,
                                   ArtifactInfo &info);

/// "name" and "dtype".
[[nodiscard]] MaybeError parseNameAndDType(const nlohmann::json &object,
                                           std::string &name, DType &dtype);
/// A list of tensors with different names. Symbolic extents must be in `dims`;
/// `mayBeUnknown` allows null for an extent.
[[nodiscard]] MaybeError parseTensors(const nlohmann::json &root,
                                      const char *key,
                                      const std::vector<std::string> &dims,
                                      bool mayBeUnknown,
                                      std::vector<TensorSpec> &specs);
/// "dims", "inputs", "outputs" and, if there are any, "checks" and
/// "element_checks"; every one of dims must be an extent of some input.
[[nodiscard]] MaybeError parseInterface(const nlohmann::json &root,
                                        Interface &interface);

} // namespace tern::runtime

#endif // TERN_RUNTIME_SIGNATUREPARSER_H
