//===- tern-train.cpp - Train compiled models ------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TernTrain.h"

int main(int argc, char **argv) { return tern_train_main(argc, argv, nullptr); }
