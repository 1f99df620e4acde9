//===- RawBuffers.h - Buffers as pointers and extents -----------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_LLVM_RAWBUFFERS_H
#define TERN_LIB_LLVM_RAWBUFFERS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace tern {

/// A dense row-major memref of `type` on memory at `pointer` (!llvm.ptr), with
/// one value (index) in `extents` per dynamic extent. Built of a descriptor and
/// a cast, which the conversion to LLVM resolves.
mlir::Value buildMemRef(mlir::ImplicitLocOpBuilder &b, mlir::MemRefType type,
                        mlir::Value pointer, mlir::ValueRange extents);

/// The inverse: the pointer and the dynamic extents of a dense memref.
void splitMemRef(mlir::ImplicitLocOpBuilder &b, mlir::Value memref,
                 llvm::SmallVectorImpl<mlir::Value> &parts);

/// Replaces each memref argument of a function by a pointer and its dynamic
/// extents. The pointer takes over the argument's `llvm.*` attributes. Fails
/// on memrefs that are not dense.
llvm::LogicalResult takeRawBuffers(mlir::func::FuncOp func);

/// States on a function's buffers what the interface promises of the pointers,
/// and what holds of those that callers within the artifact pass: buffers that
/// are written are no part of others, since they are in use at one time.
void promiseBuffers(mlir::func::FuncOp func);

} // namespace tern

#endif // TERN_LIB_LLVM_RAWBUFFERS_H
