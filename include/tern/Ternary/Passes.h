//===- Passes.h - From graph to ternary -------------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TERNARY_PASSES_H
#define TERN_TERNARY_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"
#include <string>
#include <vector>

namespace tern {
/// Which layers `tern-ternarize` converts.
enum class TernarizeMode { Auto, All, None };
/// The activations of ternary layers.
enum class ActivationMode { Auto, Int8, Float };

#define GEN_PASS_DECL
#include "tern/Ternary/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "tern/Ternary/Passes.h.inc"

/// What a user can choose about ternary layers.
struct TernaryOptions {
  /// Which layers become ternary: `auto` those that are ternary in the model,
  /// `all` every linear layer that is not excluded, `none`.
  std::string ternarize = "auto";
  /// The quantizer of converted layers: a name of docs/numerics.md or the
  /// parameters of `#tern.weight_quantizer`.
  std::string quantizer = "absmean";
  /// Activations of converted layers: `auto`, `int8` or `float`.
  std::string activations = "auto";
  /// Layers whose name matches one of these stay as they are.
  std::vector<std::string> exclude;
};

/// graph -> ternary: recognise ternary layers, convert others.
void buildGraphToTernaryPipeline(mlir::OpPassManager &pm,
                                 const TernaryOptions &options = {});
} // namespace tern

#endif // TERN_TERNARY_PASSES_H
