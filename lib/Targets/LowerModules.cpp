//===- LowerModules.cpp - Lower each module by its target's pipeline ------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Pass/PassManager.h"
#include "tern/Buffers/Passes.h"
#include "tern/Dialect/Tern/IR/TargetInterfaces.h"
#include "tern/LLVM/Passes.h"
#include "tern/Targets/Passes.h"
#include "tern/Tiled/Passes.h"

namespace tern {
#define GEN_PASS_DEF_TERNLOWERMODULES
#include "tern/Targets/Passes.h.inc"
} // namespace tern

using namespace mlir;
using namespace tern;

namespace {
struct LowerModulesPass : tern::impl::TernLowerModulesBase<LowerModulesPass> {
  using TernLowerModulesBase::TernLowerModulesBase;

  /// What the pipelines are is known only once they run: those in the tree,
  /// that is. A plugin's targets depend on what they create themselves.
  void getDependentDialects(DialectRegistry &registry) const override {
    OpPassManager pm(ModuleOp::getOperationName());
    buildPackedToTiledPipeline(pm, LoweringOptions());
    buildTiledToBuffersPipeline(pm);
    buildBuffersToLLVMPipeline(pm);
    pm.getDependentDialects(registry);
  }

  void runOnOperation() override {
    if (failed(lowerAll(getOperation())))
      signalPassFailure();
  }

private:
  LogicalResult lowerAll(ModuleOp module) {
    SmallVector<ModuleOp> nested(module.getOps<ModuleOp>());
    for (ModuleOp inner : nested)
      inner->remove();
    LogicalResult result = lower(module);
    for (ModuleOp inner : nested)
      module.push_back(inner);
    for (ModuleOp inner : nested)
      if (succeeded(result))
        result = lowerAll(inner);
    return result;
  }

  LogicalResult lower(ModuleOp module) {
    TargetLoweringInterface lowering = getTargetLowering(module);
    if (!lowering)
      return failure();
    LoweringOptions options;
    options.isPrepare = TernDialect::PrepareAttrHelper(module->getContext())
                            .isAttrPresent(module);
    OpPassManager pm(ModuleOp::getOperationName());
    options.outlineLayers = outlineLayers;
    LoweredLevel reached = level;
    switch (reached) {
    case LoweredLevel::Tiled:
      lowering.buildTilePipeline(pm, options);
      break;
    case LoweredLevel::Buffers:
      lowering.buildBufferPipeline(pm, options);
      break;
    case LoweredLevel::LLVM:
      lowering.buildMachinePipeline(pm, options);
      break;
    }
    return runPipeline(pm, module);
  }
};
} // namespace
