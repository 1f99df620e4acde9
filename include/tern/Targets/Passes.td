//===- Passes.td - From packed to llvm, by target ----------*- tablegen -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TARGETS_PASSES_TD
#define TERN_TARGETS_PASSES_TD

include "mlir/Pass/PassBase.td"

def TernLowerModules : Pass<"tern-lower-modules", "::mlir::ModuleOp"> {
  let summary = "Lower each module by its target's pipeline";
  let description = [{
    Runs the pipeline to a level, from the one before, that the lowering of the
    module's target builds (`TargetLoweringInterface`), and then those of the
    modules nested in it, each by its own `tern.target`. A pipeline sees its
    module alone: nested ones are out of it meanwhile.

    A target that nothing lowers to is an error.
  }];
  let options = [
    Option<"level", "level", "::tern::LoweredLevel",
           /*default=*/"::tern::LoweredLevel::Tiled", "The level to reach",
           [{::llvm::cl::values(
             clEnumValN(::tern::LoweredLevel::Tiled, "tiled",
                        "parallel tiles and the target's kernels"),
             clEnumValN(::tern::LoweredLevel::Buffers, "buffers",
                        "buffers in planned arenas"),
             clEnumValN(::tern::LoweredLevel::LLVM, "llvm",
                        "the LLVM dialect"))}]>,
    Option<"outlineLayers", "outline-layers", "bool", "true",
           "To level tiled: let equal layers be calls of one function">
  ];
}

#endif // TERN_TARGETS_PASSES_TD
