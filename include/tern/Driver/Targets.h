//===- Targets.h - Parse and list targets by name ---------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DRIVER_TARGETS_H
#define TERN_DRIVER_TARGETS_H

#include "mlir/IR/MLIRContext.h"
#include "tern/Dialect/Tern/IR/TernAttributes.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"
#include <string>
#include <vector>

namespace tern {

/// The target that `--target` names: `host` (this machine), what a dialect with
/// TargetDialectInterface knows (Tern's: `generic`, `x86`,
/// `x86:feature,feature...`), or the text of any attribute that is a target,
/// such as a plugin's `#npu.v2`. An error lists the targets.
llvm::Expected<TargetAttrInterface> parseTarget(llvm::StringRef name,
                                                mlir::MLIRContext &context);

/// What parseTarget takes and begins with `prefix`, but for attributes.
std::vector<std::string> completeTarget(llvm::StringRef prefix,
                                        mlir::MLIRContext &context);

/// The targets that parseTarget knows, with their features.
void printTargets(llvm::raw_ostream &os, mlir::MLIRContext &context);

} // namespace tern

#endif // TERN_DRIVER_TARGETS_H
