//===- HostCalls.h - What functions run by the host -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_LLVM_HOSTCALLS_H
#define TERN_LIB_LLVM_HOSTCALLS_H

#include "Launches.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

namespace tern {

/// Gives functions on buffers the host (TernHost), and lowers what runs by it:
/// parallel calls, launches, and calls of functions that need it as well.
class HostCalls {
public:
  explicit HostCalls(mlir::SymbolTable &symbols) : symbols(symbols) {}

  /// Arguments that a function got.
  struct Pointers {
    /// Null if nothing runs by the host.
    mlir::Value host;
    /// Where launches leave what went wrong; null if there are none.
    mlir::Value launchStatus;
  };

  /// Those of a function, behind its buffers. Those that it calls come first.
  /// `always`: it gets the host whether it needs it or not.
  llvm::FailureOr<Pointers> lower(mlir::func::FuncOp func, bool always);

  /// For a function that others call: it takes raw pointers, and the host as
  /// far as it needs it. One on numbers alone stays as it is.
  llvm::LogicalResult lowerCalled(mlir::func::FuncOp func);

  /// Whether a call is of such a function, on pointers.
  bool isCalled(mlir::func::CallOp call) const {
    return called.contains(symbols.lookup(call.getCallee()));
  }

  /// What is launched, by its number in the artifact's device table.
  llvm::ArrayRef<mlir::Attribute> getKernels() const {
    return launches.getKernels();
  }

private:
  mlir::Value buildLabel(mlir::ImplicitLocOpBuilder &b, mlir::func::FuncOp func,
                         llvm::StringRef text);
  llvm::LogicalResult lowerParallelCall(mlir::func::FuncOp func,
                                        mlir::Value host,
                                        mlir::func::CallOp call);
  llvm::LogicalResult lowerLayerCalls(mlir::func::FuncOp func,
                                      const Pointers &pointers);

  mlir::SymbolTable &symbols;
  LaunchLowering launches;
  /// What functions that others call take.
  struct Use {
    bool needsHost = false, launches = false;
  };
  llvm::DenseMap<mlir::Operation *, Use> uses;
  llvm::DenseSet<mlir::Operation *> called;
};

} // namespace tern

#endif // TERN_LIB_LLVM_HOSTCALLS_H
