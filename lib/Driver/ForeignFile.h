//===- ForeignFile.h - Explain files of other formats -----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_DRIVER_FOREIGNFILE_H
#define TERN_LIB_DRIVER_FOREIGNFILE_H

#include "llvm/ADT/StringRef.h"
#include <string>

namespace tern {
class ModelFiles;

/// What a file is that is given as a model but belongs to another program, and
/// how to make of it what ternc takes: "it is a folder; ...". By its first
/// bytes, or its suffix. Empty if it is none of what is known.
std::string explainForeignModel(llvm::StringRef path, ModelFiles &files);

/// The same for a file that is given as weights.
std::string explainForeignWeights(llvm::StringRef path, ModelFiles &files);

} // namespace tern

#endif // TERN_LIB_DRIVER_FOREIGNFILE_H
