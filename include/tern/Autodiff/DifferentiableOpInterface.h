//===- DifferentiableOpInterface.h - Derivatives of operations --*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_AUTODIFF_DIFFERENTIABLEOPINTERFACE_H
#define TERN_AUTODIFF_DIFFERENTIABLEOPINTERFACE_H

#include "mlir/IR/OpDefinition.h"
#include "tern/Autodiff/Reverse.h"
#include "tern/Dialect/Tern/IR/LinalgFold.h"

#include "tern/Autodiff/DifferentiableOpInterface.h.inc"

#endif // TERN_AUTODIFF_DIFFERENTIABLEOPINTERFACE_H
