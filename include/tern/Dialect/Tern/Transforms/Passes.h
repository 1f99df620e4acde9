//===- Passes.h - Passes on the tern dialect --------------------*- C++ -*-===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef TERN_DIALECT_TERN_TRANSFORMS_PASSES_H
#define TERN_DIALECT_TERN_TRANSFORMS_PASSES_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"

namespace mlir {
class RewritePatternSet;
namespace affine {
class AffineDialect;
}
namespace arith {
class ArithDialect;
}
namespace linalg {
class LinalgDialect;
}
namespace math {
class MathDialect;
}
namespace scf {
class SCFDialect;
}
namespace tensor {
class TensorDialect;
}
namespace ub {
class UBDialect;
}
namespace vector {
class VectorDialect;
}
namespace LLVM {
class LLVMDialect;
}
} // namespace mlir

namespace tern {
class TernDialect;

#define GEN_PASS_DECL
#include "tern/Dialect/Tern/Transforms/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "tern/Dialect/Tern/Transforms/Passes.h.inc"

/// Quantizers, packing and straight-through estimators to linalg.
void populateLowerQuantizersPatterns(mlir::RewritePatternSet &patterns);

/// tern.packed_matmul to vector microkernels.
void populateLowerPackedMatmulPatterns(mlir::RewritePatternSet &patterns);
} // namespace tern

#endif // TERN_DIALECT_TERN_TRANSFORMS_PASSES_H
