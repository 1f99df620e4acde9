//===- Npy.h - Read and write NumPy's .npy files ----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_NPY_H
#define TERN_RUNTIME_NPY_H

#include "HostTensor.h"

namespace tern::runtime {

class MappedFile;

/// What the header of a .npy file says.
struct NpyHeader {
  DType dtype;
  std::vector<int64_t> shape;
  /// Where the elements begin.
  uint64_t offset;
};

/// Parses a whole file that is in memory (format versions 1 to 3). Only
/// little-endian arrays in C order are accepted; the elements must end where
/// the file ends. NumPy has no bfloat16: arrays of raw 2-byte items ("V2", what
/// ml_dtypes writes) are taken as such.
[[nodiscard]] MaybeError parseNpy(const char *data, uint64_t size,
                                  NpyHeader &header);

/// Maps a file; the elements lie on read-only pages.
[[nodiscard]] MaybeError readNpy(const std::string &path, HostTensor &tensor);
/// The same of a file that is mapped; `path` is for messages.
[[nodiscard]] MaybeError readNpy(const std::string &path,
                                 const std::shared_ptr<const MappedFile> &file,
                                 HostTensor &tensor);
/// Writes atomically.
[[nodiscard]] MaybeError writeNpy(const std::string &path,
                                  const HostTensor &tensor);

} // namespace tern::runtime

#endif // TERN_RUNTIME_NPY_H
