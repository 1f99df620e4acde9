//===- Packed.cpp - Ternary to packed -------------------------------------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Pass/PassManager.h"
#include "tern/Pipelines/Pipelines.h"

using namespace mlir;

void tern::buildTernaryToPackedPipeline(OpPassManager &pm) {}
