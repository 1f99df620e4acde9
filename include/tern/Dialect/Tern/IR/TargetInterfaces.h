//===- TargetInterfaces.h - How code is lowered to targets ------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_IR_TARGETINTERFACES_H
#define TERN_DIALECT_TERN_IR_TARGETINTERFACES_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/DialectInterface.h"
#include "mlir/IR/PatternMatch.h"
#include "tern/Dialect/Tern/IR/MathLibrary.h"
#include "tern/Dialect/Tern/IR/TernOps.h"
#include "llvm/Support/Error.h"
#include <functional>
#include <string>
#include <vector>

namespace llvm {
class Module;
} // namespace llvm

namespace mlir {
class OpPassManager;
} // namespace mlir

namespace tern {

/// What a target's pipelines are told of the module.
struct LoweringOptions {
  /// Its functions run once each, one after another, as the model is compiled:
  /// there is nothing to share out between threads.
  bool isPrepare = false;
  /// Whether equal layers become calls of one function
  /// (`tern-outline-layers`).
  bool outlineLayers = true;
};

/// What is asked of a target's code generator.
struct EmitOptions {
  enum class Kind { LLVMIR, Assembly, Object };
  Kind kind = Kind::Object;
  /// 0 to 3, as a C compiler's -O.
  unsigned optLevel = 2;
  /// The functions that are kept, with what they need.
  std::vector<std::string> exported;
  /// Adds to the host's code what only the writer of the artifact knows, before
  /// it is optimized. Reports its errors itself. Null: nothing.
  std::function<llvm::LogicalResult(llvm::Module &)> complete;
};

/// Code in one form for one machine.
struct CodeObject {
  /// "llvm-ir", "assembly", "object" (relocatable, which the linker of the host
  /// takes), or a name of the target's own, by which a device knows what it can
  /// run.
  std::string kind;
  /// LLVM's triple, or the name of a chip.
  std::string machine;
  /// The name of the `gpu.module` that it was; empty for the host's code.
  std::string module;
  llvm::SmallVector<char, 0> bytes;
};

} // namespace tern

#include "tern/Dialect/Tern/IR/TernTargetInterfaces.h.inc"

namespace tern {

/// How modules for `op`'s target are lowered. An error on `op` and null, if no
/// library attached it.
TargetLoweringInterface getTargetLowering(mlir::Operation *op);

/// The vectors of `op`'s target. An error on `op` and null, if it has none.
SimdDotInterface getSimdDot(mlir::Operation *op);

/// The targets of a dialect, by the names that `--target` takes.
class TargetDialectInterface
    : public mlir::DialectInterface::Base<TargetDialectInterface> {
public:
  explicit TargetDialectInterface(mlir::Dialect *dialect) : Base(dialect) {}

  struct Entry {
    std::string name;
    /// One line, and further ones that belong to it.
    std::string description;
  };

  virtual std::vector<Entry> listTargets() const = 0;

  /// The target that `spec` names; null if it names none of this dialect's. An
  /// error says what is wrong with one that is.
  virtual llvm::Expected<TargetAttrInterface>
  parseTarget(llvm::StringRef spec) const = 0;

  /// What begins with `prefix` and parses: names, and with what may follow
  /// them.
  virtual std::vector<std::string> complete(llvm::StringRef prefix) const = 0;

  /// The target that describes this machine, or null.
  virtual TargetAttrInterface getHostTarget() const { return nullptr; }

private:
  virtual void anchor();
};

} // namespace tern

#endif // TERN_DIALECT_TERN_IR_TARGETINTERFACES_H
