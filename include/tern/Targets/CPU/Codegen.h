//===- Codegen.h - LLVM dialect to machine code -----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TARGETS_CPU_CODEGEN_H
#define TERN_TARGETS_CPU_CODEGEN_H

#include "mlir/IR/BuiltinOps.h"
#include "tern/Dialect/Tern/IR/TargetInterfaces.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"
#include <memory>
#include <string>
#include <vector>

namespace tern {

/// TargetLoweringInterface's serialize() with LLVM: one object, for the
/// machine's triple. Errors are reported on the module.
llvm::FailureOr<CodeObject> serializeForCPU(mlir::ModuleOp module,
                                            const MachineInfo &machine,
                                            const EmitOptions &options);

/// A target machine for position-independent code on the machine's processor
/// with its features.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const MachineInfo &machine, unsigned optLevel);

/// Translates a module at level `llvm` to LLVM IR for a target machine, with
/// only what the functions named in `roots` need. Null after an error, which is
/// reported on the module.
std::unique_ptr<llvm::Module>
translateForMachine(mlir::ModuleOp module, llvm::LLVMContext &context,
                    llvm::TargetMachine &machine,
                    llvm::ArrayRef<std::string> roots);

/// Runs LLVM's standard optimizations.
void optimize(llvm::Module &module, llvm::TargetMachine &machine,
              unsigned optLevel);

} // namespace tern

#endif // TERN_TARGETS_CPU_CODEGEN_H
