//===- DiscardableAttributes.h - Verifiers of tern.* attributes -*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_DIALECT_TERN_IR_DISCARDABLEATTRIBUTES_H
#define TERN_LIB_DIALECT_TERN_IR_DISCARDABLEATTRIBUTES_H

#include "mlir/Interfaces/FunctionInterfaces.h"

namespace tern {

/// Verifies an attribute of an operation, a function's arguments and results
/// apart: its name, what it stands on and, with few exceptions, its value.
llvm::LogicalResult verifyOperationMarker(mlir::Operation *op,
                                          mlir::NamedAttribute attr);

/// Verifies an attribute of an argument, or else of a result, of a function.
/// There are no others than it knows.
llvm::LogicalResult verifyValueMarker(mlir::FunctionOpInterface function,
                                      unsigned index, bool isArgument,
                                      mlir::NamedAttribute attr);

/// What is wrong with an attribute that is known, of an argument or result or
/// else of an operation, at a level of IR: empty if it belongs there.
std::string checkMarkerLevel(llvm::StringRef name, bool isValue,
                             llvm::StringRef level);

} // namespace tern

#endif // TERN_LIB_DIALECT_TERN_IR_DISCARDABLEATTRIBUTES_H
