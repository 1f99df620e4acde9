//===- TernDialect.h - The tern dialect, names of attributes ----*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_TERNDIALECT_H
#define TERN_DIALECT_TERN_IR_TERNDIALECT_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/Operation.h"

#include "tern/Dialect/Tern/IR/DiscardableAttributes.h.inc"
#include "tern/Dialect/Tern/IR/TernDialect.h.inc"

#endif // TERN_DIALECT_TERN_IR_TERNDIALECT_H
