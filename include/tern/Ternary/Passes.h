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
#include "mlir/Pass/PassOptions.h"
#include "tern/Support/ChoiceParser.h"
#include "tern/Ternary/Layers.h"
#include <string>

namespace tern {
/// Which layers `tern-ternarize` converts.
enum class TernarizeMode { Auto, All, None };
/// The activations of ternary layers.
enum class ActivationMode { Auto, Int8, Float };

#define GEN_PASS_DECL
#include "tern/Ternary/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "tern/Ternary/Passes.h.inc"

/// What a user can choose about ternary layers, in `ternc` as in
/// `--tern-ternary-pipeline`.
struct TernaryOptions : mlir::PassPipelineOptions<TernaryOptions> {
  Option<std::string, ChoiceParser> ternarize{
      *this, "ternarize", llvm::cl::init("auto"),
      llvm::cl::value_desc("auto|all|none"),
      llvm::cl::desc("Linear layers that become ternary: auto (those that are "
                     "ternary in the model), all, none")};
  Option<std::string> quantizer{
      *this, "quantizer", llvm::cl::init("absmean"),
      llvm::cl::value_desc(getQuantizerNameList()),
      llvm::cl::desc("Quantizer of converted layers, by name or as "
                     "'<statistic = ...>'")};
  Option<std::string, ChoiceParser> activations{
      *this, "activations", llvm::cl::init("auto"),
      llvm::cl::value_desc("auto|int8|float"),
      llvm::cl::desc("Activations of converted layers")};
  ListOption<std::string> exclude{
      *this, "exclude", llvm::cl::value_desc("regex"),
      llvm::cl::desc("Leave layers with a matching name as they are")};
};

/// graph -> ternary: recognise ternary layers, convert others.
void buildGraphToTernaryPipeline(mlir::OpPassManager &pm,
                                 const TernaryOptions &options);
} // namespace tern

#endif // TERN_TERNARY_PASSES_H
