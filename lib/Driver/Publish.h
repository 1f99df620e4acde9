//===- Publish.h - Rename finished files into place -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_DRIVER_PUBLISH_H
#define TERN_LIB_DRIVER_PUBLISH_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace tern {

/// A finished file and where it goes. Symbolic links at `target` are followed;
/// a file that it replaces hands on its permissions.
struct FinishedFile {
  std::string path;
  std::string target;
  /// Who may read the file may execute it.
  bool isProgram = false;
};

/// Moves a file to its name. With `durable` it is on the disk before, and the
/// name is after it.
llvm::Error publish(const FinishedFile &file, bool durable);

/// Moves code and the weights with this id to their names, such that whoever
/// looks, and whoever comes after a crash at any moment, finds old code and old
/// weights or new code and new weights: the weights first under a name with
/// their id (getWeightsPathWithId), where the runtime looks if they are not
/// under their own; then the code; then the weights under their own name.
/// Weights that a crash left under a name with an id go, unless code beside
/// them names them.
llvm::Error publishPair(const FinishedFile &code, const FinishedFile &weights,
                        llvm::StringRef id, bool durable);

} // namespace tern

#endif // TERN_LIB_DRIVER_PUBLISH_H
