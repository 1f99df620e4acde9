//===- EntryChecks.h - What entry functions must keep to --------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_LLVM_ENTRYCHECKS_H
#define TERN_LIB_LLVM_ENTRYCHECKS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/SymbolTable.h"

namespace tern {

/// Fails with an error unless a host can make the state that argument `arg` is:
/// functions share a state's extents by their names, and what all elements
/// begin with has to be known.
mlir::LogicalResult checkState(mlir::func::FuncOp func, unsigned arg,
                               mlir::MemRefType type);

/// Fails with an error if a function that does not train updates a parameter:
/// weights are mapped, only state may change.
mlir::LogicalResult checkDonated(mlir::func::FuncOp func);

/// Sets `checks` to the function that answers the checks of scalars of `func`,
/// which has `numDims` dims; null if there are none. Fails with an error if it
/// is missing or of another type.
mlir::LogicalResult findScalarChecks(mlir::func::FuncOp func, size_t numDims,
                                     mlir::SymbolTable &symbols,
                                     mlir::func::FuncOp &checks);

/// Ends a function that returns i32: with what `callee` returns for `operands`
/// if `checks` returns 0 for `checked`, else with that number.
void callIfScalarsFit(mlir::ImplicitLocOpBuilder &b, mlir::func::FuncOp checks,
                      mlir::ValueRange checked, llvm::StringRef callee,
                      mlir::ValueRange operands);

} // namespace tern

#endif // TERN_LIB_LLVM_ENTRYCHECKS_H
