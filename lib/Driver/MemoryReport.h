//===- MemoryReport.h - Memory of a run, for --stats ------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_DRIVER_MEMORYREPORT_H
#define TERN_LIB_DRIVER_MEMORYREPORT_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"
#include <map>
#include <optional>
#include <string>

namespace tern {

/// The memory part of the size report: what a host allocates for parameters,
/// optimizer state and scratch. Read off a module at level `buffers`, whose
/// functions compute it.
class MemoryReport {
public:
  /// Values of symbolic extents; 1 for those that are not named.
  explicit MemoryReport(const llvm::StringMap<int64_t> &given) : given(given) {}

  /// Looks at a module at level `buffers`.
  void read(mlir::ModuleOp module);
  /// Why a dimension that a value was given for is none of the model; empty if
  /// all are.
  std::string checkDims() const;
  /// The attribute `memory` of an object.
  void print(llvm::json::OStream &out) const;

private:
  const llvm::StringMap<int64_t> &given;
  std::map<std::string, int64_t> dims;
  std::map<std::string, std::optional<int64_t>> arenas;
  /// By name: functions share them.
  llvm::StringMap<int64_t> params, states;
  bool hasRead = false;
};

} // namespace tern

#endif // TERN_LIB_DRIVER_MEMORYREPORT_H
