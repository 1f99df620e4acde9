//===- ExecutableMain.cpp - main() of executables ---------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// TERN_MAIN is the program, tern_run_main or tern_train_main: this is compiled
// for each.
//
//===----------------------------------------------------------------------===//

#include "tern/runtime/Artifact.h"

extern "C" int TERN_MAIN(int argc, char **argv, const TernArtifact *linked);

int main(int argc, char **argv) { return TERN_MAIN(argc, argv, tern_model()); }
