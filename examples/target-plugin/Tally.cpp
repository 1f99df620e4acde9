//===- Tally.cpp - How Tern compiles for an invented accelerator ----------===//
//
// Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/GPU/Transforms/Passes.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Tools/Plugins/DialectPlugin.h"
#include "tern/LLVM/KernelParams.h"
#include "tern/Plugin.h"
#include "tern/Targets/CPU/Lowering.h"
#include "tern/Targets/NamedTarget.h"
#include "llvm/ADT/TypeSwitch.h"

#include "TallyDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "TallyAttrs.h.inc"
#define GET_OP_CLASSES
#include "TallyOps.h.inc"

using namespace mlir;
using namespace tally;

tern::LayoutTile CodesAttr::getTile() const {
  return getGrouped() ? tern::LayoutTile{4, 8} : tern::LayoutTile{8, 16};
}

AffineMap CodesAttr::getPackedExtents() const {
  AffineExpr n, k, two = getAffineConstantExpr(2, getContext());
  bindDims(getContext(), n, k);
  SmallVector<AffineExpr> extents = {n.ceilDiv(8), k.ceilDiv(16), two * 16};
  if (getGrouped())
    extents = {k.ceilDiv(8), n.ceilDiv(4), two, two, two};
  return AffineMap::get(2, 0, extents, getContext());
}

AffineMap CodesAttr::getPosition() const {
  AffineExpr a, b, c, d, e, f; // Indices of a byte; the last is the field.
  bindDims(getContext(), a, b, c, d, e, f);
  if (getGrouped())
    return AffineMap::get(6, 0, {b * 4 + d * 2 + e, a * 8 + c * 4 + f},
                          getContext());
  AffineExpr row = c.floorDiv(4), column = 15 - c % 4 * 4 - d;
  return AffineMap::get(
      4, 0, {a * 8 + row % 4 * 2 + row.floorDiv(4), b * 16 + column},
      getContext());
}

tern::LayoutAttrInterface CodesAttr::withGroup(int64_t group) const {
  return group % 8 == 0 ? get(getContext(), group != 0) : nullptr;
}

tern::MachineInfo TargetAttr::getMachine() const {
  tern::MachineInfo machine =
      tern::GenericTargetAttr::get(getContext()).getMachine();
  machine.tileTokens = 0; // The machine divides products itself.
  return machine;
}

tern::LayoutAttrInterface
TargetAttr::getPreferredLayout(const tern::MatmulShape &shape) const {
  return CodesAttr::get(getContext(), false).withGroup(shape.group);
}

/// A line of the machine's code: the kernel's name, whether codes are grouped,
/// the group, and the numbers of the parameters that are buffers (-1: none).
static LogicalResult assemble(gpu::GPUFuncOp kernel, raw_ostream &os) {
  Block &body = kernel.getBody().front();
  auto product = dyn_cast<ProductOp>(body.front());
  if (!product || product->getNextNode() != body.getTerminator())
    return body.front().emitError("a tally has no instruction for this");
  bool isGrouped = product.getPacked().getType().getRank() == 5;
  os << kernel.getName() << " " << isGrouped << " " << product.getGroup();
  for (Value buffer : {product.getActivations(), product.getPacked(),
                       product.getScales(), product.getOut()}) {
    auto argument = cast_if_present<BlockArgument>(buffer);
    os << " " << (argument ? int(tern::getKernelParam(argument)) : -1);
  }
  os << "\n";
  return success();
}

namespace {
/// The host's part of a model is as for other processors.
struct Simd : tern::CPUSimdModel<Simd, TargetAttr> {};

struct Lowering : tern::CPULoweringModel<Lowering, TargetAttr> {
  LogicalResult lowerPackedMatmul(Attribute, RewriterBase &rewriter,
                                  tern::PackedMatmulOp op) const {
    if (!isa<CodesAttr>(op.getLayout()) ||
        !getElementTypeOrSelf(op.getActivations()).isInteger(8))
      return op.emitError("a tally multiplies its codes by 8-bit numbers only");
    int64_t group = op.getGroup();
    tern::lowerPackedMatmulToLaunch(
        rewriter, op, [&](OpBuilder &b, Location loc, ArrayRef<Value> buffers) {
          ProductOp::create(b, loc, buffers[0], buffers[1], buffers[2],
                            buffers[3], group);
        });
    return success();
  }

  void buildMachinePipeline(Attribute target, OpPassManager &pm,
                            const tern::LoweringOptions &options) const {
    pm.addPass(createGpuKernelOutliningPass());
    CPULoweringModel::buildMachinePipeline(target, pm, options);
  }

  FailureOr<SmallVector<tern::CodeObject>>
  serializeKernels(Attribute, ModuleOp module) const {
    SmallVector<tern::CodeObject> images;
    for (auto kernels : module.getOps<gpu::GPUModuleOp>()) {
      images.push_back({"tally", "tally1", kernels.getName().str(), {}});
      llvm::raw_svector_ostream os(images.back().bytes);
      for (auto kernel : kernels.getOps<gpu::GPUFuncOp>())
        if (failed(assemble(kernel, os)))
          return failure();
    }
    return images;
  }
};

const tern::NamedTarget kTarget = {
    "tally",
    "an invented accelerator beside any processor",
    /*features=*/{},
    /*isHost=*/nullptr,
    [](MLIRContext *context, ArrayRef<StringRef>) -> tern::TargetAttrInterface {
      return TargetAttr::get(context);
    },
    [](MLIRContext *context) {
      TargetAttr::attachInterface<Simd, Lowering>(*context);
    }};
} // namespace

void TallyDialect::initialize() {
  addAttributes<TargetAttr, CodesAttr>();
  addOperations<ProductOp>();
  addInterface(std::make_unique<tern::NamedTargets>(this, kTarget));
}

#include "TallyDialect.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "TallyAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "TallyOps.cpp.inc"

TERN_PLUGIN

extern "C" LLVM_ATTRIBUTE_WEAK DialectPluginLibraryInfo
mlirGetDialectPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "Tally", TERN_VERSION_STRING,
          [](DialectRegistry *registry) { registry->insert<TallyDialect>(); }};
}
