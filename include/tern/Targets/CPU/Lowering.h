//===- Lowering.h - How modules are lowered to CPUs -------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_TARGETS_CPU_LOWERING_H
#define TERN_TARGETS_CPU_LOWERING_H

#include "tern/Buffers/Passes.h"
#include "tern/Dialect/Tern/IR/TargetInterfaces.h"
#include "tern/LLVM/Passes.h"
#include "tern/Targets/CPU/Codegen.h"
#include "tern/Targets/CPU/Dot.h"
#include "tern/Tiled/Passes.h"

namespace tern {

/// TargetLoweringInterface for processors whose code LLVM generates: Tern's own
/// pipelines, and microkernels on vectors of bytes. `ConcreteModel` may hide
/// what it does otherwise; the attribute has SimdDotInterface, too.
template <typename ConcreteModel, typename TargetAttr>
struct CPULoweringModel
    : TargetLoweringInterface::ExternalModel<ConcreteModel, TargetAttr> {
  void buildTilePipeline(mlir::Attribute, mlir::OpPassManager &pm,
                         const LoweringOptions &options) const {
    buildPackedToTiledPipeline(pm, options);
  }
  void buildBufferPipeline(mlir::Attribute, mlir::OpPassManager &pm,
                           const LoweringOptions &) const {
    buildTiledToBuffersPipeline(pm);
  }
  void buildMachinePipeline(mlir::Attribute, mlir::OpPassManager &pm,
                            const LoweringOptions &) const {
    buildBuffersToLLVMPipeline(pm);
  }
  llvm::LogicalResult lowerPackedMatmul(mlir::Attribute,
                                        mlir::RewriterBase &rewriter,
                                        PackedMatmulOp op) const {
    return lowerPackedMatmulToSimd(rewriter, op);
  }
  llvm::FailureOr<CodeObject> serialize(mlir::Attribute target,
                                        mlir::ModuleOp module,
                                        const EmitOptions &options) const {
    return serializeForCPU(
        module, mlir::cast<TargetAttrInterface>(target).getMachine(), options);
  }
};

/// SimdDotInterface in plain arithmetic, for any processor: one accumulator
/// lane for each byte lane, and kernels that 16 registers of 16 bytes hold.
template <typename ConcreteModel, typename TargetAttr>
struct CPUSimdModel
    : SimdDotInterface::ExternalModel<ConcreteModel, TargetAttr> {
  mlir::VectorType getAccumulatorType(mlir::Attribute target,
                                      int64_t lanes) const {
    return mlir::VectorType::get(
        lanes, mlir::IntegerType::get(target.getContext(), 32));
  }
  mlir::Value buildDot(mlir::Attribute, mlir::OpBuilder &b, mlir::Location loc,
                       mlir::ValueRange codes, mlir::ValueRange activations,
                       mlir::Value acc) const {
    return buildWideDot(b, loc, codes, activations, acc);
  }
};

} // namespace tern

#endif // TERN_TARGETS_CPU_LOWERING_H
