//===- Codegen.h - LLVM dialect to machine code -----------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_LIB_DRIVER_CODEGEN_H
#define TERN_LIB_DRIVER_CODEGEN_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/Error.h"
#include "llvm/Target/TargetMachine.h"
#include <memory>
#include <string>
#include <vector>

namespace tern {

/// What a module is compiled for.
struct Machine {
  std::string triple;
  /// LLVM's names, without the plus sign.
  std::vector<std::string> features;
};

/// The machine of the module's `tern.target`; the host's triple without
/// further features if it has none.
Machine getMachine(mlir::ModuleOp module);

/// A target machine for position-independent code on the machine's baseline
/// processor with the machine's features.
llvm::Expected<std::unique_ptr<llvm::TargetMachine>>
createTargetMachine(const Machine &machine, unsigned optLevel);

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

/// Assembly or an object, appended to `code`.
llvm::Error generateCode(llvm::Module &module, llvm::TargetMachine &machine,
                         llvm::CodeGenFileType type,
                         llvm::SmallVectorImpl<char> &code);

} // namespace tern

#endif // TERN_LIB_DRIVER_CODEGEN_H
