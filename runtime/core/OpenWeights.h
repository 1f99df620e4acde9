//===- OpenWeights.h - Find the weights of a model --------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_OPENWEIGHTS_H
#define TERN_RUNTIME_OPENWEIGHTS_H

#include "../io/MappedFile.h"
#include "Signature.h"

namespace tern::runtime {

/// Opens the weights file with this id: `path` or, if that is another model's
/// or missing, weightsPathWithId(path, id). If neither has the id it opens
/// `path` nevertheless: the caller says what is wrong with it. `opened` is the
/// path that was opened.
[[nodiscard]] MaybeError openWeights(const std::string &path,
                                     const std::string &id, MappedFile &file,
                                     std::string &opened);

/// Checks that weights with the right id are the whole file that the compiler
/// wrote: by their size and, with `verify`, by their hash. Errors follow the
/// file's name.
[[nodiscard]] MaybeError checkWeights(const char *data, uint64_t size,
                                      const Signature &info, bool verify);

} // namespace tern::runtime

#endif // TERN_RUNTIME_OPENWEIGHTS_H
