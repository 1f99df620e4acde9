//===- BufferTable.h - Load buffers from the interface's arrays -----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// An entry function that was cut into parts does not take its buffers as
// arguments, which may be thousands and would all be alive at its entry, but
// the arrays that the artifact's interface has them in.
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_LLVM_BUFFERTABLE_H
#define TERN_LIB_LLVM_BUFFERTABLE_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/SymbolTable.h"

namespace tern {

/// Where a buffer of an entry function is found.
struct BufferSource {
  /// An element of an array of i64: of the symbolic extents, or of those that
  /// the shapes function computes.
  struct Extent {
    bool isComputed;
    unsigned index;
  };
  enum Kind { Buffer, Arena, FailedCheck };

  Kind kind = Buffer;
  mlir::MemRefType type;
  /// In the array of buffers; meaningless for the other kinds.
  unsigned index = 0;
  /// One per dynamic extent of a `Buffer`.
  llvm::SmallVector<Extent> extents;
};

/// The sources of an entry function's arguments, in their order.
class BufferTable {
public:
  explicit BufferTable(llvm::SmallVector<BufferSource> sources)
      : sources(std::move(sources)) {}

  /// What functions take in place of the arguments: arrays of buffers, of
  /// symbolic extents and of computed extents, the arena and its size in bytes,
  /// and where the number of a check that failed goes.
  static llvm::SmallVector<mlir::Type> getTypes(mlir::MLIRContext *context);

  /// Makes `func` take the table in place of its arguments. Calls marked
  /// `tern.part` become calls of functions that load what the part takes. The
  /// arguments of parts take over the `llvm.*` attributes of the buffers that
  /// they are given. `func` must have a single block.
  llvm::LogicalResult replaceArguments(mlir::func::FuncOp func,
                                       mlir::SymbolTable &symbols);

private:
  mlir::Value build(mlir::ImplicitLocOpBuilder &b, unsigned argument,
                    mlir::ValueRange table) const;
  llvm::LogicalResult lowerPart(mlir::func::FuncOp func,
                                mlir::func::CallOp call, mlir::ValueRange table,
                                mlir::SymbolTable &symbols) const;

  llvm::SmallVector<BufferSource> sources;
};

} // namespace tern

#endif // TERN_LIB_LLVM_BUFFERTABLE_H
