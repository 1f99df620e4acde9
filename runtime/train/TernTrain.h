//===- TernTrain.h - Entry points of tern-train -----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_RUNTIME_TERNTRAIN_H
#define TERN_RUNTIME_TERNTRAIN_H

#include "tern/runtime/Artifact.h"

/// The whole program; returns the exit code. `linked` may be null: then the
/// first argument names an artifact.
extern "C" int tern_train_main(int argc, char **argv,
                               const TernArtifact *linked);

#endif // TERN_RUNTIME_TERNTRAIN_H
