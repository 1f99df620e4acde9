//===- Program.h - A loaded model -------------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_PROGRAM_H
#define TERN_RUNTIME_PROGRAM_H

#include "../io/MappedFile.h"
#include "Call.h"
#include "ForkHook.h"
#include "Library.h"

/// What Runtime.h hands out. Loading is in Program.cpp, the C functions in
/// Runtime.cpp.
struct TernProgram {
  using MaybeFailure = tern::runtime::MaybeFailure;

  MaybeFailure open(const std::string &path);
  MaybeFailure link(const TernArtifact &linked);
  MaybeFailure finishLoading(const TernProgramOptions &options);
  /// Whether what is mapped is still there.
  MaybeFailure checkFiles() const;

  /// For messages: the path, or "this executable".
  std::string name;
  std::string artifactPath;
  TernArtifact artifact = {};
  tern::runtime::Signature signature;
  std::string weightsPath;
  tern::runtime::Host host;
  tern::runtime::Call call;
  tern::runtime::Arena arena;
  tern::runtime::ForkSafeMutex mutex;

private:
  MaybeFailure bindWeights(const TernProgramOptions &options);
  MaybeFailure bindParams(const char *data, uint64_t size,
                          const std::string &file, bool verify);

  tern::runtime::Library library;
  tern::runtime::MappedFile weights;
};

#endif // TERN_RUNTIME_PROGRAM_H
